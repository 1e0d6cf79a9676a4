"""Records for tests of what comes after scoring: as they are read from records.jsonl, from outcomes
alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.records.record_lines import encode_record
from vlm_lab.scoring.counts import compute_scores
from vlm_lab.types import CORRECT, Failure, FieldResult, Record, Usage


def record(
    document: str,
    outcomes: Mapping[str, str] | None = None,
    cells: Mapping[str, Sequence[str]] | None = None,
    **other: Any,
) -> Record:
    """A case with these outcomes by header field (None: no reference) and by column, a row each:
    {"rows[].sum": ["exact", "wrong"]}. A cell is alone in its row."""
    header_outcomes = list((outcomes or {}).values())
    cell_outcomes = [outcome for column in (cells or {}).values() for outcome in column]
    rows = {
        "rows_right": sum(outcome in CORRECT for outcome in cell_outcomes),
        "rows_expected": sum(outcome != "spurious" for outcome in cell_outcomes),
        "rows_predicted": sum(outcome != "missing" for outcome in cell_outcomes),
    }
    values: dict[str, Any] = {
        "case": f"m-default-{document}",
        "suite": "invoices",
        "document": document,
        "document_name": document,
        "model": "m",
        "model_id": "x",
        "revision": "main",
        "prompt_id": "default",
        "status": "ok",
        "scores": compute_scores(_counts(header_outcomes), _counts(cell_outcomes), rows),
        "fields": fields(outcomes or {}, cells or {}),
        "elapsed_seconds": 2.0,
        "environment": {"device": "cpu"},
        "measured_at": "2026-01-02T03:04:05+00:00",
        "raw_response": "{}",
        "usage": Usage(prompt_tokens=100, visual_tokens=64, output_tokens=20),
        "document_sha256": f"d-{document}",
        "reference_sha256": f"r-{document}",
    }
    return Record(**{**values, **other})


def failed(
    document: str, status: str = "error", message: str = "needs 9 GB", **other: Any
) -> Record:
    """A cell that the harness has no answer for."""
    empty = {"scores": {}, "elapsed_seconds": None, "error": Failure("OutOfMemory", message)}
    return record(document, {}, status=status, **{**empty, **other})


def lines(records: Sequence[Record]) -> bytes:
    """The records as they stand in records.jsonl."""
    return b"".join(encode_record(each) + b"\n" for each in records)


def fields(
    outcomes: Mapping[str, str], cells: Mapping[str, Sequence[str]]
) -> tuple[FieldResult, ...]:
    """One result for each header field and each cell."""
    results = [_result(outcome, header_field(path)) for path, outcome in outcomes.items()]
    for field, column in cells.items():
        results += [_result(outcome, cell(field, row)) for row, outcome in enumerate(column)]
    return tuple(results)


def header_field(path: str) -> dict[str, Any]:
    """What a result says of its place."""
    return {"path": path, "field": path}


def cell(field: str, row: int, spurious: bool = False) -> dict[str, Any]:
    """The same of a cell: `rows[].sum` in the row of this number."""
    table, _, key = field.partition("[].")
    name = f"{table}[{'+' if spurious else ''}{row}]"
    place = {"path": f"{name}.{key}", "field": field}
    return {**place, "in_row": True, "rows": (name,), "in_spurious_row": spurious}


def _result(outcome: str, place: Mapping[str, Any]) -> FieldResult:
    values: dict[str, Any] = {
        "type": "text",
        "expected": "a",
        "actual": "b",
        "outcome": outcome,
        "kind": "misread" if outcome == "wrong" else None,
    }
    return FieldResult(**place, **values)


def _counts(outcomes: Sequence[str]) -> dict[str, int]:
    return {outcome: list(outcomes).count(outcome) for outcome in outcomes}
