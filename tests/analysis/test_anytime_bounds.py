"""pytest tests/analysis/test_anytime_bounds.py: bounds that hold after each label."""

import numpy as np
import pytest

from vlm_lab.analysis.anytime_bounds import (
    _compute_log_wealth,
    compute_anytime_bounds,
    count_anytime_labels,
)
from vlm_lab.analysis.intervals import compute_exact_bounds

LABELS = 400
RUNS = 2000  # the share of 2000 runs has a standard error of 0.5 points at 5 %


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95, 0.98, 0.995])
@pytest.mark.parametrize("side", ["lower", "upper"])
def test_a_look_after_each_label_errs_one_time_in_twenty(truth: float, side: str) -> None:
    """In how many runs the bound was ever beyond the truth: where the bet against it ever won."""
    generator = np.random.default_rng(round(truth * 1000))
    right = (generator.random((RUNS, LABELS)) < truth).cumsum(1)
    labels = np.arange(1, LABELS + 1)
    counts, share = (right, truth) if side == "lower" else (labels - right, 1 - truth)
    wins = np.array(
        [
            [_compute_log_wealth(share, count, label) >= np.log(20) for count in range(label + 1)]
            + [False] * (LABELS - label)
            for label in labels
        ]
    )
    is_missed = wins[labels - 1, counts] & (counts > share * labels)
    assert is_missed.any(1).mean() <= 0.05 + 2 * 0.005


@pytest.mark.parametrize(("right", "labels"), [(0, 0), (0, 5), (5, 5), (38, 40), (180, 200)])
def test_bounds_are_wider_than_those_of_one_look(right: int, labels: int) -> None:
    low, high = compute_anytime_bounds(right, labels, 0.05)
    assert 0 <= low <= high <= 1
    if labels:
        exact_low, exact_high = compute_exact_bounds(np.array(right), np.array(labels), 0.05)
        assert low <= exact_low
        assert high >= exact_high


def test_how_many_more_labels_would_show_it() -> None:
    more = count_anytime_labels(57, 60, 0.9, 0.05)
    assert more is not None
    grown = 60 + more
    assert compute_anytime_bounds(round(0.95 * grown), grown, 0.05)[0] >= 0.9 - 0.002
    assert count_anytime_labels(60, 60, 0.9, 0.05) == 0
    assert count_anytime_labels(30, 60, 0.5, 0.05) is None
    assert count_anytime_labels(30, 60, 0.9, 0.05) == 0
