"""Two candidates' seconds, or money, for the same documents -> the difference of their medians,
95th percentiles or means, by resampled documents.

The p value is that of the percentile interval: twice the smaller share of resamples on one side of
0 (Efron & Tibshirani 1993, ch. 15). Swapping the two candidates, as for shares, tells little of
medians: where one is always slower, the median of a half swapped lies on either side by chance.
"""

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.bootstrap import compute_interval, draw_bootstrap_weights
from vlm_lab.analysis.paired_difference import PairedDifference
from vlm_lab.analysis.units import Array, Units
from vlm_lab.types import Estimate

RESAMPLES = 2000  # each needs the documents in order


def estimate_value_difference(
    first: Array, second: Array, quantile: float | None, seed: int = 0, units: Units | None = None
) -> PairedDifference:
    """The difference of two quantiles (None: means) of values of the same documents: seconds,
    money."""
    documents = len(first)
    unit_indices = np.arange(documents) if units is None else units
    unit_count = int(unit_indices.max()) + 1 if documents else 0
    groups = None if units is None else unit_count
    if not documents:
        return PairedDifference(Estimate(None, n=0, units=groups))
    equal_weights = np.ones((1, documents), dtype=np.float32)
    value = float(
        (
            _summarize_values(first[None], equal_weights, quantile)
            - _summarize_values(second[None], equal_weights, quantile)
        )[0]
    )
    if unit_count < 2:
        return PairedDifference(Estimate(value, n=documents, units=groups))
    weights = draw_bootstrap_weights(unit_count, seed)[:RESAMPLES, unit_indices]
    resampled = _summarize_values(first[None], weights, quantile) - _summarize_values(
        second[None], weights, quantile
    )
    low, high = compute_interval(resampled, unit_count)
    return PairedDifference(
        Estimate(value, low, high, documents, groups),
        float(resampled.std()),
        _compute_p_value(resampled),
    )


def _compute_p_value(resampled: Array) -> float:
    tail = min(np.sum(resampled <= 0), np.sum(resampled >= 0))
    return float(min(1.0, 2 * (1 + tail) / (1 + len(resampled))))


def _summarize_values(values: Array, weights: NDArray[np.float32], quantile: float | None) -> Array:
    """The weighted quantile (None: mean) of each row of values; either may have one row for all."""
    if quantile is None:
        return np.asarray((values * weights).sum(-1) / weights.sum(-1), dtype=np.float64)
    order = np.argsort(values, -1)
    sorted_values = np.take_along_axis(values, order, -1)
    rows = max(len(values), len(weights))
    sorted_weights = np.take_along_axis(
        np.broadcast_to(weights, (rows, weights.shape[-1])),
        np.broadcast_to(order, (rows, order.shape[-1])),
        -1,
    )
    reached = np.cumsum(sorted_weights, -1)
    positions = (reached < quantile * reached[:, -1:]).sum(-1)
    columns = np.minimum(positions, values.shape[-1] - 1)
    return np.asarray(
        np.broadcast_to(sorted_values, (rows, values.shape[-1]))[np.arange(rows), columns],
        dtype=np.float64,
    )
