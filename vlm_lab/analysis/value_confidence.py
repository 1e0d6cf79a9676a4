"""Signals of a candidate's values -> a calibrated confidence in each, how well it tells right from
wrong, and which documents could be booked unseen by it.

A value's confidence is the probability that a logistic regression gives it
(`vlm_lab.analysis.logistic`), fitted on the documents of other folds than its own; groups of
documents that are read alike are in one fold. A document is as sure as its least sure value. The
same is done with some of the signals alone, to see what each of them is worth.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.aggregation import NO_CLUSTERS
from vlm_lab.analysis.answers import SuiteFields, index_answers
from vlm_lab.analysis.auroc import estimate_auroc
from vlm_lab.analysis.logistic import (
    build_features,
    fit_weights,
    list_features,
    make_constant_weights,
    name_weights,
    predict_right,
)
from vlm_lab.analysis.signals import SIGNALS, DocumentSample, collect_samples
from vlm_lab.analysis.straight_through import (
    NEVER_BOOKED,
    Fold,
    draw_curve,
    estimate_straight_through,
)
from vlm_lab.analysis.units import Array, Units, index_units
from vlm_lab.messages import Message
from vlm_lab.types import (
    CandidateKey,
    Confidence,
    ConfidenceBasis,
    Estimate,
    Record,
)

ALL_SIGNALS = "all"
BASES: Mapping[str, tuple[str, ...]] = {
    ALL_SIGNALS: SIGNALS,
    "agreement": ("families", "readings", "page_words"),
    "log-probabilities": ("log_probability",),
    "arithmetic": ("arithmetic",),
}
TARGETS = (0.99, 0.995)
FOLDS = 5
MIN_VALUES = 10  # right ones and wrong ones, below which nothing is fitted
MIN_UNITS = 20
ReadRecords = Callable[[], Iterable[Record]]


@dataclass(frozen=True)
class CandidateValues:
    """The values of one candidate's documents as arrays. `right` of a value is NaN where no
    reference says."""

    documents: Sequence[DocumentSample]
    units: Units | None = None

    @cached_property
    def document_indices(self) -> Units:
        """The document of each value."""
        counts = [len(document.values) for document in self.documents]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def value_right(self) -> Array:
        return np.array(
            [
                math.nan if value.is_right is None else float(value.is_right)
                for document in self.documents
                for value in document.values
            ],
            dtype=np.float64,
        )

    @cached_property
    def is_known(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.value_right)

    @cached_property
    def document_right(self) -> Array:
        return np.array([bool(document.is_right) for document in self.documents], np.float64)

    @cached_property
    def unit_indices(self) -> Units:
        return np.arange(len(self.documents)) if self.units is None else self.units

    @cached_property
    def folds(self) -> Units:
        """The fold of each document: units in a seeded order, dealt in turn."""
        unit_count = int(self.unit_indices.max(initial=-1)) + 1
        order = np.random.default_rng(0).permutation(unit_count)
        return np.asarray(order % FOLDS, dtype=np.intp)[self.unit_indices]

    def build_features(self, signals: Sequence[str]) -> Array:
        values = [value for document in self.documents for value in document.values]
        return build_features(values, signals)

    def score_documents(self, probabilities: Array) -> Array:
        """That of the least sure value; what has no value, or no usable answer, is never booked."""
        scores = np.full(len(self.documents), math.inf)
        np.minimum.at(scores, self.document_indices, probabilities)
        is_bookable = np.array([document.is_answered for document in self.documents], np.bool_)
        return np.where(is_bookable & np.isfinite(scores), scores, NEVER_BOOKED)


def assess_confidences(
    read_records: ReadRecords,
    suites: Mapping[str, SuiteFields],
    clusters: Mapping[str, str] = NO_CLUSTERS,
    targets: Sequence[float] = TARGETS,
) -> list[Confidence]:
    """One for each candidate that answered a document with a reference. Two passes over the
    records: what candidates are held against, then their values. `clusters` has the tag that groups
    a suite's documents."""
    index = index_answers(read_records(), suites)
    samples: dict[CandidateKey, list[DocumentSample]] = {}
    for candidate, document in collect_samples(read_records(), index, suites):
        if document.is_right is not None:
            samples.setdefault(candidate, []).append(document)
    confidences = []
    for candidate, documents in samples.items():
        units = index_units(
            [document.tags for document in documents], clusters.get(candidate.suite, "")
        )
        beside = [
            other.label
            for other in index.answered_fields
            if other.suite == candidate.suite and other != candidate
        ]
        confidence = assess_candidate(candidate, CandidateValues(documents, units), targets)
        confidences.append(replace(confidence, beside=tuple(beside)))
    return confidences


def assess_candidate(
    candidate: CandidateKey, values: CandidateValues, targets: Sequence[float] = TARGETS
) -> Confidence:
    """All confidences of one candidate, by what they are made of."""
    measured = _count_measured(values)
    known_right = values.value_right[values.is_known]
    figures: dict[str, Any] = {
        **candidate._asdict(),
        "documents": len(values.documents),
        "values": len(known_right),
        "wrong": int((1 - known_right).sum()),
        "measured": measured,
    }
    note = explain_no_fit(values)
    names = [
        name
        for name, signals in BASES.items()
        if name == ALL_SIGNALS or (not note and any(measured[signal] for signal in signals))
    ]
    bases = tuple(_assess_basis(name, values, targets, is_fitted=not note) for name in names)
    return Confidence(**figures, bases=bases, note=note or "")


def _count_measured(values: CandidateValues) -> dict[str, int]:
    """By signal, of how many values it is known."""
    return {
        signal: sum(
            value.signals[position] is not None
            for document in values.documents
            for value in document.values
        )
        for position, signal in enumerate(SIGNALS)
    }


def explain_no_fit(values: CandidateValues) -> Message | None:
    """Why there is no confidence, and how many more documents there would have to be; None where
    there is one."""
    if not any(_count_measured(values).values()):
        return Message("no_signals")
    known_right = values.value_right[values.is_known]
    right_count, document_count = int(known_right.sum()), len(values.documents)
    wrong_count = len(known_right) - right_count
    unit_count = len(np.unique(values.unit_indices))
    rarer_count = min(right_count, wrong_count)
    if rarer_count >= MIN_VALUES and unit_count >= MIN_UNITS:
        return None
    growth = max(MIN_VALUES / (rarer_count + 1), MIN_UNITS / max(1, unit_count))
    return Message(
        "too_few_values",
        {
            "right": right_count,
            "wrong": wrong_count,
            "seen": document_count,
            "needed": MIN_VALUES,
            "documents": MIN_UNITS,
            "n": max(1, math.ceil(document_count * growth) - document_count),
        },
    )


@dataclass(frozen=True, slots=True)
class FittedBasis:
    """A confidence made of some signals: by fold, the scores of documents by a model that knows
    none of its; each value's probability by the model of its fold; and the weights of the model
    over all documents, with its scores."""

    folds: Sequence[Fold]
    probabilities: Array
    weights: Array
    scores: Array


def fit_basis(values: CandidateValues, signals: Sequence[str], is_fitted: bool) -> FittedBasis:
    """Fits a model for each fold, and one over all documents; where there is too little to fit
    (`is_fitted` is false) all values are alike."""
    features = values.build_features(signals)
    folds, probabilities = _cross_fit(values, features, signals, is_fitted)
    weights = _fit(values, features, signals, values.is_known, is_fitted)
    scores = values.score_documents(predict_right(features, weights))
    return FittedBasis(folds, probabilities, weights, scores)


def _assess_basis(
    name: str, values: CandidateValues, targets: Sequence[float], is_fitted: bool
) -> ConfidenceBasis:
    basis = fit_basis(values, BASES[name], is_fitted)
    right, units = values.document_right, values.units
    return ConfidenceBasis(
        name=name,
        auroc=_estimate_auroc(values, basis.probabilities) if is_fitted else Estimate(None),
        curve=draw_curve(values.score_documents(basis.probabilities), right),
        straight_through=tuple(
            estimate_straight_through(basis.folds, basis.scores, right, target, units)
            for target in targets
        ),
        weights=name_weights(basis.weights, BASES[name]),
    )


def _estimate_auroc(values: CandidateValues, probabilities: Array) -> Estimate:
    known, of_documents = values.is_known, values.document_indices[values.is_known]
    return estimate_auroc(
        probabilities[known],
        values.value_right[known],
        values.unit_indices[of_documents],
        values.folds[of_documents],
    )


def _cross_fit(
    values: CandidateValues, features: Array, signals: Sequence[str], is_fitted: bool
) -> tuple[list[Fold], Array]:
    """The folds, and each value's probability by the model that knows nothing of its document."""
    folds = []
    probabilities = np.zeros(len(features))
    for number in range(FOLDS):
        held_out = values.folds == number
        is_value_held_out = held_out[values.document_indices]
        weights = _fit(values, features, signals, values.is_known & ~is_value_held_out, is_fitted)
        fold_probabilities = predict_right(features, weights)
        probabilities[is_value_held_out] = fold_probabilities[is_value_held_out]
        folds.append(Fold(held_out, values.score_documents(fold_probabilities)))
    return folds, probabilities


def _fit(
    values: CandidateValues,
    features: Array,
    signals: Sequence[str],
    is_used: NDArray[np.bool_],
    is_fitted: bool,
) -> Array:
    if not is_fitted:
        return make_constant_weights(values.value_right[is_used], list_features(signals))
    return fit_weights(features[is_used], values.value_right[is_used])
