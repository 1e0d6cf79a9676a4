"""Counts of documents -> intervals of rates and ratios that hold however errors are distributed.

A figure is a sum over a sum: fields right over fields judged. Its units are documents, which stand
or fall together, or groups of documents where the suite says so. The interval weighs the units at
random (Dirichlet weights, as Rubin's Bayesian bootstrap 1981 does) and adds one that was not seen:
wholly wrong for the lower end, wholly right for the upper. Where each unit has one value this is
the exact interval of Clopper & Pearson (1934), which is then calculated instead of drawn; for
others it is the bound of Gaffke (2005) for the mean of bounded values (Phan, Thomas &
Learned-Miller 2021, "Towards Practical Mean Bounds for Small Samples"), here of a ratio.

Without the unit that was not seen, a model that was right on all of 40 documents would be certain,
and one document in thirty that is read wholly wrong would be left out of most intervals.
`tools/simulate_decisions.py` shows what they hold.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.units import Array, Units, sum_by_unit
from vlm_lab.types import Estimate

RESAMPLES = 10_000
# resamples x units: beyond 1,000 units fewer resamples do, and memory stays flat
MAX_DRAWS = 10_000_000
CONFIDENCE_LEVEL = 0.95
TAIL = (1 - CONFIDENCE_LEVEL) / 2  # how often the truth lies below an interval, at most


def estimate_ratios(
    numerators: Array, denominators: Array, seed: int = 0, units: Units | None = None
) -> list[Estimate]:
    """Each figure with its 95 % interval. Both are documents x figures; a document whose
    denominator is 0 has nothing to judge. `units` has the group of each document, where groups are
    resampled. Below two units there is no interval."""
    document_counts = _count_judged(numerators, denominators)
    numerators, denominators = (sum_by_unit(each, units) for each in (numerators, denominators))
    unit_counts = _count_judged(numerators, denominators)
    values = divide(numerators.sum(0), denominators.sum(0))
    lower_bounds, upper_bounds = _compute_bounds(numerators, denominators, seed)
    figures = zip(values, lower_bounds, upper_bounds, document_counts, unit_counts, strict=True)
    return [
        _build_estimate(
            float(value),
            float(low),
            float(high),
            int(documents),
            None if units is None else int(judged_units),
        )
        for value, low, high, documents, judged_units in figures
    ]


def _count_judged(numerators: Array, denominators: Array) -> NDArray[np.int64]:
    return np.asarray(((denominators > 0) | (numerators > 0)).sum(0), dtype=np.int64)


def _build_estimate(
    value: float, low: float, high: float, documents: int, units: int | None
) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None, n=documents, units=units)
    if (documents if units is None else units) < 2:
        return Estimate(value, n=documents, units=units)
    return Estimate(value, min(low, value), max(high, value), documents, units)


def _compute_bounds(numerators: Array, denominators: Array, seed: int) -> tuple[Array, Array]:
    """The lower and upper end of each figure's interval; drawn where it is no rate."""
    judged_counts = (denominators > 0).sum(0).astype(np.float64)
    correct_counts = (numerators > 0).sum(0).astype(np.float64)
    lower_bounds, upper_bounds = compute_exact_bounds(correct_counts, judged_counts, TAIL)
    is_drawn = ~_find_rates(numerators, denominators)
    if is_drawn.any():
        lower_bounds[is_drawn], upper_bounds[is_drawn] = _draw_bounds(
            numerators[:, is_drawn], denominators[:, is_drawn], seed
        )
    return lower_bounds, upper_bounds


def _find_rates(numerators: Array, denominators: Array) -> NDArray[np.bool_]:
    """Which figures have one value a unit: all or nothing of the same size."""
    sizes = denominators.max(0, initial=0.0)
    has_one_size = ((denominators == 0) | (denominators == sizes)).all(0)
    is_whole: NDArray[np.bool_] = ((numerators == 0) | (numerators == denominators)).all(0)
    return np.asarray(has_one_size & is_whole, dtype=np.bool_)


def _draw_bounds(numerators: Array, denominators: Array, seed: int) -> tuple[Array, Array]:
    weights = draw_unit_weights(len(numerators), seed)
    sums = weights[:, 1:] @ np.concatenate([numerators, denominators], -1).astype(np.float32)
    numerator_sums, denominator_sums = np.split(sums.astype(np.float64), 2, axis=-1)
    # As large as the largest seen: where long invoices are rare and read worse, less is too little.
    unseen_sums = weights[:, :1] * denominators.max(0, initial=0.0)
    lower_ratios = divide(numerator_sums, denominator_sums + unseen_sums)
    upper_ratios = divide(numerator_sums + unseen_sums, denominator_sums + unseen_sums)
    return np.quantile(lower_ratios, TAIL, axis=0), np.quantile(upper_ratios, 1 - TAIL, axis=0)


@lru_cache(maxsize=4)
def draw_unit_weights(units: int, seed: int) -> NDArray[np.float32]:
    """resamples x (1 + units): the weight of the unit that was not seen, and of each that was.
    Exponential, which divided by their sum are Dirichlet's."""
    resamples = max(1000, min(RESAMPLES, MAX_DRAWS // (units + 1)))
    generator = np.random.default_rng(seed)
    return generator.standard_exponential((resamples, units + 1), dtype=np.float32)


def compute_exact_bounds(correct: Array, judged: Array, tail: float) -> tuple[Array, Array]:
    """Clopper & Pearson's bounds of a rate, each missed with a probability of `tail` at most. The
    counts may be fractions: Korn & Graubard 1998 put an effective number of units there."""
    from scipy.special import betaincinv

    wrong = judged - correct
    # Beta's parameters must be above 0; where they are not the bound is 0 or 1.
    lower = betaincinv(np.maximum(correct, 1e-9), wrong + 1, tail)
    upper = betaincinv(correct + 1, np.maximum(wrong, 1e-9), 1 - tail)
    return np.where(correct > 0, lower, 0.0), np.where(wrong > 0, upper, 1.0)


def divide(numerator: Array, denominator: Array) -> Array:
    """Ratios, NaN where there is nothing to judge."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator / denominator, dtype=np.float64)
