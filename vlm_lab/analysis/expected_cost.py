"""Records and a company's rates -> what one document costs with each candidate.

A document that shows a fault goes to a person: one without an answer, with a value missing, or
whose own sums, dates or check digits do not agree. There each value that is not right costs the
minutes of a correction. A document that shows none is booked as it is; a wrong total in it is
noticed by nobody and costs what the company says, once a document. Cells that were not asked, and
those that a candidate is not judged by, are in no figure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from vlm_lab.analysis.judged_records import explain_left_out
from vlm_lab.types import (
    ANSWERED,
    EXPECTED,
    CandidateKey,
    CostRates,
    ExpectedCost,
    FieldResult,
    Outcome,
    Record,
    Summary,
)

MINUTES_PER_HOUR = 60
DocumentKey = tuple[str, str]  # suite, document
_WRONG_OUTCOMES: tuple[Outcome, ...] = ("wrong", "missing", "spurious")


@dataclass(frozen=True, slots=True)
class _DocumentErrors:
    """One candidate's document: values to correct (None: all that it has, as there is no answer),
    and whether a wrong total passes unseen."""

    document: DocumentKey
    corrected_values: int | None = 0
    has_unseen_error: bool = False


def estimate_expected_costs(
    records: Iterable[Record], summaries: Sequence[Summary], rates: CostRates
) -> list[ExpectedCost]:
    """One for each candidate that was asked about a document with a reference."""
    errors_by_candidate: dict[CandidateKey, list[_DocumentErrors]] = {}
    value_counts: Counter[DocumentKey] = Counter()
    for record in records:
        key = record.suite, record.document
        if record.status in ANSWERED:
            labelled_count = sum(result.outcome in EXPECTED for result in record.fields)
            value_counts[key] = max(value_counts[key], labelled_count)
        errors = _assess_record(record)
        if errors:
            errors_by_candidate.setdefault(record.candidate, []).append(errors)
    return [
        _sum_costs(summary, errors_by_candidate[summary.candidate], value_counts, rates)
        for summary in summaries
        if summary.candidate in errors_by_candidate
    ]


def _assess_record(record: Record) -> _DocumentErrors | None:
    """None where a record says nothing of what a document costs."""
    key = record.suite, record.document
    if explain_left_out(record):
        return None
    if record.status == "error":
        return _DocumentErrors(key, corrected_values=None)
    outcomes = Counter(result.outcome for result in record.fields)
    if record.status not in ANSWERED or not any(outcomes[name] for name in EXPECTED):
        return None
    shows_fault = (
        record.status != "ok" or outcomes["missing"] > 0 or False in record.checks.values()
    )
    if shows_fault:
        return _DocumentErrors(key, sum(outcomes[name] for name in _WRONG_OUTCOMES))
    return _DocumentErrors(key, has_unseen_error=any(map(_is_wrong_total, record.fields)))


def _is_wrong_total(result: FieldResult) -> bool:
    return result.type == "amount" and not result.in_row and result.outcome == "wrong"


def _sum_costs(
    summary: Summary,
    document_errors: Sequence[_DocumentErrors],
    value_counts: Mapping[DocumentKey, int],
    rates: CostRates,
) -> ExpectedCost:
    known_counts = [count for count in value_counts.values() if count]
    usual_count = fmean(known_counts) if known_counts else 0.0
    corrected_values = 0.0
    for errors in document_errors:
        corrected_count: float | None = errors.corrected_values
        if corrected_count is None:  # all values of the document are typed
            corrected_count = value_counts.get(errors.document) or usual_count
        corrected_values += corrected_count
    unseen_count = sum(errors.has_unseen_error for errors in document_errors)
    correction_price = rates.minutes_per_field / MINUTES_PER_HOUR * rates.wage_per_hour
    cost_per_1000 = summary.speed.cost_per_1000
    return ExpectedCost(
        suite=summary.suite,
        model=summary.model,
        prompt_id=summary.prompt_id,
        documents=len(document_errors),
        reading=None if cost_per_1000 is None else cost_per_1000 / 1000,
        corrections=corrected_values * correction_price / len(document_errors),
        unseen_errors=unseen_count * rates.missed_total / len(document_errors),
    )
