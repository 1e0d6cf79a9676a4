"""Records for tests of what comes after scoring: as they stand in records.jsonl, from outcomes
alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.scoring.counts import compute_scores
from vlm_lab.types import CORRECT


def record(
    document: str,
    outcomes: Mapping[str, str] | None = None,
    cells: Mapping[str, Sequence[str]] | None = None,
    **other: Any,
) -> dict[str, Any]:
    """A case with these outcomes by header field (None: no reference) and by column, a row each:
    {"rows[].sum": ["exact", "wrong"]}. A cell is alone in its row."""
    header_fields, inside = (
        list((outcomes or {}).values()),
        [each for row in (cells or {}).values() for each in row],
    )
    rows = {
        "rows_right": sum(outcome in CORRECT for outcome in inside),
        "rows_expected": sum(outcome != "spurious" for outcome in inside),
        "rows_predicted": sum(outcome != "missing" for outcome in inside),
    }
    made = {
        "scores": compute_scores(_counts(header_fields), _counts(inside), rows), "fields": fields(outcomes or {}, cells or {}),
        "suite": "invoices", "model": "m", "prompt_id": "default", "document": document, "status": "ok",
        "tags": {}, "error": None, "reason": "", "cached": False, "elapsed_seconds": 2.0,
        "environment": {"device": "cpu"}, "measured_at": "2026-01-02T03:04:05+00:00", "peak_memory_bytes": None,
        "raw_response": "{}",
        "usage": {"prompt_tokens": 100, "visual_tokens": 64, "output_tokens": 20},
        "document_sha256": f"d-{document}", "reference_sha256": f"r-{document}",
    }  # fmt: skip
    return {**made, **other}


def failed(
    document: str, status: str = "error", message: str = "needs 9 GB", **other: Any
) -> dict[str, Any]:
    """A cell that the harness has no answer for."""
    empty = {
        "scores": {},
        "elapsed_seconds": None,
        "error": {"type": "OutOfMemory", "message": message},
    }
    return record(document, {}, status=status, **{**empty, **other})


def fields(outcomes: Mapping[str, str], cells: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """One result for each header field and each cell."""
    made = [_result(outcome, header_field(path)) for path, outcome in outcomes.items()]
    for field, column in cells.items():
        made += [_result(outcome, cell(field, row)) for row, outcome in enumerate(column)]
    return made


def header_field(path: str) -> dict[str, Any]:
    """What a result says of its place."""
    return {"path": path, "field": path, "in_row": False, "rows": [], "in_spurious_row": False}


def cell(field: str, row: int, spurious: bool = False) -> dict[str, Any]:
    """The same of a cell: `rows[].sum` in the row of this number."""
    table, _, key = field.partition("[].")
    name = f"{table}[{'+' if spurious else ''}{row}]"
    place = {"path": f"{name}.{key}", "field": field}
    return {**place, "in_row": True, "rows": [name], "in_spurious_row": spurious}


def _result(outcome: str, place: Mapping[str, Any]) -> dict[str, Any]:
    rest = {"type": "text", "similarity": None, "confidence": None}
    said = {
        "outcome": outcome,
        "expected": "a",
        "actual": "b",
        "kind": "misread" if outcome == "wrong" else None,
    }
    return {**place, **said, **rest}


def _counts(outcomes: Sequence[str]) -> dict[str, int]:
    return {outcome: list(outcomes).count(outcome) for outcome in outcomes}
