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
from vlm_lab.analysis.power import estimate_further_documents, minimum_detectable_effect
from vlm_lab.analysis.statistics import (
    compute_interval,
    compute_score_ratios,
    divide,
    draw_bootstrap_weights,
)
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey, Comparison, Estimate, Summary

Array = NDArray[np.float64]
HEADLINE_SCORE = "field_f1"


def compare_all_pairs(
    tallies: Mapping[CandidateKey, CandidateCounts], score: str = HEADLINE_SCORE, seed: int = 0
) -> list[Comparison]:
    """Every two candidates (model x prompt) of a suite, in the run's order."""
    compared = [
        compare_pair(first, second, score, seed)
        for first, second in combinations(
            [each for each in tallies.values() if each.answered_documents], 2
        )
        if first.candidate.suite == second.candidate.suite
    ]
    return adjust_p_values(compared)


def compare_pair(
    first: CandidateCounts, second: CandidateCounts, score: str = HEADLINE_SCORE, seed: int = 0
) -> Comparison:
    """First minus second on the documents that both answered; not yet adjusted for other
    comparisons."""
    answered = set(second.answered_documents)
    common = [document for document in first.answered_documents if document in answered]
    ours, theirs = (_select_score_ratios(each, common, score) for each in (first, second))
    judged = ours[:, 1] + theirs[:, 1] > 0
    difference, error, p_value = estimate_paired_difference(ours[judged], theirs[judged], seed)
    return Comparison(
        suite=first.candidate.suite,
        first=first.candidate[1:],
        second=second.candidate[1:],
        score=score,
        difference=difference,
        p_value=p_value,
        p_adjusted=p_value,
        detectable=minimum_detectable_effect(error),
        more_documents=estimate_further_documents(difference.value, error, difference.n),
        left_out=tuple(sorted((set(first.statuses) | set(second.statuses)) - set(common))),
    )


def estimate_paired_difference(
    ours: Array, theirs: Array, seed: int = 0
) -> tuple[Estimate, float | None, float | None]:
    """Difference of two ratios with its interval, its standard error and p value.

    Both are documents x 2: numerator and denominator of the same documents. None where there are
    fewer than two.
    """
    n = len(ours)
    if n == 0:
        return Estimate(None), None, None
    value = float(_compute_ratio(ours.sum(0)) - _compute_ratio(theirs.sum(0)))
    if n < 2 or not np.isfinite(value):
        return Estimate(value if np.isfinite(value) else None, n=n), None, None
    drawn = draw_bootstrap_weights(n, seed)
    differences = _compute_ratio(_sum_by_weights(drawn, ours)) - _compute_ratio(
        _sum_by_weights(drawn, theirs)
    )
    differences = differences[np.isfinite(differences)]
    low, high = compute_interval(differences, n)
    return (
        Estimate(value, low, high, n),
        float(differences.std()),
        _compute_permutation_p_value(ours, theirs, value, seed),
    )


def adjust_p_values(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same with Holm's p values: the smallest times m, the next times m - 1, ..., never
    falling."""
    known = sorted(
        (p, place) for place, each in enumerate(comparisons) if (p := each.p_value) is not None
    )
    made, so_far = list(comparisons), 0.0
    for rank, (p_value, place) in enumerate(known):
        so_far = max(so_far, min(1.0, p_value * (len(known) - rank)))
        made[place] = replace(comparisons[place], p_adjusted=so_far)
    return made


def collect_prompt_warnings(summaries: Sequence[Summary]) -> list[Message]:
    """One line for each model whose best prompt was picked on the documents that it is judged
    by."""
    prompts: dict[tuple[str, str], int] = {}
    for summary in summaries:
        if summary.scores.get(HEADLINE_SCORE, Estimate(None)).value is not None:
            key = summary.suite, summary.model
            prompts[key] = prompts.get(key, 0) + 1
    return [
        Message("flattered", {"model": model, "suite": suite, "n": count})
        for (suite, model), count in prompts.items()
        if count > 1
    ]


def _compute_permutation_p_value(ours: Array, theirs: Array, value: float, seed: int) -> float:
    """Share of the swaps that differ at least as much as what was found, which is one of them."""
    resamples = len(draw_bootstrap_weights(len(ours), seed))
    signs = (
        np.random.default_rng(seed).integers(0, 2, (resamples, len(ours)), dtype=np.int8)
        * np.float32(2)
        - 1
    )
    middle, half = (ours + theirs) / 2, (ours - theirs) / 2
    swing = _sum_by_weights(signs, half)
    found = np.abs(_compute_ratio(middle.sum(0) + swing) - _compute_ratio(middle.sum(0) - swing))
    return float((1 + np.sum(found >= abs(value) - 1e-9)) / (1 + resamples))


def _select_score_ratios(counted: CandidateCounts, documents: Sequence[str], score: str) -> Array:
    rows = {document: place for place, document in enumerate(counted.answered_documents)}
    tops, bottoms = compute_score_ratios(counted.count_matrix, [score])
    return np.concatenate([tops, bottoms], -1)[[rows[document] for document in documents]]


def _sum_by_weights(weights: NDArray[np.float32], counts: Array) -> Array:
    return np.asarray(weights @ counts.astype(np.float32), dtype=np.float64)


def _compute_ratio(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])
