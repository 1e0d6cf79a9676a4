"""Is one candidate better than another, or was it chance? Paired: both read the same documents.

The interval of the difference is that of `vlm_lab.analysis.statistics`, with one draw for both. The
p value is from a permutation test that swaps the two candidates' answers document by document
(Edgington & Onghena 2007, ch. 5), and is adjusted over all comparisons of a run (Holm 1979): with
ten candidates there are 45, and two or three of those differ "significantly" by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.aggregation import CandidateCounts
from vlm_lab.analysis.bootstrap import compute_interval, draw_bootstrap_weights
from vlm_lab.analysis.intervals import divide
from vlm_lab.analysis.power import estimate_further_documents, minimum_detectable_effect
from vlm_lab.analysis.statistics import compute_score_ratios
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey, Comparison, Estimate, Summary

Array = NDArray[np.float64]
HEADLINE_SCORE = "field_f1"


def compare_all_pairs(
    counts_by_candidate: Mapping[CandidateKey, CandidateCounts],
    score: str = HEADLINE_SCORE,
    seed: int = 0,
) -> list[Comparison]:
    """Every two candidates (model x prompt) of a suite, in the run's order."""
    comparisons = [
        compare_pair(first, second, score, seed)
        for first, second in combinations(
            [counts for counts in counts_by_candidate.values() if counts.answered_documents], 2
        )
        if first.candidate.suite == second.candidate.suite
    ]
    return adjust_p_values(comparisons)


def compare_pair(
    first: CandidateCounts, second: CandidateCounts, score: str = HEADLINE_SCORE, seed: int = 0
) -> Comparison:
    """First minus second on the documents that both answered; not yet adjusted for other
    comparisons."""
    second_documents = set(second.answered_documents)
    common_documents = [
        document for document in first.answered_documents if document in second_documents
    ]
    first_ratios, second_ratios = (
        _select_score_ratios(counts, common_documents, score) for counts in (first, second)
    )
    judged = first_ratios[:, 1] + second_ratios[:, 1] > 0
    difference, standard_error, p_value = estimate_paired_difference(
        first_ratios[judged], second_ratios[judged], seed
    )
    return Comparison(
        suite=first.candidate.suite,
        first=first.candidate[1:],
        second=second.candidate[1:],
        score=score,
        difference=difference,
        p_value=p_value,
        p_adjusted=p_value,
        detectable=minimum_detectable_effect(standard_error),
        more_documents=estimate_further_documents(difference.value, standard_error, difference.n),
        left_out=tuple(
            sorted((set(first.statuses) | set(second.statuses)) - set(common_documents))
        ),
    )


def estimate_paired_difference(
    first_ratios: Array, second_ratios: Array, seed: int = 0
) -> tuple[Estimate, float | None, float | None]:
    """Difference of two ratios with its interval, its standard error and p value.

    Both are documents x 2: numerator and denominator of the same documents. None where there are
    fewer than two.
    """
    documents = len(first_ratios)
    if documents == 0:
        return Estimate(None), None, None
    value = float(_compute_ratio(first_ratios.sum(0)) - _compute_ratio(second_ratios.sum(0)))
    if documents < 2 or not np.isfinite(value):
        return Estimate(value if np.isfinite(value) else None, n=documents), None, None
    weights = draw_bootstrap_weights(documents, seed)
    differences = _compute_ratio(_sum_by_weights(weights, first_ratios)) - _compute_ratio(
        _sum_by_weights(weights, second_ratios)
    )
    differences = differences[np.isfinite(differences)]
    low, high = compute_interval(differences, documents)
    return (
        Estimate(value, low, high, documents),
        float(differences.std()),
        _compute_permutation_p_value(first_ratios, second_ratios, value, seed),
    )


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


def _compute_permutation_p_value(
    first_ratios: Array, second_ratios: Array, observed_difference: float, seed: int
) -> float:
    """Share of the swaps that differ at least as much as what was found, which is one of them."""
    resamples = len(draw_bootstrap_weights(len(first_ratios), seed))
    signs = (
        np.random.default_rng(seed).integers(0, 2, (resamples, len(first_ratios)), dtype=np.int8)
        * np.float32(2)
        - 1
    )
    mean, half_difference = (first_ratios + second_ratios) / 2, (first_ratios - second_ratios) / 2
    swapped_sums = _sum_by_weights(signs, half_difference)
    permuted_differences = np.abs(
        _compute_ratio(mean.sum(0) + swapped_sums) - _compute_ratio(mean.sum(0) - swapped_sums)
    )
    return float(
        (1 + np.sum(permuted_differences >= abs(observed_difference) - 1e-9)) / (1 + resamples)
    )


def _select_score_ratios(counts: CandidateCounts, documents: Sequence[str], score: str) -> Array:
    row_by_document = {document: row for row, document in enumerate(counts.answered_documents)}
    numerators, denominators = compute_score_ratios(counts.count_matrix, [score])
    return np.concatenate([numerators, denominators], -1)[
        [row_by_document[document] for document in documents]
    ]


def _sum_by_weights(weights: NDArray[np.float32], counts: Array) -> Array:
    return np.asarray(weights @ counts.astype(np.float32), dtype=np.float64)


def _compute_ratio(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])
