"""Records -> what each candidate answered for each document, by field, in a form in which answers
are compared with each other and with no reference.

A reference decides nothing here: what holds of documents with one holds of those without. Cells of
a list are known by their column alone, whatever their row.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.analysis.judged_records import is_own_reference
from vlm_lab.analysis.label_errors import derive_model_family
from vlm_lab.analysis.value_keys import make_value_key
from vlm_lab.fields.comparison import has_same_value
from vlm_lab.fields.flattening import unflatten_dotted_keys
from vlm_lab.fields.nothing import is_null, says_nothing
from vlm_lab.fields.own_conventions import read_own_conventions
from vlm_lab.fields.placeholders import is_placeholder
from vlm_lab.fields.printed_forms import keep_letters
from vlm_lab.fields.schema import flatten_json
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import (
    ANSWERED,
    JUDGED,
    CandidateKey,
    Conventions,
    Field,
    Record,
)

DocumentKey = tuple[str, str]  # suite, document


@dataclass(frozen=True, slots=True)
class SuiteFields:
    """A suite's fields by their path, and how values are written in it."""

    fields: Mapping[str, Field]
    conventions: Conventions


def read_suite_fields(suites: Sequence[Mapping[str, Any]]) -> dict[str, SuiteFields]:
    """Of each suite as a report has it: of this run, or read back from report.json."""
    return {
        suite["name"]: SuiteFields(
            {each.path: each for each in map(_read_field, suite.get("fields") or ())},
            get_adapter(Conventions).validate_python(suite.get("conventions") or {}),
        )
        for suite in suites
    }


def _read_field(value: Any) -> Field:
    return get_adapter(Field).validate_python(value)


@dataclass(frozen=True, slots=True)
class Answer:
    """One candidate's answer about one document: by field the keys of its values and how often each
    stands there, and the one value of each field outside of lists."""

    family: str
    conventions: Conventions
    keys: Mapping[str, Mapping[Hashable, int]]
    header_values: Mapping[str, Any]

    def count_values(self, path: str) -> int:
        """In all rows of a list."""
        return sum(self.keys.get(path, {}).values())


@dataclass(slots=True)
class AnswerIndex:
    """All answers of a run by document and candidate; the fields that each candidate answers
    anywhere, those that any reference of a suite labels, and the letters of documents' pages."""

    answers: dict[DocumentKey, dict[CandidateKey, Answer]] = field(default_factory=dict)
    answered_fields: dict[CandidateKey, set[str]] = field(default_factory=dict)
    labelled_fields: dict[str, set[str]] = field(default_factory=dict)
    page_letters: dict[DocumentKey, str] = field(default_factory=dict)


def index_answers(records: Iterable[Record], suites: Mapping[str, SuiteFields]) -> AnswerIndex:
    """One pass over the records, of which the answers alone are held. An answer that is its own
    reference, which nobody has checked, is no witness."""
    index = AnswerIndex()
    for record in records:
        key = record.suite, record.document
        labelled_fields = index.labelled_fields.setdefault(record.suite, set())
        labelled_fields.update(each.field for each in record.fields if each.outcome in JUDGED)
        text = _find_page_text(record)
        if text:
            index.page_letters[key] = keep_letters(text)
        suite = suites.get(record.suite)
        if record.status not in ANSWERED or suite is None or is_own_reference(record):
            continue
        answer = read_answer(record, suite)
        index.answers.setdefault(key, {})[record.candidate] = answer
        index.answered_fields.setdefault(record.candidate, set()).update(answer.keys)
    return index


def _find_page_text(record: Record) -> str:
    """The words of a document's pages, where a reader has given them as text."""
    if record.page_text is not None:
        return record.page_text.text
    gives_text = record.backend == "ocr" and record.prediction is None
    return record.raw_response or "" if gives_text else ""


def read_answer(record: Record, suite: SuiteFields) -> Answer:
    """A record's prediction by field."""
    keys: dict[str, Counter[Hashable]] = {}
    header_values: dict[str, Any] = {}
    fields = tuple(suite.fields.values())
    conventions = read_own_conventions(record.prediction, fields, suite.conventions)
    for field_of_value, value in list_predicted_values(record.prediction, suite.fields):
        path = field_of_value.path
        keys.setdefault(path, Counter()).update(
            [make_value_key(field_of_value, value, conventions)]
        )
        if "[]" not in path:
            header_values[path] = value
    return Answer(
        family=derive_model_family(record),
        conventions=conventions,
        keys=keys,
        header_values=header_values,
    )


def list_predicted_values(
    prediction: Mapping[str, Any] | None, fields: Mapping[str, Field]
) -> Iterator[tuple[Field, Any]]:
    """The values of a prediction that say something, each with its field."""
    try:
        leaves: Sequence[tuple[str, Any]] = list(
            flatten_json(unflatten_dotted_keys(prediction or {}))
        )
    except RecursionError:
        return
    for path, value in leaves:
        if path in fields and is_value(fields[path].type, value):
            yield fields[path], value


def is_value(field_type: str, value: Any) -> bool:
    """Whether a prediction says something here; `нет` does where yes or no is asked for."""
    is_empty = is_null(value) if field_type == "boolean" else says_nothing(value)
    return not is_empty and not is_placeholder(value)


def measure_agreement(field_of_value: Field, value: Any, own: Answer, other: Answer) -> float:
    """Whether another candidate gives this value in this field, equal as the field's type compares;
    of a list in any row. Of a value that stands in more rows here than there it is a share: a row
    that was given twice is not confirmed twice."""
    path = field_of_value.path
    key = make_value_key(field_of_value, value, own.conventions)
    found_count = other.keys.get(path, {}).get(key, 0)
    if found_count:
        return min(1.0, found_count / max(1, own.keys.get(path, {}).get(key, 1)))
    if path not in other.header_values:
        return 0.0
    other_value = other.header_values[path]
    return float(
        has_same_value(field_of_value, value, other_value, own.conventions, other.conventions)
    )
