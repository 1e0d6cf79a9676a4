"""Signals of values -> the probability that each is right: ridge logistic regression (le Cessie &
van Houwelingen 1992), by Newton's method.

A signal from 0 to 1 is put between -1 and 1; a probability is put in as its log-odds. One that was
not measured is 0 and has an indicator of its own, so that "not measured" has a weight that is
learned and is no disagreement. The ridge keeps weights finite where a signal never errs.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_lab.analysis.signals import SIGNALS, ValueSample
from vlm_lab.analysis.units import Array

RIDGE = 1.0
ITERATIONS = 50
CONVERGED = 1e-8  # of a step
MAX_HALVINGS = 30
# Of a probability that is held against a threshold: equal values are equal in any matrix.
SCORE_DIGITS = 9
LEAST_PROBABILITY = 1e-4  # of a value, below which its log-odds say no more
LOG_ODDS_SCALE = 4.0  # brings log-odds to the size of the other signals
WITNESSED_SIGNALS = ("families", "readings")
INTERCEPT, EMPTY, NOT_MEASURED = "intercept", "empty", "{} not measured"


def list_features(signals: Sequence[str]) -> list[str]:
    """The names of a value's features, in their order."""
    names = [name for signal in signals for name in (signal, NOT_MEASURED.format(signal))]
    return [INTERCEPT, EMPTY, *names]


def build_features(values: Sequence[ValueSample], signals: Sequence[str]) -> Array:
    """values x features. That something was left out is known by other candidates alone."""
    positions = [SIGNALS.index(signal) for signal in signals]
    tells_gaps = any(signal in WITNESSED_SIGNALS for signal in signals)
    rows = [_build_row(value, positions, tells_gaps) for value in values]
    return np.array(rows, dtype=np.float64).reshape(len(values), 2 + 2 * len(signals))


def _build_row(value: ValueSample, positions: Sequence[int], tells_gaps: bool) -> list[float]:
    row = [1.0, float(value.is_empty and tells_gaps)]
    for position in positions:
        strength = value.signals[position]
        row += [0.0, 1.0] if strength is None else [_scale(SIGNALS[position], strength), 0.0]
    return row


def _scale(signal: str, strength: float) -> float:
    if signal != "log_probability":
        return 2 * strength - 1
    bounded = min(max(strength, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    return float(np.log(bounded / (1 - bounded))) / LOG_ODDS_SCALE


def fit_weights(features: Array, right: Array) -> Array:
    """The weights of the features; the first one, which is 1 everywhere, is not shrunk."""
    weights = np.zeros(features.shape[1])
    weights[0] = _compute_log_odds(right)
    penalties: Array = np.full(len(weights), RIDGE, dtype=np.float64)
    penalties[0] = 1e-6
    for _ in range(ITERATIONS):
        probabilities = predict_right(features, weights)
        gradient = features.T @ (right - probabilities) - penalties * weights
        spread = probabilities * (1 - probabilities)
        curvature = (features * spread[:, None]).T @ features + np.diag(penalties)
        step = np.asarray(np.linalg.solve(curvature, gradient), dtype=np.float64)
        step = _shorten_step(features, right, weights, step, penalties)
        weights = weights + step
        if np.abs(step).max() < CONVERGED:
            break
    return weights


def _shorten_step(
    features: Array, right: Array, weights: Array, step: Array, penalties: Array
) -> Array:
    """Newton's step, halved until it leads downhill: where a signal hardly errs it leads far beyond
    the best weights."""
    loss = _compute_loss(features, right, weights, penalties)
    for _ in range(MAX_HALVINGS):
        if _compute_loss(features, right, weights + step, penalties) <= loss:
            return step
        step = step / 2
    return np.zeros_like(step)


def _compute_loss(features: Array, right: Array, weights: Array, penalties: Array) -> float:
    log_odds = features @ weights
    likelihood = np.logaddexp(0, log_odds) - right * log_odds
    return float(likelihood.sum() + (penalties * weights**2).sum() / 2)


def _compute_log_odds(right: Array) -> float:
    """Of being right, as if one more of each kind had been seen."""
    correct = float(right.sum())
    return float(np.log((correct + 1) / (len(right) - correct + 1)))


def make_constant_weights(right: Array, features: Sequence[str]) -> Array:
    """All values alike: where too few are wrong for anything else."""
    weights = np.zeros(len(features))
    weights[0] = _compute_log_odds(right)
    return weights


def predict_right(features: Array, weights: Array) -> Array:
    """The probability that each value is right."""
    log_odds = np.clip(features @ weights, -30, 30)
    probabilities = 1 / (1 + np.exp(-log_odds))
    return np.asarray(np.round(probabilities, SCORE_DIGITS), dtype=np.float64)


def name_weights(weights: Array, signals: Sequence[str]) -> dict[str, float]:
    """Weights by the names of their features."""
    return dict(zip(list_features(signals), weights.tolist(), strict=True))


def order_weights(named: Mapping[str, float], signals: Sequence[str]) -> Array:
    """As `name_weights` had them; KeyError where one is not there."""
    return np.array([named[name] for name in list_features(signals)], dtype=np.float64)
