"""Documents, records and doubts -> what the page shows: each document with a row for every value.

Any value may be corrected: those of the reference, those that candidates found beside it, and those
that the schema asks for and nobody has. References are as their files have them: what was decided
before is not in them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.fields.paths import MISSING, find_value
from vlm_lab.fields.schema import collect_reference_fields
from vlm_lab.messages import Message
from vlm_lab.types import ANSWERED, Document, LabelError, Record, Status

Column = tuple[str, str]  # a field's path and its type


@dataclass(frozen=True, slots=True)
class Answer:
    """What one candidate said; `outcome` is "" where it was not held against a reference."""

    candidate: str
    value: Any
    outcome: str = ""


@dataclass(slots=True)
class Row:
    """One value of one document. `doubt` says why it is doubtful, where it is."""

    path: str
    type: str
    reference: Any
    answers: list[Answer] = field(default_factory=list)
    doubt: LabelError | None = None


@dataclass(slots=True)
class ReviewedDocument:
    """One document as it is looked at; `rows` are by path. `failures` says why a candidate has no
    answer, `extra_rows` how many rows of lists a candidate read that the reference lacks: such rows
    are added in its file."""

    document: Document
    rows: dict[str, Row]
    failures: dict[str, tuple[Status, Message | str]] = field(default_factory=dict)
    extra_rows: dict[str, int] = field(default_factory=dict)


def collect_documents(
    documents: Iterable[Document], records: Iterable[Record], doubts: Iterable[LabelError]
) -> dict[str, ReviewedDocument]:
    """All documents by id, with what one suite's records and doubts say of them."""
    reviewed = {document.id: _list_values(document) for document in documents}
    for record in records:
        if record.document in reviewed:
            _add_record(reviewed[record.document], record)
    for doubt in doubts:
        if doubt.document in reviewed and doubt.path in reviewed[doubt.document].rows:
            reviewed[doubt.document].rows[doubt.path].doubt = doubt
    return reviewed


def _list_values(document: Document) -> ReviewedDocument:
    """A row for each field of the schema, a cell for each row that the reference has."""
    reference = document.reference or {}
    fields = document.suite.fields or collect_reference_fields(reference)
    columns = [(schema_field.path, schema_field.type) for schema_field in fields]
    rows = {
        path: Row(path, type_name, _find_reference(document, path))
        for path, type_name in _list_paths(columns, reference)
    }
    return ReviewedDocument(document, rows)


def _list_paths(columns: Sequence[Column], data: Any, prefix: str = "") -> Iterator[Column]:
    """The paths of values, row by row: `rows[].x` is `rows[0].x`, `rows[1].x` where two are."""
    listed_tables: set[str] = set()
    for path, type_name in columns:
        table, separator, _ = path.partition("[].")
        if not separator:
            yield f"{prefix}{path}", type_name
            continue
        if table in listed_tables:
            continue
        listed_tables.add(table)
        start = f"{table}[]."
        cells = [(cell[len(start) :], kind) for cell, kind in columns if cell.startswith(start)]
        table_rows = find_value(data, table)
        for number, row in enumerate(table_rows if isinstance(table_rows, list) else []):
            yield from _list_paths(cells, row, f"{prefix}{table}[{number}].")


def _find_reference(document: Document, path: str) -> Any:
    value = find_value(document.reference or {}, path.removesuffix("[]"))
    return None if value is MISSING else value


def _add_record(reviewed: ReviewedDocument, record: Record) -> None:
    """What one candidate said of each value, or why it said nothing."""
    candidate = record.candidate.label
    if record.status not in ANSWERED:
        reviewed.failures[candidate] = record.status, record.failure_reason
        return
    judged_paths = set()
    for result in record.fields:
        if result.in_spurious_row:
            continue
        judged_paths.add(result.path)
        reference = _find_reference(reviewed.document, result.path)
        row = reviewed.rows.setdefault(result.path, Row(result.path, result.type, reference))
        row.answers.append(Answer(candidate, result.actual, result.outcome))
    extra_rows = {
        row for result in record.fields if result.in_spurious_row for row in result.rows[-1:]
    }
    if extra_rows:
        reviewed.extra_rows[candidate] = len(extra_rows)
    _add_unjudged_values(reviewed.rows, record.prediction, candidate, judged_paths)


def _add_unjudged_values(
    rows: Mapping[str, Row],
    prediction: Mapping[str, Any] | None,
    candidate: str,
    judged_paths: set[str],
) -> None:
    """Of a document without a reference no value was judged, and each is in the prediction."""
    for path, row in rows.items():
        value = find_value(prediction or {}, path.removesuffix("[]"))
        if path not in judged_paths and value is not MISSING and value is not None:
            row.answers.append(Answer(candidate, value))
