"""Is one candidate better than another, or was it chance? Paired: both read the same documents.

The interval of the difference is that of `vlm_lab.analysis.statistics`, with one draw for both. The p value is from a
permutation test that swaps the two candidates' answers document by document (Edgington & Onghena 2007, ch. 5), and is
adjusted over all comparisons of a run (Holm 1979): with ten candidates there are 45, and two or three of those differ
"significantly" by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.aggregation import Tally
from vlm_lab.analysis.power import detectable, further_documents
from vlm_lab.analysis.statistics import divide, draws, interval, parts
from vlm_lab.messages import Reason
from vlm_lab.types import CandidateKey, Comparison, Estimate, Summary

Array = NDArray[np.float64]
HEADLINE = "field_f1"


def compare_all(tallies: Mapping[CandidateKey, Tally], score: str = HEADLINE, seed: int = 0) -> list[Comparison]:
    """Every two candidates (model x prompt) of a suite, in the run's order."""
    compared = [
        compare(first, second, score, seed)
        for first, second in combinations([each for each in tallies.values() if each.documents], 2)
        if first.key.suite == second.key.suite
    ]
    return adjusted(compared)


def compare(first: Tally, second: Tally, score: str = HEADLINE, seed: int = 0) -> Comparison:
    """First minus second on the documents that both answered; not yet adjusted for other comparisons."""
    answered = set(second.documents)
    common = [document for document in first.documents if document in answered]
    ours, theirs = (_picked(each, common, score) for each in (first, second))
    judged = ours[:, 1] + theirs[:, 1] > 0
    difference, error, p_value = paired(ours[judged], theirs[judged], seed)
    return Comparison(
        suite=first.key.suite,
        first=first.key[1:],
        second=second.key[1:],
        score=score,
        difference=difference,
        p_value=p_value,
        p_adjusted=p_value,
        detectable=detectable(error),
        more_documents=further_documents(difference.value, error, difference.n),
        left_out=tuple(sorted((set(first.statuses) | set(second.statuses)) - set(common))),
    )


def paired(ours: Array, theirs: Array, seed: int = 0) -> tuple[Estimate, float | None, float | None]:
    """Difference of two ratios with its interval, its standard error and p value.

    Both are documents x 2: numerator and denominator of the same documents. None where there are fewer than two.
    """
    n = len(ours)
    if n == 0:
        return Estimate(None), None, None
    value = float(_ratio(ours.sum(0)) - _ratio(theirs.sum(0)))
    if n < 2 or not np.isfinite(value):
        return Estimate(value if np.isfinite(value) else None, n=n), None, None
    drawn = draws(n, seed)
    differences = _ratio(_sums(drawn, ours)) - _ratio(_sums(drawn, theirs))
    differences = differences[np.isfinite(differences)]
    low, high = interval(differences, n)
    return Estimate(value, low, high, n), float(differences.std()), _swapped(ours, theirs, value, seed)


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same with Holm's p values: the smallest times m, the next times m - 1, ..., never falling."""
    known = sorted((p, place) for place, each in enumerate(comparisons) if (p := each.p_value) is not None)
    made, so_far = list(comparisons), 0.0
    for rank, (p_value, place) in enumerate(known):
        so_far = max(so_far, min(1.0, p_value * (len(known) - rank)))
        made[place] = replace(comparisons[place], p_adjusted=so_far)
    return made


def prompt_warnings(summaries: Sequence[Summary]) -> list[Reason]:
    """One line for each model whose best prompt was picked on the documents that it is judged by."""
    prompts: dict[tuple[str, str], int] = {}
    for summary in summaries:
        if summary.scores.get(HEADLINE, Estimate(None)).value is not None:
            key = summary.suite, summary.model
            prompts[key] = prompts.get(key, 0) + 1
    return [
        Reason("flattered", {"model": model, "suite": suite, "n": count})
        for (suite, model), count in prompts.items()
        if count > 1
    ]


def _swapped(ours: Array, theirs: Array, value: float, seed: int) -> float:
    """Share of the swaps that differ at least as much as what was found, which is one of them."""
    resamples = len(draws(len(ours), seed))
    signs = np.random.default_rng(seed).integers(0, 2, (resamples, len(ours)), dtype=np.int8) * np.float32(2) - 1
    middle, half = (ours + theirs) / 2, (ours - theirs) / 2
    swing = _sums(signs, half)
    found = np.abs(_ratio(middle.sum(0) + swing) - _ratio(middle.sum(0) - swing))
    return float((1 + np.sum(found >= abs(value) - 1e-9)) / (1 + resamples))


def _picked(counted: Tally, documents: Sequence[str], score: str) -> Array:
    rows = {document: place for place, document in enumerate(counted.documents)}
    tops, bottoms = parts(counted.counts, [score])
    return np.concatenate([tops, bottoms], -1)[[rows[document] for document in documents]]


def _sums(weights: NDArray[np.float32], counts: Array) -> Array:
    return np.asarray(weights @ counts.astype(np.float32), dtype=np.float64)


def _ratio(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])
