"""How far a candidate's confidence can be trusted: which invoices could be booked without anybody
looking at them.

A value's confidence is the probability of its characters (`vlm_lab.parsing.confidence`); a
document's is that of its least sure value, and nothing where the document's own arithmetic, dates
or check digits fail (`vlm_lab.scoring.consistency`). Without log-probabilities the checks stand
alone: passed, not to be made, failed.

- How far the values' confidences are off: `vlm_lab.analysis.reliability`.
- Risk and coverage: El-Yaniv & Wiener 2010; intervals by bootstrap over documents, the threshold
  chosen anew in each resample. How many of the booked were right has Clopper & Pearson's exact
  interval: with no error in n documents it ends at 0.05^(1/n), one-sided, so that "99 % right"
  wants 299 of them (the rule of three).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.aggregation import NO_CLUSTERS
from vlm_lab.analysis.bootstrap import compute_interval, draw_bootstrap_weights
from vlm_lab.analysis.intervals import compute_exact_bounds
from vlm_lab.analysis.judged_records import explain_left_out
from vlm_lab.analysis.reliability import compute_reliability
from vlm_lab.analysis.straight_through import ONE_SIDED_TAIL, estimate_booked
from vlm_lab.analysis.units import Array, Units, index_units, number_units
from vlm_lab.messages import Message
from vlm_lab.types import (
    ANSWERED,
    CORRECT,
    PREDICTED,
    Calibration,
    CandidateKey,
    Estimate,
    Record,
)

TARGET_PRECISION = 0.99
# documents without an error that show 99 % at a level of 95 %: log 0.05 / log 0.99
MIN_ERROR_FREE_DOCUMENTS = 299
# of the threshold: each needs the documents in order, which counts alone do not
THRESHOLD_RESAMPLES = 2000
FAILED, UNKNOWN, PASSED = 0.0, 0.5, 1.0  # a document's place where only checks are known


@dataclass(slots=True)
class _ConfidenceSamples:
    """One candidate's values (number of document, confidence, right) and documents (confidence,
    checks, right)."""

    value_samples: list[tuple[int, float, bool]] = field(default_factory=list)
    document_samples: list[tuple[float | None, float, bool]] = field(default_factory=list)
    tags: list[Mapping[str, str]] = field(default_factory=list)

    def add_record(self, record: Record) -> None:
        """Takes one record in, where it was answered and has something to judge."""
        document_right = record.scores.get("document_right")
        if record.status not in ANSWERED or document_right is None or explain_left_out(record):
            return
        self.tags.append(record.tags)
        confident_values = [
            (float(result.confidence), result.outcome in CORRECT)
            for result in record.fields
            if result.outcome in PREDICTED and result.confidence is not None
        ]
        document_index = len(self.document_samples)
        self.value_samples += [
            (document_index, confidence, correct) for confidence, correct in confident_values
        ]
        # an answer that is no data is never booked
        checks: float = FAILED
        lowest_confidence: float | None = FAILED
        if record.status == "ok":
            checks = _combine_checks(record.checks)
            confidences = (confidence for confidence, _ in confident_values)
            lowest_confidence = min(confidences, default=None)
        self.document_samples.append((lowest_confidence, checks, bool(document_right)))


def calibrate_candidates(
    records: Iterable[Record], clusters: Mapping[str, str] = NO_CLUSTERS, seed: int = 0
) -> dict[CandidateKey, Calibration]:
    """How far each suite x model x prompt's confidence can be trusted, in one pass over the
    records. `clusters` has the tag that groups a suite's documents."""
    samples_by_candidate: dict[CandidateKey, _ConfidenceSamples] = {}
    for record in records:
        samples_by_candidate.setdefault(record.candidate, _ConfidenceSamples()).add_record(record)
    return {
        candidate: replace(
            _calibrate_candidate(samples, clusters.get(candidate.suite, ""), seed),
            **candidate._asdict(),
        )
        for candidate, samples in samples_by_candidate.items()
    }


def _combine_checks(checks: Mapping[str, bool | None]) -> float:
    results = [passed for passed in checks.values() if passed is not None]
    if not results:
        return UNKNOWN
    return PASSED if all(results) else FAILED


def _calibrate_candidate(samples: _ConfidenceSamples, cluster: str, seed: int) -> Calibration:
    units = index_units(samples.tags, cluster)
    available_sources = {
        "log-probabilities": samples.value_samples,
        "checks": any(check != UNKNOWN for _, check, _ in samples.document_samples),
    }
    source = " and ".join(name for name, is_available in available_sources.items() if is_available)
    if not source:
        return Calibration(documents=len(samples.document_samples), note=Message("no_confidence"))
    bins, error = compute_reliability(
        samples.value_samples, len(samples.document_samples), seed, units
    )
    has_probabilities = bool(samples.value_samples)
    confidences = [
        _compute_document_confidence(lowest_confidence, check, has_probabilities)
        for lowest_confidence, check, _ in samples.document_samples
    ]
    correct_documents = [correct for _, _, correct in samples.document_samples]
    document_right = np.array(correct_documents, dtype=np.float64)
    calibration_fields: dict[str, Any] = {
        "source": source,
        "values": len(samples.value_samples),
        "documents": len(document_right),
        "bins": bins,
        "error": error,
    }
    return Calibration(
        **calibration_fields,
        **_estimate_straight_through(np.array(confidences), document_right, seed, units),
    )


def _compute_document_confidence(
    lowest_confidence: float | None, check: float, has_probabilities: bool
) -> float:
    """How sure one may be of a document; 0 is never booked."""
    if not has_probabilities:
        return check if lowest_confidence is None else FAILED
    return FAILED if check == FAILED else lowest_confidence or FAILED


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """Documents from the surest on, and what each confidence would book as a threshold: `ends` are
    the last documents that it lets through."""

    confidence: Array
    right: Array
    ends: NDArray[np.intp]
    correct_counts: Array
    booked_counts: Array

    @property
    def coverages(self) -> Array:
        return self.booked_counts / len(self.right)


def _estimate_straight_through(
    confidence: Array, right: Array, seed: int, units: Units | None
) -> dict[str, Any]:
    """The part of a Calibration that is about documents. Where no share is shown to be right often
    enough the interval of what can be booked begins at nothing, whatever the resamples say."""
    order = np.argsort(-confidence, kind="stable")
    unit_indices = np.arange(len(right)) if units is None else units
    thresholds = _list_thresholds(confidence[order], right[order])
    shares_right = thresholds.correct_counts / thresholds.booked_counts
    curve = tuple(zip(thresholds.coverages.tolist(), shares_right.tolist(), strict=True))
    resampled_low, resampled_high = _resample_straight_through_rate(
        thresholds.right, unit_indices[order], thresholds.ends, seed
    )
    chosen = _choose_threshold(thresholds, is_each_alone=units is None)
    if chosen is None:
        return {
            "curve": curve,
            "unseen": Estimate(0.0, 0.0, resampled_high, len(right)),
            "note": Message("never_sure", {"target": TARGET_PRECISION}),
        }
    booked_count = int(thresholds.booked_counts[chosen])
    booked_units = None if units is None else number_units(units[order][:booked_count].tolist())
    booked = estimate_booked(thresholds.right[:booked_count], booked_units)
    share = float(thresholds.coverages[chosen])
    is_shown = (booked.low or 0) >= TARGET_PRECISION
    low = min(share, resampled_low) if is_shown else 0.0
    return {
        "curve": curve,
        "unseen": Estimate(share, low, max(share, resampled_high), len(right)),
        "threshold": float(thresholds.confidence[thresholds.ends[chosen]]),
        "booked": booked,
        "note": _build_note(booked, booked_count - int(thresholds.correct_counts[chosen])),
    }


def _list_thresholds(confidence: Array, right: Array) -> _Thresholds:
    """Of documents in the order of their confidence; what failed is booked at none."""
    is_last_of_its_kind = np.append(confidence[:-1] != confidence[1:], True)
    ends = np.flatnonzero(is_last_of_its_kind & (confidence > FAILED))
    booked_counts = (ends + 1).astype(np.float64)
    return _Thresholds(confidence, right, ends, np.cumsum(right)[ends], booked_counts)


def _choose_threshold(thresholds: _Thresholds, is_each_alone: bool) -> int | None:
    """The lowest that is shown to be on target, else the lowest that is on target; None where none
    is. Of documents in groups it is not known here what is shown."""
    correct_counts, booked_counts = thresholds.correct_counts, thresholds.booked_counts
    on_target = np.flatnonzero(correct_counts >= TARGET_PRECISION * booked_counts)
    if not len(on_target):
        return None
    if is_each_alone:
        lower_bounds, _ = compute_exact_bounds(correct_counts, booked_counts, ONE_SIDED_TAIL)
        shown = np.flatnonzero(lower_bounds >= TARGET_PRECISION)
        on_target = shown if len(shown) else on_target
    return int(on_target[-1])


def _resample_straight_through_rate(
    right: Array, units: Units, threshold_ends: NDArray[np.int64], seed: int
) -> tuple[float, float]:
    """The interval of the share that could be booked, the threshold chosen anew in each
    resample. `units` has the unit of each document, the surest first."""
    unit_count = int(units.max(initial=-1)) + 1
    if unit_count < 2 or not len(threshold_ends):
        return 0.0, 1.0
    weights = draw_bootstrap_weights(unit_count, seed)[:THRESHOLD_RESAMPLES, units]
    booked_counts = np.cumsum(weights, -1)[:, threshold_ends]
    correct_counts = np.cumsum(weights * right.astype(np.float32), -1)[:, threshold_ends]
    is_on_target = correct_counts >= TARGET_PRECISION * booked_counts
    shares = np.where(is_on_target, booked_counts, 0).max(-1) / weights.sum(-1)
    return compute_interval(shares.astype(np.float64), unit_count)


def _build_note(booked: Estimate, wrong_count: int) -> Message:
    if (booked.low or 0) >= TARGET_PRECISION:
        return Message("confirm")
    arguments = {
        "wrong": wrong_count,
        "n": booked.n,
        "low": booked.low,
        "target": TARGET_PRECISION,
        "needed": MIN_ERROR_FREE_DOCUMENTS,
    }
    return Message("not_shown", arguments)
