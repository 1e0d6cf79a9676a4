"""pytest tests/analysis/test_auroc.py: areas by hand, and intervals over documents."""

import numpy as np
import pytest

from vlm_lab.analysis.auroc import estimate_auroc


def auroc(scores: list[float], right: list[int], folds: list[int] | None = None) -> float | None:
    """Each value in a document of its own."""
    documents = np.arange(len(scores))
    fold_numbers = np.array(folds or [0] * len(scores))
    return estimate_auroc(
        np.array(scores, float), np.array(right, float), documents, fold_numbers
    ).value


@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 1.0),
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 0.0),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0], 0.5),
        ([0.9, 0.7, 0.7, 0.1], [1, 1, 0, 0], 0.875),
        ([0.9, 0.1], [1, 1], None),
    ],
    ids=["all in order", "all in reverse", "ties", "one tie", "of one kind"],
)
def test_areas_by_hand(scores: list[float], right: list[int], expected: float | None) -> None:
    assert auroc(scores, right) == expected


def test_values_are_held_against_those_of_their_fold() -> None:
    """The second fold's scores are all higher, which says nothing of its values."""
    assert auroc([0.2, 0.1, 0.9, 0.8], [1, 0, 1, 0], [0, 0, 1, 1]) == 1.0
    assert auroc([0.1, 0.2, 0.8, 0.9], [1, 0, 1, 0], [0, 0, 1, 1]) == 0.0


def test_the_interval_holds_the_truth_and_grows_with_values_that_stand_together() -> None:
    """Right values are normal about 1, wrong ones about 0: the area is 0.760."""
    inside, widths = 0, []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        right = (draw.random(400) < 0.7).astype(float)
        scores = draw.normal(right)
        folds = np.arange(400) // 5 % 5
        estimate = estimate_auroc(scores, right, np.arange(400) // 5, folds)
        assert estimate.low is not None
        assert estimate.high is not None
        inside += estimate.low <= 0.760 <= estimate.high
        widths.append(estimate.high - estimate.low)
    assert inside >= 35
    assert 0.05 < np.mean(widths) < 0.2
