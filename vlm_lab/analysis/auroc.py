"""Scores of values, right and wrong -> how well they tell the two apart: the area under the ROC
curve (Hanley & McNeil 1982), which is how often a right value has the higher score, ties counted as
half. The interval is by bootstrap over documents, or over their groups.

Values are held against those of the same fold alone, whose scores are by the same model: between
folds, the fold with more wrong values has the higher scores, as its model has seen fewer of them.
"""

import numpy as np

from vlm_lab.analysis.bootstrap import compute_interval, draw_bootstrap_weights
from vlm_lab.analysis.units import Array, Units
from vlm_lab.types import Estimate

MAX_STEPS = 50  # different scores within a fold of a resample: more change the third decimal
MAX_RESAMPLES = 1000


def estimate_auroc(
    scores: Array, right: Array, units: Units, folds: Units, seed: int = 0
) -> Estimate:
    """Of values, with the unit (document or group) and the fold of each; all values of a unit are
    in one fold. No value where no fold has values of both kinds. `n` counts units."""
    unit_names, unit_indices = np.unique(units, return_inverse=True)
    unit_count = len(unit_names)
    _, steps = np.unique(scores, return_inverse=True)
    together = np.zeros_like(unit_indices)
    value = float(_compute_areas(*_count_steps(steps, right, together, folds))[0])
    if not np.isfinite(value) or unit_count < 2:
        return Estimate(value if np.isfinite(value) else None, n=unit_count)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, MAX_STEPS + 1)[1:-1]))
    coarse = steps if steps.max() < MAX_STEPS else np.searchsorted(edges, scores, side="right")
    counts = _count_steps(coarse, right, unit_indices, folds)
    weights = draw_bootstrap_weights(unit_count, seed)[:MAX_RESAMPLES].astype(np.float64)
    areas = _compute_areas(*(np.tensordot(weights, each, 1) for each in counts))
    low, high = compute_interval(areas, unit_count)
    return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)), unit_count)


def _count_steps(
    steps: Units, right: Array, unit_indices: Units, folds: Units
) -> tuple[Array, Array]:
    """Right and wrong values, units x folds x different scores."""
    shape = int(unit_indices.max()) + 1, int(folds.max()) + 1, int(steps.max()) + 1
    right_counts, wrong_counts = np.zeros(shape), np.zeros(shape)
    np.add.at(right_counts, (unit_indices, folds, steps), right)
    np.add.at(wrong_counts, (unit_indices, folds, steps), 1 - right)
    return right_counts, wrong_counts


def _compute_areas(right_counts: Array, wrong_counts: Array) -> Array:
    """One for each row of counts."""
    wrong_below = np.cumsum(wrong_counts, -1) - wrong_counts / 2
    pairs = (right_counts.sum(-1) * wrong_counts.sum(-1)).sum(-1)
    ordered_pairs = (right_counts * wrong_below).sum((-1, -2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ordered_pairs / pairs, dtype=np.float64)
