"""pytest tests/analysis/test_straight_through.py: thresholds that are chosen on other documents,
and bounds by hand."""

import math

import numpy as np
import pytest

from vlm_lab.analysis.straight_through import (
    NEVER_BOOKED,
    Fold,
    book_documents,
    choose_threshold,
    count_needed_documents,
    draw_curve,
    estimate_straight_through,
)
from vlm_lab.types import StraightThrough

FOLDS = 5


def straight_through(
    scores: np.ndarray, right: np.ndarray, target: float = 0.99, units: np.ndarray | None = None
) -> StraightThrough:
    """With one model for all folds."""
    fold_numbers = np.arange(len(scores)) % FOLDS
    folds = [Fold(fold_numbers == number, scores) for number in range(FOLDS)]
    return estimate_straight_through(folds, scores, right, target, units)


@pytest.mark.parametrize(
    ("target", "documents", "shown"),
    [(0.99, 298, False), (0.99, 299, True), (0.995, 597, False), (0.995, 598, True)],
)
def test_so_many_without_an_error_show_it(target: float, documents: int, shown: bool) -> None:
    found = straight_through(np.full(documents, 0.9), np.ones(documents), target)
    assert found.is_shown is shown
    assert (found.booked.n, found.wrong, found.rate.value) == (documents, 0, 1.0)
    assert found.booked.low == pytest.approx(0.05 ** (1 / documents))
    assert found.more_documents == (None if shown else 1)


@pytest.mark.parametrize(
    ("target", "wrong_share", "needed"),
    [(0.99, 0.0, 299), (0.995, 0.0, 598), (0.9, 0.0, 29), (0.99, 0.01, None), (0.99, 0.02, None)],
)
def test_how_many_documents_a_target_takes(
    target: float, wrong_share: float, needed: int | None
) -> None:
    assert count_needed_documents(target, wrong_share) == needed


def test_an_error_above_the_threshold_of_others_is_counted() -> None:
    """The surest document is wrong: its own fold does not know, and books it."""
    scores, right = np.linspace(0.5, 1.0, 400), np.ones(400)
    right[-1] = 0
    found = straight_through(scores, right)
    assert found.wrong == 1
    assert not found.is_shown or found.booked.n >= 473


def test_what_is_wrong_below_is_not_booked() -> None:
    scores = np.concatenate([np.full(350, 0.99), np.full(150, 0.4)])
    right = np.concatenate([np.ones(350), np.arange(150) % 2])
    found = straight_through(scores, right)
    assert (found.booked.n, found.wrong, found.threshold) == (350, 0, 0.99)
    assert found.is_shown


def test_more_documents_are_counted_in_all_documents_not_in_booked_ones() -> None:
    """Half of them are booked: 199 more booked ones are 398 more documents."""
    scores = np.tile([0.9, 0.1], 100)
    found = straight_through(scores, (scores > 0.5).astype(np.float64))
    assert (found.booked.n, found.more_documents) == (100, 398)


def test_documents_in_groups_show_less_and_take_more() -> None:
    """What is missing is counted in documents that show as little as these do."""
    right = (np.arange(100) % 20 > 0).astype(np.float64)
    scores, groups = np.full(100, 0.9), np.arange(100) // 5
    alone, grouped = (straight_through(scores, right, 0.9, units) for units in (None, groups))
    assert (alone.booked.n, grouped.booked.n) == (100, 100)
    assert grouped.booked.low < alone.booked.low < 0.9
    assert 1 < alone.more_documents < grouped.more_documents


def test_where_none_is_right_often_enough_none_is_booked() -> None:
    right = (np.arange(100) < 50).astype(np.float64)
    found = straight_through(np.linspace(0, 1, 100), right)
    assert (found.booked.n, found.booked.value, found.threshold) == (0, None, None)
    assert found.more_documents is None


def test_what_has_no_answer_is_never_booked_and_is_in_the_denominator() -> None:
    scores = np.concatenate([np.full(60, 0.9), np.full(40, NEVER_BOOKED)])
    right = np.concatenate([np.ones(60), np.zeros(40)])
    found = straight_through(scores, right, 0.9)
    assert (found.booked.n, found.rate.value) == (60, 0.6)
    assert draw_curve(scores, right) == ((0.6, 1.0),)
    assert math.isinf(choose_threshold(scores[60:], right[60:], 0.9))


def test_documents_of_one_score_are_booked_together_or_not_at_all() -> None:
    scores = np.full(40, 0.9)
    right = np.ones(40)
    right[30:] = 0
    assert not book_documents([Fold(np.arange(40) < 20, scores)], right, 0.9).any()


def test_groups_that_are_read_alike_show_less() -> None:
    scores, right = np.full(400, 0.9), np.ones(400)
    alone = straight_through(scores, right)
    grouped = straight_through(scores, right, units=np.arange(400) // 10)
    assert alone.is_shown
    assert not grouped.is_shown
    assert grouped.booked.units == 40
