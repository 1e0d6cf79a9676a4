"""How far the confidences of a candidate's values are off: reliability curve and expected
calibration error.

Naeini, Cooper & Hauskrecht 2015, with bins of equal numbers (Nguyen & O'Connor 2015), because a
model's probabilities crowd below 1. Noise alone makes the error larger than zero.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.bootstrap import compute_interval, draw_bootstrap_weights
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.units import Array, Units, sum_by_unit
from vlm_lab.types import Estimate, ReliabilityBin

MAX_BINS = 10
MIN_VALUES_PER_BIN = 20  # values, below which a bin says nothing


def compute_reliability(
    value_samples: Sequence[tuple[int, float, bool]],
    document_count: int,
    seed: int,
    units: Units | None = None,
) -> tuple[tuple[ReliabilityBin, ...], Estimate]:
    """Bins of equal numbers of values (number of document, confidence, right), the least sure
    first, and their mean distance from the diagonal, by values."""
    if not value_samples:
        return (), Estimate(None)
    columns = zip(*value_samples, strict=True)
    document_indices, confidence, right = (np.array(column, np.float64) for column in columns)
    bin_count = max(1, min(MAX_BINS, len(document_indices) // MIN_VALUES_PER_BIN))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bin_count + 1)[1:-1]))
    bin_indices = np.searchsorted(edges, confidence, side="right")
    shape = document_count, len(edges) + 1
    cells = (document_indices.astype(np.int64), bin_indices)
    value_counts = _sum_into_bins(shape, cells, np.ones_like(right))
    is_used = value_counts.sum(0) > 0
    value_counts = value_counts[:, is_used]
    confidence_sums = _sum_into_bins(shape, cells, confidence)[:, is_used]
    correct_sums = _sum_into_bins(shape, cells, right)[:, is_used]
    accuracies = estimate_ratios(correct_sums, value_counts, seed, units)
    counts = value_counts.sum(0)
    mean_confidences = confidence_sums.sum(0) / counts
    columns = zip(mean_confidences.tolist(), accuracies, counts.astype(int).tolist(), strict=True)
    gaps = correct_sums - confidence_sums
    error = _estimate_calibration_error(value_counts, gaps, seed, units)
    return tuple(ReliabilityBin(*column) for column in columns), error


def _sum_into_bins(
    shape: tuple[int, int], cells: tuple[NDArray[np.int64], NDArray[np.int64]], amounts: Array
) -> Array:
    """documents x bins."""
    sums = np.zeros(shape)
    np.add.at(sums, cells, amounts)
    return sums


def _estimate_calibration_error(
    count: Array, gaps: Array, seed: int, units: Units | None
) -> Estimate:
    """Sum over bins of |right - sure| / values, with its interval."""
    documents = int((count.sum(1) > 0).sum())
    value = float(np.abs(gaps.sum(0)).sum() / count.sum())
    count, gaps = sum_by_unit(count, units), sum_by_unit(gaps, units)
    resampled = int((count.sum(1) > 0).sum())
    groups = None if units is None else resampled
    if resampled < 2:
        return Estimate(value, n=documents, units=groups)
    weights = draw_bootstrap_weights(len(count), seed).astype(np.float64)
    with np.errstate(invalid="ignore"):
        resampled_errors = np.abs(weights @ gaps).sum(-1) / (weights @ count).sum(-1)
    low, high = compute_interval(resampled_errors, resampled)
    return Estimate(value, min(low, value), max(high, value), documents, groups)
