"""Scores of documents -> which could be booked unseen: thresholds, and what is shown of them.

A threshold is chosen on some documents and judged by others, for each fold of them in turn; those
that are booked in all folds are counted together. How many of them were right has Clopper &
Pearson's exact one-sided bound, so that 299 booked without an error show 99 % and 598 show 99.5 %;
of groups of documents that are read alike, the bound of their ratio (`vlm_lab.analysis.bounds`).

The rule that chooses: the lowest threshold whose own bound reaches the target with some room, since
the best of many thresholds flatters; else the one with the highest bound among those at which the
target share is right; none where at none it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.bounds import compute_bounds
from vlm_lab.analysis.intervals import compute_exact_bounds, estimate_ratios
from vlm_lab.analysis.units import Array, Units, number_units
from vlm_lab.types import Estimate, StraightThrough

ONE_SIDED_TAIL = 0.05  # how often fewer of those that are booked are right than is claimed
CHOOSING_TAIL = 0.01  # the room that a threshold is chosen with
NEVER_BOOKED = -1.0  # the score of a document without a usable answer
MAX_BOOKED = 10_000_000  # documents, beyond which nobody labels

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fold:
    """The documents of one fold, and the scores of all documents by a model that knows none of
    them."""

    held_out: Flags
    scores: Array


def choose_threshold(scores: Array, right: Array, target: float, growth: float = 1.0) -> float:
    """The score from which on documents are booked, infinite where none is. `growth` is how many
    times as many documents there are in the end as those that it is chosen on."""
    order = np.argsort(-scores, kind="stable")
    ordered_scores = scores[order]
    is_last_of_its_kind = np.append(ordered_scores[:-1] != ordered_scores[1:], True)
    ends = np.flatnonzero(is_last_of_its_kind & (ordered_scores > NEVER_BOOKED))
    if not len(ends):
        return math.inf
    booked = (ends + 1).astype(np.float64) * growth
    correct = np.cumsum(right[order])[ends] * growth
    for tail in (CHOOSING_TAIL, ONE_SIDED_TAIL):
        lower_bounds, _ = compute_exact_bounds(correct, booked, tail)
        shown = np.flatnonzero(lower_bounds >= target)
        if len(shown):
            return float(ordered_scores[ends[shown[-1]]])
    on_target = np.flatnonzero(correct >= target * booked)
    if not len(on_target):
        return math.inf
    best = on_target[np.argmax(lower_bounds[on_target])]
    return float(ordered_scores[ends[best]])


def book_documents(folds: Sequence[Fold], right: Array, target: float) -> Flags:
    """Which documents are booked, each by a threshold that was chosen on other folds."""
    is_booked = np.zeros(len(right), dtype=np.bool_)
    for fold in folds:
        known = ~fold.held_out
        growth = len(right) / max(1, int(known.sum()))
        threshold = choose_threshold(fold.scores[known], right[known], target, growth)
        is_booked |= fold.held_out & (fold.scores >= threshold)
    return is_booked


def estimate_straight_through(
    folds: Sequence[Fold], scores: Array, right: Array, target: float, units: Units | None
) -> StraightThrough:
    """What is booked at a target. `scores` are by the model over all documents, by which what
    comes later is booked."""
    is_booked = book_documents(folds, right, target)
    threshold = choose_threshold(scores, right, target)
    booked_units = None if units is None else number_units(units[is_booked].tolist())
    booked = estimate_booked(right[is_booked], booked_units)
    booked_count = int(is_booked.sum())
    rate = estimate_ratios(is_booked.astype(np.float64)[:, None], np.ones((len(right), 1)))[0]
    wrong_count = booked_count - int(right[is_booked].sum())
    is_shown = booked.low is not None and booked.low >= target
    return StraightThrough(
        target=target,
        rate=rate,
        booked=booked,
        wrong=wrong_count,
        threshold=None if math.isinf(threshold) else threshold,
        more_documents=None
        if is_shown
        else _count_more_documents(booked, wrong_count, len(right), target, units is not None),
    )


def estimate_booked(right: Array, units: Units | None) -> Estimate:
    """How many of those that are booked are right, with a one-sided lower bound."""
    return replace(bound_share_right(right, units), high=1.0) if len(right) else Estimate(None)


def bound_share_right(right: Array, units: Units | None) -> Estimate:
    """How many of these are right, with two one-sided bounds."""
    booked = np.ones(len(right))
    if units is None:
        bounds = compute_exact_bounds(right.sum(), booked.sum(), ONE_SIDED_TAIL)
        low, high = map(float, bounds)
        return Estimate(float(right.mean()), low, high, len(right))
    estimate = estimate_ratios(right[:, None], booked[:, None], units=units)[0]
    if estimate.low is None:
        return replace(estimate, low=0.0, high=1.0)
    low, high = compute_bounds(estimate, ONE_SIDED_TAIL)
    return replace(estimate, low=low, high=high)


def _count_more_documents(
    booked: Estimate, wrong: int, documents: int, target: float, has_groups: bool
) -> int | None:
    """Further documents until the target is shown, where the same share of them is booked and the
    same share of these is wrong; None: never. Documents in groups count as the smaller number of
    single ones that would have shown as much."""
    if not booked.n:
        return None
    wrong_share = wrong / booked.n
    needed = count_needed_documents(target, wrong_share)
    if needed is None:
        return None
    counted = booked.n
    if has_groups:
        counted = count_needed_documents(booked.low or 0.0, wrong_share) or booked.n
    missing = max(1.0, (needed - counted) * booked.n / counted)
    return math.ceil(missing * documents / booked.n)


def count_needed_documents(target: float, wrong_share: float = 0.0) -> int | None:
    """How many booked documents show a target where this share of them is wrong: 299 for 99 %,
    598 for 99.5 % without an error. None: no number does."""
    if wrong_share >= 1 - target:
        return None
    fewest, most = 1, MAX_BOOKED
    while fewest < most:
        middle = (fewest + most) // 2
        correct = np.array(middle * (1 - wrong_share))
        lower_bound, _ = compute_exact_bounds(correct, np.array(float(middle)), ONE_SIDED_TAIL)
        if lower_bound >= target:
            most = middle
        else:
            fewest = middle + 1
    return fewest if fewest < MAX_BOOKED else None


def draw_curve(scores: Array, right: Array) -> tuple[tuple[float, float], ...]:
    """(share booked, share of those right), the surest first; what cannot be booked is left out."""
    order = np.argsort(-scores, kind="stable")
    ordered_scores = scores[order]
    is_last_of_its_kind = np.append(ordered_scores[:-1] != ordered_scores[1:], True)
    ends = np.flatnonzero(is_last_of_its_kind & (ordered_scores > NEVER_BOOKED))
    shares_right = np.cumsum(right[order])[ends] / (ends + 1)
    coverages = (ends + 1) / len(scores)
    return tuple(zip(coverages.tolist(), shares_right.tolist(), strict=True))
