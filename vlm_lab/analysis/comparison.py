"""Is one candidate better than another, or was it chance? Paired: both read the same documents.

p values are adjusted over all comparisons of a run (Holm 1979): with ten candidates there are 45,
and two or three of those differ "significantly" by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from vlm_lab.analysis.aggregation import CandidateCounts
from vlm_lab.analysis.figures import QUANTILES, collect_ratios, collect_values, is_ratio
from vlm_lab.analysis.labelled_share import DOCUMENTS_RIGHT, compare_labelled_shares
from vlm_lab.analysis.paired_difference import (
    ONE_SIDED_TAIL,
    PairedDifference,
    estimate_paired_difference,
)
from vlm_lab.analysis.paired_values import estimate_value_difference
from vlm_lab.analysis.power import estimate_further_documents, minimum_detectable_effect
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey, Comparison, Estimate, Model, Summary

HEADLINE_SCORE = "field_f1"


def compare_all_pairs(
    counts_by_candidate: Mapping[CandidateKey, CandidateCounts],
    score: str = HEADLINE_SCORE,
    models: Sequence[Model] = (),
    familywise_error_rate: float = ONE_SIDED_TAIL,
    seed: int = 0,
) -> list[Comparison]:
    """Every two candidates (model x prompt) of a suite, in the run's order. The bounds of all pairs
    of a suite together are missed with `familywise_error_rate` at most."""
    pairs = [
        (first, second)
        for first, second in combinations(
            [counts for counts in counts_by_candidate.values() if counts.answered_documents], 2
        )
        if first.candidate.suite == second.candidate.suite
    ]
    tail = familywise_error_rate / max(1, len(pairs))
    return adjust_p_values([compare_pair(*pair, score, models, tail, seed) for pair in pairs])


def find_comparison(
    comparisons: Sequence[Comparison], first: tuple[str, str], second: tuple[str, str], score: str
) -> Comparison | None:
    """That of two candidates on a figure, whichever of them is named first."""
    return next(
        (
            comparison
            for comparison in comparisons
            if {comparison.first, comparison.second} == {first, second}
            and comparison.score == score
        ),
        None,
    )


def compare_pair(
    first: CandidateCounts,
    second: CandidateCounts,
    score: str = HEADLINE_SCORE,
    models: Sequence[Model] = (),
    tail: float = ONE_SIDED_TAIL,
    seed: int = 0,
) -> Comparison:
    """First minus second on the documents that both are judged by; not yet adjusted for other
    comparisons."""
    if is_ratio(score):
        documents, paired = _compare_ratios(first, second, score, tail, seed)
    else:
        documents, paired = _compare_values(first, second, score, models, seed)
    difference = paired.estimate
    return Comparison(
        suite=first.candidate.suite,
        first=first.candidate[1:],
        second=second.candidate[1:],
        score=score,
        difference=difference,
        p_value=paired.p_value,
        p_adjusted=paired.p_value,
        bounds=paired.bounds,
        detectable=minimum_detectable_effect(paired.standard_error),
        more_documents=estimate_further_documents(
            difference.value, paired.standard_error, difference.n
        ),
        left_out=tuple(sorted((set(first.statuses) | set(second.statuses)) - set(documents))),
    )


def _compare_ratios(
    first: CandidateCounts, second: CandidateCounts, score: str, tail: float, seed: int
) -> tuple[list[str], PairedDifference]:
    first_ratios, second_ratios = collect_ratios(first, score), collect_ratios(second, score)
    common = [document for document in first_ratios if document in second_ratios]
    judged = [
        document for document in common if first_ratios[document][1] + second_ratios[document][1]
    ]
    first_rows, second_rows = (
        np.array([ratios[document] for document in judged]).reshape(len(judged), 2)
        for ratios in (first_ratios, second_ratios)
    )
    if score == DOCUMENTS_RIGHT:
        powered = compare_labelled_shares(first, second, tail, seed)
        if powered is not None:
            return common, powered
    units = first.index_units(judged)
    return common, estimate_paired_difference(first_rows, second_rows, seed, units, tail)


def _compare_values(
    first: CandidateCounts,
    second: CandidateCounts,
    name: str,
    models: Sequence[Model],
    seed: int,
) -> tuple[list[str], PairedDifference]:
    by_name = {model.name: model for model in models}
    first_values, second_values = (
        collect_values(counts, name, by_name.get(counts.candidate.model))
        for counts in (first, second)
    )
    common = [document for document in first_values if document in second_values]
    first_row, second_row = (
        np.array([values[document] for document in common])
        for values in (first_values, second_values)
    )
    units = first.index_units(common)
    return common, estimate_value_difference(first_row, second_row, QUANTILES[name], seed, units)


def adjust_p_values(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same with Holm's p values: the smallest times m, the next times m - 1, ..., never
    falling."""
    ranked = sorted(
        (p, index)
        for index, comparison in enumerate(comparisons)
        if (p := comparison.p_value) is not None
    )
    adjusted_comparisons, highest_p = list(comparisons), 0.0
    for rank, (p_value, index) in enumerate(ranked):
        highest_p = max(highest_p, min(1.0, p_value * (len(ranked) - rank)))
        adjusted_comparisons[index] = replace(comparisons[index], p_adjusted=highest_p)
    return adjusted_comparisons


def collect_prompt_warnings(summaries: Sequence[Summary]) -> list[Message]:
    """One line for each model whose best prompt was picked on the documents that it is judged
    by."""
    prompt_counts: dict[tuple[str, str], int] = {}
    for summary in summaries:
        if summary.scores.get(HEADLINE_SCORE, Estimate(None)).value is not None:
            suite_and_model = summary.suite, summary.model
            prompt_counts[suite_and_model] = prompt_counts.get(suite_and_model, 0) + 1
    return [
        Message("flattered", {"model": model, "suite": suite, "n": count})
        for (suite, model), count in prompt_counts.items()
        if count > 1
    ]
