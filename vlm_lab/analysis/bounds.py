"""An estimate -> its bounds at another level, and how many units a bound asks for.

An estimate keeps its 95 % interval alone. The number of units that would give this interval to a
rate (the effective number of Korn & Graubard 1998) gives the bounds at any other level: exact where
each unit has one value, close where it has several.
"""

import math
from collections.abc import Callable

import numpy as np

from vlm_lab.analysis.intervals import CONFIDENCE_LEVEL, compute_exact_bounds
from vlm_lab.types import Estimate

TAIL = (1 - CONFIDENCE_LEVEL) / 2
MAX_UNITS = 1e7
Z_POWER_80 = 0.8416  # of a standard normal distribution: above it lie 20 %


def compute_bounds(estimate: Estimate, tail: float) -> tuple[float, float]:
    """Lower and upper bound of an estimate that has an interval, each missed with a probability of
    `tail`."""
    value, low, high = get_interval(estimate)
    lower_units = _find_units(lambda units: _compute_lower(value, units, TAIL) - low)
    upper_units = _find_units(lambda units: high - _compute_upper(value, units, TAIL))
    return (
        min(value, _compute_lower(value, lower_units, tail)),
        max(value, _compute_upper(value, upper_units, tail)),
    )


def compute_best_case_bound(estimate: Estimate, further_units: int, tail: float) -> float:
    """The upper bound if so many further units were all right."""
    value, _, high = get_interval(estimate)
    units = _find_units(lambda units: high - _compute_upper(value, units, TAIL))
    growth = (estimate.n + further_units) / estimate.n
    best_value = (value * estimate.n + further_units) / (estimate.n + further_units)
    return max(best_value, _compute_upper(best_value, units * growth, tail))


def count_further_units(estimate: Estimate, threshold: float, tail: float) -> int | None:
    """Units beside the present ones until a bound at `tail` would be on the estimate's side of a
    threshold four times in five, if what comes is like what was seen; None: never."""
    value, low, high = get_interval(estimate)
    if value == threshold:
        return None
    if value > threshold:
        units = _find_units(lambda units: _compute_lower(value, units, TAIL) - low)
        needed = _find_units(
            lambda count: _compute_lower(value - _spread(value, count), count, tail) - threshold
        )
    else:
        units = _find_units(lambda units: high - _compute_upper(value, units, TAIL))
        needed = _find_units(
            lambda count: threshold - _compute_upper(value + _spread(value, count), count, tail)
        )
    if needed >= MAX_UNITS:
        return None
    return max(0, math.ceil(estimate.n * needed / units) - estimate.n)


def get_interval(estimate: Estimate) -> tuple[float, float, float]:
    """Value, lower and upper end of an estimate that has them."""
    assert estimate.value is not None  # noqa: S101
    assert estimate.low is not None  # noqa: S101
    assert estimate.high is not None  # noqa: S101
    return estimate.value, estimate.low, estimate.high


def _spread(value: float, units: float) -> float:
    """How far a figure of so many units falls one time in five."""
    return Z_POWER_80 * math.sqrt(max(0.0, value * (1 - value)) / units)


def _compute_lower(value: float, units: float, tail: float) -> float:
    value = min(1.0, max(0.0, value))
    lower, _ = compute_exact_bounds(np.array(units * value), np.array(units), tail)
    return float(lower)


def _compute_upper(value: float, units: float, tail: float) -> float:
    value = min(1.0, max(0.0, value))
    _, upper = compute_exact_bounds(np.array(units * value), np.array(units), tail)
    return float(upper)


def _find_units(excess: Callable[[float], float]) -> float:
    """The number of units at which a growing function crosses 0: by halving, on a logarithmic
    scale."""
    smallest, largest = math.log(0.5), math.log(MAX_UNITS)
    for _ in range(32):
        middle = (smallest + largest) / 2
        if excess(math.exp(middle)) < 0:
            smallest = middle
        else:
            largest = middle
    return math.exp(largest)
