"""Records -> what speaks for and against each value that a candidate gave.

- `families`: the share of other families of models that give the value, each family by the share of
  its candidates that do;
- `readings`: the share of other candidates of its own family, which are other readings by the same
  kind of model (another prompt, another resolution, another size);
- `page_words`: whether the text of the pages has it, where a reader gave that text;
- `arithmetic`: whether the document's own sums, dates and check digits agree, of those that the
  value takes part in;
- `log_probability`: the probability that the model itself gave it.

What is not known is None, which is "not measured" and never "disagrees". A candidate that gives no
value of a field in any document is no witness for it. A field that was left empty counts as a value
where another candidate gives one; so does a list's column with fewer values than another gives.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from vlm_lab.analysis.answers import (
    Answer,
    AnswerIndex,
    SuiteFields,
    is_value,
    list_predicted_values,
    measure_agreement,
)
from vlm_lab.analysis.judged_records import explain_left_out
from vlm_lab.fields.printed_forms import is_printed
from vlm_lab.scoring.consistency import list_checks_by_field
from vlm_lab.types import ANSWERED, CORRECT, PREDICTED, CandidateKey, Field, Record

SIGNALS = ("families", "readings", "page_words", "arithmetic", "log_probability")


@dataclass(frozen=True, slots=True)
class ValueSample:
    """One value: its signals in the order of SIGNALS, whether it is a field left empty, and whether
    it is right (None: no reference says)."""

    signals: tuple[float | None, ...]
    is_empty: bool = False
    is_right: bool | None = None


@dataclass(slots=True)
class DocumentSample:
    """One candidate's document: whether all of it is right (None: no reference), whether its answer
    could be booked at all, and its values."""

    document: str
    sha256: str | None
    tags: Mapping[str, str]
    is_right: bool | None
    is_answered: bool
    values: list[ValueSample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Witnesses:
    """What a value is held against: the answers of others by their family, its own family's apart,
    and which fields each of them answers anywhere."""

    own: Answer
    others: Mapping[CandidateKey, Answer]
    answered_fields: Mapping[CandidateKey, Collection[str]]


@dataclass(frozen=True, slots=True)
class _OwnEvidence:
    """What a document itself says of its values: its checks by field, and the letters on its pages
    (None: no reader gave them)."""

    checks: Mapping[str, float | None]
    page_letters: str | None
    conventions: Mapping[str, Any]

    def weigh(self, value_field: Field, value: Any) -> tuple[float | None, float | None]:
        """Whether the pages have the value, and whether the checks that it takes part in agree."""
        words = None
        if self.page_letters is not None:
            words = is_printed(value, self.page_letters, self.conventions)
        return None if words is None else float(words), self.checks.get(value_field.path)


def collect_samples(
    records: Iterable[Record], index: AnswerIndex, suites: Mapping[str, SuiteFields]
) -> Iterator[tuple[CandidateKey, DocumentSample]]:
    """Each answered document of each candidate, in the order of the records. Cells that a candidate
    is not judged by are left out."""
    checks_by_suite = {
        name: list_checks_by_field(tuple(suite.fields.values())) for name, suite in suites.items()
    }
    for record in records:
        if record.status not in ANSWERED or record.suite not in suites or explain_left_out(record):
            continue
        suite = suites[record.suite]
        checks = {
            path: _combine_checks(record, names)
            for path, names in checks_by_suite[record.suite].items()
        }
        page_letters = index.page_letters.get((record.suite, record.document))
        evidence = _OwnEvidence(checks, page_letters, asdict(suite.conventions))
        witnesses = _find_witnesses(record, index)
        labelled_fields = index.labelled_fields.get(record.suite, set())
        sample = _make_document_sample(record)
        for value_field, value, confidence, is_right in _list_values(record, suite):
            if value_field.path in labelled_fields:
                families, readings = _measure_agreement(value_field, value, witnesses)
                words, arithmetic = evidence.weigh(value_field, value)
                signals = (families, readings, words, arithmetic, confidence)
                sample.values.append(ValueSample(signals, is_right=is_right))
        sample.values += _list_empty_values(record, labelled_fields, suite, witnesses)
        yield record.candidate, sample


def _find_witnesses(record: Record, index: AnswerIndex) -> _Witnesses:
    answers = index.answers[record.suite, record.document]
    others = {key: answer for key, answer in answers.items() if key != record.candidate}
    return _Witnesses(answers[record.candidate], others, index.answered_fields)


def _make_document_sample(record: Record) -> DocumentSample:
    """A record's document, still without its values."""
    document_right = record.scores.get("document_right")
    return DocumentSample(
        document=record.document,
        sha256=record.document_sha256,
        tags=record.tags,
        is_right=None if document_right is None else bool(document_right),
        is_answered=record.status == "ok",
    )


def _combine_checks(record: Record, names: Iterable[str]) -> float | None:
    """1 where all that could be made hold, 0 where one does not, None where none could be made."""
    results = [record.checks.get(name) for name in names]
    made = [result for result in results if result is not None]
    return float(all(made)) if made else None


def _list_values(
    record: Record, suite: SuiteFields
) -> Iterator[tuple[Field, Any, float | None, bool | None]]:
    """Each value that was given: its field, its probability, and whether it is right."""
    if not record.fields:
        for value_field, value in list_predicted_values(record.prediction, suite.fields):
            yield value_field, value, None, None
        return
    for result in record.fields:
        value_field = suite.fields.get(result.field) or Field(result.field, result.type)
        if result.outcome == "missing" or not is_value(result.type, result.actual):
            continue
        is_right = result.outcome in CORRECT if result.outcome in PREDICTED else None
        yield value_field, result.actual, result.confidence, is_right


def _measure_agreement(
    value_field: Field, value: Any, witnesses: _Witnesses
) -> tuple[float | None, float | None]:
    """The shares of other families and of other readings that give the value."""
    agreement_by_family: dict[str, list[float]] = {}
    for candidate, other in witnesses.others.items():
        if value_field.path in witnesses.answered_fields[candidate]:
            agreement = measure_agreement(value_field, value, witnesses.own, other)
            agreement_by_family.setdefault(other.family, []).append(agreement)
    return _split_agreement(agreement_by_family, witnesses.own.family)


def _split_agreement(
    agreement_by_family: dict[str, list[float]], own_family: str
) -> tuple[float | None, float | None]:
    own_agreement = agreement_by_family.pop(own_family, None)
    shares = [fmean(agreement) for agreement in agreement_by_family.values()]
    return (
        fmean(shares) if shares else None,
        None if own_agreement is None else fmean(own_agreement),
    )


def _list_empty_values(
    record: Record, labelled_fields: Collection[str], suite: SuiteFields, witnesses: _Witnesses
) -> Iterator[ValueSample]:
    """The fields that another candidate gives more values of, one in a list for all of them: right
    where the reference has none that is missing, either."""
    missing = {result.field for result in record.fields if result.outcome == "missing"}
    for path in suite.fields:
        if path not in labelled_fields:
            continue
        own_count = witnesses.own.count_values(path)
        agreement_by_family: dict[str, list[float]] = {}
        for candidate, other in witnesses.others.items():
            if path in witnesses.answered_fields[candidate]:
                has_no_more = other.count_values(path) <= own_count
                agreement_by_family.setdefault(other.family, []).append(float(has_no_more))
        families, readings = _split_agreement(agreement_by_family, witnesses.own.family)
        if min((share for share in (families, readings) if share is not None), default=1.0) < 1:
            is_right = None if not record.fields else path not in missing
            yield ValueSample((families, readings, None, None, None), True, is_right)
