"""Few labels, and a prediction for every document -> the mean of what was labelled, with its ends.

Prediction-powered inference (Angelopoulos et al. 2023): what is predicted for all documents, put
right by the labels of some. How much a prediction is trusted is tuned (PPI++, Angelopoulos, Duchi &
Zrnic 2023): `tune_power` is their lambda, near 0 where predictions say nothing.

Their interval is a normal one. It holds for the difference of two candidates (with Student's t),
and misses a share too often where few documents are wrong: with 60 labels of a candidate that is
right on 98 %, in a third of the runs. So the ends of a share are had otherwise. A prediction has
few values, and for such the tuned estimate is the mean over strata of equal prediction. Each
stratum has the bound of `analysis.intervals`, with one label of its own that was not seen and
speaks against the claim, and so have the shares of the strata, with one document. Both are drawn
together (melding, Fay, Proschan & Brittain 2015). Labels may have been drawn with unequal
probabilities: each counts with the inverse of its own (Hajek's form of Horvitz & Thompson's; Zrnic
& Candes 2024). `tools/simulate_labels.py` shows what all this holds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.intervals import draw_unit_weights
from vlm_lab.analysis.units import Array, Units, number_units, sum_by_unit

# Chosen by tools/simulate_labels.py before anything was looked at.
MIN_LABELS = 10  # of a share
MIN_PAIRED_LABELS = 30  # of a difference
MIN_POWER = 0.2  # below, predictions say too little, and labels stand alone


@dataclass(frozen=True, slots=True)
class PredictedSample:
    """All documents of a suite that were predicted. `values` and `weights` (the inverse of the
    probability with which a label came to be) are of those in `labelled`, the others have 0.
    `units` has the group of each document, where groups are resampled."""

    predictions: Array
    labelled: NDArray[np.bool_]
    values: Array
    weights: Array
    units: Units | None = None


@dataclass(frozen=True, slots=True)
class PowerTunedMean:
    """PPI++'s estimate of a mean, with its standard error and its lambda, from 0 to 1."""

    value: float
    standard_error: float
    power: float


@dataclass(frozen=True, slots=True)
class DrawnMean:
    """A mean, and what its lower and its upper end were in each draw."""

    value: float
    lower_ends: Array
    upper_ends: Array

    def compute_bounds(self, tail: float) -> tuple[float, float]:
        """Both ends, each missed with a probability of `tail` at most."""
        low = float(np.quantile(self.lower_ends, tail))
        high = float(np.quantile(self.upper_ends, 1 - tail))
        return min(low, self.value), max(high, self.value)


def is_powered(sample: PredictedSample, min_labels: int = MIN_LABELS) -> bool:
    """Whether predictions are used at all: with enough labels (of as many groups, where these
    are the units), documents beside them, and a prediction that goes with what is labelled."""
    labelled = sample.labelled
    labels = labelled.sum() if sample.units is None else len(np.unique(sample.units[labelled]))
    if labels < min_labels or labelled.all():
        return False
    return estimate_power_tuned_mean(sample).power >= MIN_POWER


def estimate_power_tuned_mean(sample: PredictedSample) -> PowerTunedMean:
    """PPI++'s point estimate and its lambda; with equal weights those of `ppi-python`."""
    labels = int(sample.labelled.sum())
    others = len(sample.labelled) - labels
    values, predictions = sample.values[sample.labelled], sample.predictions[sample.labelled]
    weights = sample.weights[sample.labelled] / sample.weights[sample.labelled].sum()
    value, prediction = float(weights @ values), float(weights @ predictions)
    covariance = float(weights @ ((values - value) * (predictions - prediction)))
    variance = float(sample.predictions.var(ddof=1))
    ratio = 1 + labels / others
    power = min(1.0, max(0.0, covariance / (variance * ratio))) if variance > 0 else 0.0
    # Of all documents, as unequal weights need; with equal ones the same as of the unlabelled.
    shift = power * ratio * (float(sample.predictions.mean()) - prediction)
    residuals = values - power * predictions
    residuals = residuals - weights @ residuals
    label_variance = float(weights**2 @ residuals**2)
    frame_variance = power**2 * float(sample.predictions[~sample.labelled].var()) / others
    return PowerTunedMean(value + shift, (label_variance + frame_variance) ** 0.5, power)


def draw_mean(sample: PredictedSample, lowest: float, highest: float, seed: int = 0) -> DrawnMean:
    """The mean over all documents of values that lie between `lowest` and `highest`."""
    strata = np.unique(sample.predictions)
    in_stratum = sample.predictions[:, None] == strata
    frame_counts = sum_by_unit(in_stratum.astype(np.float64), sample.units)
    labelled = sample.labelled
    stratum_weights = in_stratum[labelled] * sample.weights[labelled, None]
    label_units = None if sample.units is None else number_units(sample.units[labelled].tolist())
    denominators = sum_by_unit(stratum_weights, label_units)
    numerators = sum_by_unit(stratum_weights * sample.values[labelled, None], label_units)
    frame_sums, unseen_documents = _draw_sums(frame_counts, seed)
    shares = frame_sums / (frame_sums.sum(-1, keepdims=True) + unseen_documents[:, None])
    unseen_shares = 1 - shares.sum(-1)
    draws = len(shares)
    label_weights = draw_unit_weights(len(denominators), seed + 1)[:draws, 1:]
    sums = np.asarray(label_weights @ denominators, dtype=np.float64)
    value_sums = np.asarray(label_weights @ numerators, dtype=np.float64)
    # A label as heavy as the heaviest of its stratum, and of its own chance in each.
    unseen = np.random.default_rng(seed + 2).standard_exponential((len(sums), len(strata)))
    largest = denominators.max(0, initial=0.0)
    unseen *= np.where(largest > 0, largest, 1.0)

    def mix(extreme: float) -> Array:
        stratum_means = (value_sums + unseen * extreme) / (sums + unseen)
        means = (shares[: len(sums)] * stratum_means).sum(-1)
        return np.asarray(means + unseen_shares[: len(sums)] * extreme)

    return DrawnMean(_mix_means(sample, in_stratum), mix(lowest), mix(highest))


def _draw_sums(counts: Array, seed: int) -> tuple[Array, Array]:
    """draws x strata: weighted sums of the units' counts; and the weight of the unseen one."""
    weights = draw_unit_weights(len(counts), seed)
    sums = np.asarray(weights[:, 1:] @ counts.astype(np.float32), dtype=np.float64)
    return sums, np.asarray(weights[:, 0] * counts.sum(-1).max(), dtype=np.float64)


def _mix_means(sample: PredictedSample, in_stratum: NDArray[np.bool_]) -> float:
    """The mean over strata; one without a label has that of all."""
    weights = sample.weights * sample.labelled
    overall = float(weights @ sample.values / weights.sum())
    sums = weights @ in_stratum
    value_sums = (weights * sample.values) @ in_stratum
    means = np.where(sums > 0, value_sums / np.where(sums > 0, sums, 1.0), overall)
    return float(means @ in_stratum.mean(0))
