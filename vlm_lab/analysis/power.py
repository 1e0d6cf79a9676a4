"""How many documents are enough: what so many could have shown, and how many more would show what
was found.

Normal approximation, 5 % two-sided and 80 % power (Cohen 1988, ch. 2). The assumption, which is
said wherever these figures are: what comes is like what was measured, so a standard error shrinks
with the root of the documents.
"""

import math
from statistics import NormalDist

Z_95 = NormalDist().inv_cdf(0.975)
Z_POWER_80 = NormalDist().inv_cdf(0.80)


def minimum_detectable_effect(standard_error: float | None) -> float | None:
    """The smallest difference found four times in five at this standard error; None where nothing
    varied."""
    return (Z_95 + Z_POWER_80) * standard_error if standard_error else None


def estimate_further_documents(
    difference: float | None, standard_error: float | None, documents: int
) -> int | None:
    """Documents beside the present ones until this difference would be found four times in five;
    None: never."""
    if not difference or not standard_error:
        return None
    return max(
        0,
        math.ceil(documents * ((Z_95 + Z_POWER_80) * standard_error / difference) ** 2) - documents,
    )


def compute_power(difference: float, standard_error: float) -> float:
    """The share of runs that find a true difference at this standard error."""
    standardized_difference = abs(difference) / standard_error
    return NormalDist().cdf(standardized_difference - Z_95) + NormalDist().cdf(
        -standardized_difference - Z_95
    )


def count_units_all_right(threshold: float, tail: float) -> int | None:
    """The fewest units that can show a threshold, all of them right; None: it cannot be shown."""
    if threshold >= 1:
        return None
    return max(2, math.ceil(math.log(tail) / math.log(threshold))) if threshold > 0 else 2
