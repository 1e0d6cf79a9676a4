"""Two candidates' answers to the same documents -> the difference of a figure, and what it shows.

- Is it more than chance? A permutation test that swaps the two candidates' answers document by
  document (Edgington & Onghena 2007, ch. 5), and a percentile interval of resampled documents.
- Is it smaller than a margin? Two one-sided tests (Schuirmann 1987, TOST) by one-sided bounds that
  count one document more, which was not seen and speaks against the claim: forty documents on which
  two candidates agree do not show that they agree on the next.

Documents are resampled, or groups of them where a suite's `cluster` says so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.bootstrap import compute_interval, draw_bootstrap_weights
from vlm_lab.analysis.intervals import divide, draw_unit_weights
from vlm_lab.analysis.units import Array, Units, sum_by_unit
from vlm_lab.types import Estimate

ONE_SIDED_TAIL = 0.05


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """First minus second. `bounds` are one-sided, each missed with the probability that was asked
    for; None where the figure has no largest value."""

    estimate: Estimate
    standard_error: float | None = None
    p_value: float | None = None
    bounds: tuple[float, float] | None = None


def estimate_paired_difference(
    first_ratios: Array,
    second_ratios: Array,
    seed: int = 0,
    units: Units | None = None,
    tail: float = ONE_SIDED_TAIL,
) -> PairedDifference:
    """The difference of two ratios. Both are documents x 2: numerator and denominator of the same
    documents. Below two units there is the value alone."""
    documents = len(first_ratios)
    first, second = sum_by_unit(first_ratios, units), sum_by_unit(second_ratios, units)
    groups = None if units is None else len(first)
    value = float(_compute_ratio(first.sum(0)) - _compute_ratio(second.sum(0)))
    if not np.isfinite(value):
        return PairedDifference(Estimate(None, n=documents, units=groups))
    if len(first) < 2:
        return PairedDifference(Estimate(value, n=documents, units=groups))
    weights = draw_bootstrap_weights(len(first), seed)
    resampled = _compute_ratio(_sum_by_weights(weights, first)) - _compute_ratio(
        _sum_by_weights(weights, second)
    )
    resampled = resampled[np.isfinite(resampled)]
    low, high = compute_interval(resampled, len(first))
    return PairedDifference(
        Estimate(value, low, high, documents, groups),
        float(resampled.std()),
        _compute_permutation_p_value(first, second, value, seed),
        _compute_difference_bounds(first, second, seed, tail),
    )


def _compute_difference_bounds(
    first: Array, second: Array, seed: int, tail: float
) -> tuple[float, float]:
    weights = draw_unit_weights(len(first), seed)
    sums = weights[:, 1:] @ np.concatenate([first, second], -1).astype(np.float32)
    first_right, first_judged, second_right, second_judged = sums.astype(np.float64).T
    unseen = weights[:, 0] * max(first[:, 1].max(), second[:, 1].max())

    def compute_difference(first_unseen: Array, second_unseen: Array) -> Array:
        return divide(first_right + first_unseen, first_judged + unseen) - divide(
            second_right + second_unseen, second_judged + unseen
        )

    nothing = np.zeros_like(unseen)
    lower = float(np.quantile(compute_difference(nothing, unseen), tail))
    return lower, float(np.quantile(compute_difference(unseen, nothing), 1 - tail))


def _compute_permutation_p_value(first: Array, second: Array, observed: float, seed: int) -> float:
    resamples = len(draw_bootstrap_weights(len(first), seed))
    signs = (
        np.random.default_rng(seed).integers(0, 2, (resamples, len(first)), dtype=np.int8)
        * np.float32(2)
        - 1
    )
    mean, half_difference = (first + second) / 2, (first - second) / 2
    swapped_sums = _sum_by_weights(signs, half_difference)
    permuted = _compute_ratio(mean.sum(0) + swapped_sums) - _compute_ratio(
        mean.sum(0) - swapped_sums
    )
    return _compute_p_value(permuted, observed)


def _compute_p_value(permuted: Array, observed: float) -> float:
    """Share of the swaps that differ at least as much as what was found, which is one of them."""
    exceeded = np.sum(np.abs(permuted) >= abs(observed) - 1e-9)
    return float((1 + exceeded) / (1 + len(permuted)))


def _sum_by_weights(weights: NDArray[np.float32], counts: Array) -> Array:
    return np.asarray(weights @ counts.astype(np.float32), dtype=np.float64)


def _compute_ratio(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])
