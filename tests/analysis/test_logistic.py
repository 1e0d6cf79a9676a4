"""pytest tests/analysis/test_logistic.py: weights that are known are found again, and
they stay finite."""

import numpy as np
import pytest

from vlm_lab.analysis.logistic import (
    build_features,
    fit_weights,
    list_features,
    name_weights,
    order_weights,
    predict_right,
)
from vlm_lab.analysis.signals import SIGNALS, ValueSample


def test_weights_that_made_the_outcomes_are_found_again() -> None:
    draw = np.random.default_rng(0)
    features = np.column_stack([np.ones(20_000), draw.normal(size=(20_000, 2))])
    truth = np.array([0.5, 1.0, -2.0])
    right = (draw.random(20_000) < predict_right(features, truth)).astype(float)
    assert fit_weights(features, right) == pytest.approx(truth, abs=0.08)


def test_a_signal_that_never_errs_has_a_finite_weight() -> None:
    features = np.column_stack([np.ones(40), np.tile([1.0, -1.0], 20)])
    weights = fit_weights(features, np.tile([1.0, 0.0], 20))
    assert np.isfinite(weights).all()
    assert predict_right(features, weights)[:2] == pytest.approx([0.95, 0.05], abs=0.05)


def test_few_wrong_values_that_everybody_denies_are_told_apart() -> None:
    """Newton's whole step leads far away here."""
    agreed, denied = (ValueSample((s, s, None, None, None)) for s in (1.0, 0.0))
    values = [agreed] * 990 + [denied] * 16
    right = np.array([1.0] * 988 + [0.0] * 2 + [0.0] * 14 + [1.0] * 2)
    features = build_features(values, SIGNALS)
    found = predict_right(features, fit_weights(features, right))
    assert found[[0, -1]] == pytest.approx([0.998, 0.125], abs=0.06)
    assert found[0] > 0.99


@pytest.mark.parametrize("kind", [0.0, 1.0], ids=["all wrong", "all right"])
def test_outcomes_of_one_kind_are_no_error(kind: float) -> None:
    weights = fit_weights(np.ones((30, 1)), np.full(30, kind))
    assert predict_right(np.ones((1, 1)), weights)[0] == pytest.approx(kind, abs=0.04)


def test_not_measured_has_a_weight_of_its_own() -> None:
    """Values that nobody else has read are right half the time; agreement is right, disagreement
    wrong."""
    agreed, denied, unknown = (ValueSample((s, None, None, None, None)) for s in (1.0, 0.0, None))
    values = [agreed] * 50 + [denied] * 50 + [unknown] * 50
    right = np.array([1.0] * 50 + [0.0] * 50 + [1.0, 0.0] * 25)
    features = build_features(values, SIGNALS)
    found = predict_right(features, fit_weights(features, right))
    assert found[[0, 50, 100]] == pytest.approx([0.95, 0.05, 0.5], abs=0.05)


def test_weights_are_kept_by_name() -> None:
    weights = np.arange(12.0)
    named = name_weights(weights, SIGNALS)
    assert list(named) == list_features(SIGNALS)
    assert (order_weights(dict(reversed(named.items())), SIGNALS) == weights).all()
