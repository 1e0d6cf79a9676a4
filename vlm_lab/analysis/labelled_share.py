"""Counts of few labelled documents and many others -> the share of documents that are right, and
the difference of two candidates' shares, with what is known of those without a label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.aggregation import COUNT_COLUMNS, CandidateCounts
from vlm_lab.analysis.intervals import TAIL, estimate_ratios
from vlm_lab.analysis.paired_difference import PairedDifference
from vlm_lab.analysis.prediction_powered import (
    MIN_PAIRED_LABELS,
    DrawnMean,
    PowerTunedMean,
    PredictedSample,
    draw_mean,
    estimate_power_tuned_mean,
    is_powered,
)
from vlm_lab.analysis.units import Array
from vlm_lab.types import Estimate, LabelledShare

DOCUMENTS_RIGHT = "documents_right"
UNKNOWN_AGREEMENT = 0.5  # of a document that no other family answered


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents that a candidate answered, in order: which have a label, which of these are
    right, what each label counts, and whether other families agree."""

    names: Sequence[str]
    labelled: NDArray[np.bool_]
    right: Array
    weights: Array
    agreement: Array


def estimate_labelled_share(counts: CandidateCounts, seed: int = 0) -> LabelledShare | None:
    """None where no document has a label, or each has one that nobody drew."""
    documents = _collect_documents(counts)
    labels = int(documents.labelled.sum())
    unlabelled = len(documents.names) - labels
    probabilities = counts.inclusion_probabilities
    names = zip(documents.names, documents.labelled, strict=True)
    drawn = sum(bool(has_label) and name in probabilities for name, has_label in names)
    if not labels or not (unlabelled or drawn):
        return None
    sample = _build_sample(documents, documents.right, documents.agreement, counts)
    is_used = is_powered(sample)
    estimate = (
        _build_estimate(draw_mean(sample, 0.0, 1.0, seed), sample)
        if is_used
        else _estimate_by_labels(sample, seed)
    )
    return LabelledShare(
        method="prediction_powered" if is_used else "classical",
        estimate=estimate,
        right=int(documents.right.sum()),
        drawn=drawn,
        unlabelled=unlabelled,
        power=estimate_power_tuned_mean(sample).power if unlabelled else None,
    )


def compare_labelled_shares(
    first: CandidateCounts, second: CandidateCounts, tail: float, seed: int
) -> PairedDifference | None:
    """First minus second, on the documents that both answered; None where what other families say
    does not help, and labels stand alone, as they do where groups of documents are the units. The
    bounds count one label that was not seen, as those of labels alone do."""
    common = set(first.answered_documents) & set(second.answered_documents)
    firsts = _collect_documents(first.restrict_to(common))
    seconds = _collect_documents(second.restrict_to(common))
    order = {name: row for row, name in enumerate(seconds.names)}
    rows = [order[name] for name in firsts.names]
    if first.cluster or not common or (firsts.labelled != seconds.labelled[rows]).any():
        return None
    right = firsts.right - seconds.right[rows]
    agreement = firsts.agreement - seconds.agreement[rows]
    sample = _build_sample(firsts, right, agreement, first)
    if not is_powered(sample, MIN_PAIRED_LABELS):
        return None
    bounds = draw_mean(sample, -1.0, 1.0, seed).compute_bounds(tail)
    return _test_difference(estimate_power_tuned_mean(sample), int(sample.labelled.sum()), bounds)


def _test_difference(
    tuned: PowerTunedMean, labels: int, bounds: tuple[float, float]
) -> PairedDifference:
    """By Student's t; where nothing varies, nothing is shown."""
    from scipy.special import stdtr, stdtrit

    standard_error = tuned.standard_error * (labels / (labels - 1)) ** 0.5
    margin = float(stdtrit(labels - 1, 1 - TAIL)) * standard_error
    estimate = Estimate(tuned.value, tuned.value - margin, tuned.value + margin, labels)
    if not standard_error:
        return PairedDifference(estimate, None, 1.0, bounds)
    p_value = 2 * float(stdtr(labels - 1, -abs(tuned.value) / standard_error))
    return PairedDifference(estimate, standard_error, p_value, bounds)


def _collect_documents(counts: CandidateCounts) -> _Documents:
    names = counts.answered_documents
    labelled = np.array(counts.is_labelled, dtype=np.bool_)
    right = counts.count_matrix[:, COUNT_COLUMNS.index("document_right")] * labelled
    agreement = [counts.agreement.get(name, UNKNOWN_AGREEMENT) for name in names]
    weights = counts.label_weights * labelled
    return _Documents(names, labelled, right, weights, np.array(agreement))


def _build_sample(
    documents: _Documents, values: Array, predictions: Array, counts: CandidateCounts
) -> PredictedSample:
    return PredictedSample(
        predictions=predictions,
        labelled=documents.labelled,
        values=values,
        weights=documents.weights,
        units=counts.index_units(documents.names),
    )


def _estimate_by_labels(sample: PredictedSample, seed: int) -> Estimate:
    """The classical estimate, as `analysis.statistics` has it."""
    numerators = (sample.weights * sample.values)[:, None]
    return estimate_ratios(numerators, sample.weights[:, None], seed, sample.units)[0]


def _build_estimate(drawn: DrawnMean, sample: PredictedSample) -> Estimate:
    low, high = drawn.compute_bounds(TAIL)
    units = None
    if sample.units is not None:
        units = len(np.unique(sample.units[sample.labelled]))
    return Estimate(drawn.value, low, high, int(sample.labelled.sum()), units)
