"""An estimate -> its bounds at another level, and how many units a bound asks for.

An estimate keeps its 95 % interval alone. The number of units that would give this interval to a
rate (the effective number of Korn & Graubard 1998) gives the bounds at any other level: exact where
each unit has one value, close where it has several. An upper bound is the lower one of what is
wrong, so that everything here is said of lower bounds.
"""

import math
from collections.abc import Callable

import numpy as np

from vlm_lab.analysis.intervals import TAIL, compute_exact_bounds
from vlm_lab.analysis.power import Z_POWER_80
from vlm_lab.types import Estimate

MAX_UNITS = 1e7


def compute_bounds(estimate: Estimate, tail: float) -> tuple[float, float]:
    """Lower and upper bound of an estimate that has an interval, each missed with a probability of
    `tail`."""
    return _compute_lower_bound(estimate, tail), 1 - _compute_lower_bound(_mirror(estimate), tail)


def compute_best_case_bound(estimate: Estimate, further_units: int, tail: float) -> float:
    """The upper bound if so many further units were all right."""
    wrong_share, wrong_low = _get_lower_end(_mirror(estimate))
    units = _find_effective_units(wrong_share, wrong_low)
    growth = (estimate.n + further_units) / estimate.n
    best_wrong_share = wrong_share / growth
    return 1 - min(best_wrong_share, _compute_lower(best_wrong_share, units * growth, tail))


def count_further_units(estimate: Estimate, threshold: float, tail: float) -> int | None:
    """Units beside the present ones until a bound at `tail` would be on the estimate's side of a
    threshold four times in five, if what comes is like what was seen; None: never."""
    value, low = _get_lower_end(estimate)
    if value == threshold:
        return None
    if value < threshold:
        return count_further_units(_mirror(estimate), 1 - threshold, tail)

    def compute_excess(units: float) -> float:
        # A figure of so many units falls this far one time in five.
        spread = Z_POWER_80 * math.sqrt(value * (1 - value) / units)
        return _compute_lower(value - spread, units, tail) - threshold

    needed = _find_units(compute_excess)
    if needed >= MAX_UNITS:
        return None
    units = _find_effective_units(value, low)
    return max(0, math.ceil(estimate.n * needed / units) - estimate.n)


def _compute_lower_bound(estimate: Estimate, tail: float) -> float:
    value, low = _get_lower_end(estimate)
    return min(value, _compute_lower(value, _find_effective_units(value, low), tail))


def _mirror(estimate: Estimate) -> Estimate:
    """The same of what is wrong."""
    assert estimate.value is not None  # noqa: S101
    assert estimate.low is not None  # noqa: S101
    assert estimate.high is not None  # noqa: S101
    return Estimate(1 - estimate.value, 1 - estimate.high, 1 - estimate.low, estimate.n)


def _get_lower_end(estimate: Estimate) -> tuple[float, float]:
    assert estimate.value is not None  # noqa: S101
    assert estimate.low is not None  # noqa: S101
    return estimate.value, estimate.low


def _find_effective_units(value: float, low: float) -> float:
    """The units of a rate whose 95 % interval begins at `low`."""
    return _find_units(lambda units: _compute_lower(value, units, TAIL) - low)


def _compute_lower(value: float, units: float, tail: float) -> float:
    share = min(1.0, max(0.0, value))
    lower, _ = compute_exact_bounds(np.array(units * share), np.array(units), tail)
    return float(lower)


def _find_units(compute_excess: Callable[[float], float]) -> float:
    """The number of units at which a growing function crosses 0: by halving, on a logarithmic
    scale."""
    smallest, largest = math.log(0.5), math.log(MAX_UNITS)
    for _ in range(32):
        middle = (smallest + largest) / 2
        if compute_excess(math.exp(middle)) < 0:
            smallest = middle
        else:
            largest = middle
    return math.exp(largest)
