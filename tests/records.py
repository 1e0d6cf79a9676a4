"""Records for tests of what comes after scoring: as they stand in records.jsonl, from outcomes alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.counts import scores

RIGHT = ("exact", "normalized")


def record(document: str, outcomes: Mapping[str, str] | None = None, **other: Any) -> dict[str, Any]:
    """A case with these outcomes by path (None: no reference); a path with `[` is a cell, alone in its row."""
    heads = [outcome for path, outcome in (outcomes or {}).items() if "[" not in path]
    cells = [outcome for path, outcome in (outcomes or {}).items() if "[" in path]
    rows = {
        "rows_right": sum(outcome in RIGHT for outcome in cells),
        "rows_expected": sum(outcome != "spurious" for outcome in cells),
        "rows_predicted": sum(outcome != "missing" for outcome in cells),
    }
    made = {
        "suite": "invoices", "model": "m", "prompt_id": "default", "document": document, "status": "ok",
        "scores": scores(_counts(heads), _counts(cells), rows), "fields": fields(outcomes or {}), "tags": {},
        "error": None, "reason": "", "cached": False, "elapsed_seconds": 2.0, "environment": {"device": "cpu"},
        "measured_at": "2026-01-02T03:04:05+00:00", "peak_memory_bytes": None, "raw_response": "{}",
        "usage": {"prompt_tokens": 100, "visual_tokens": 64, "output_tokens": 20},
        "document_sha256": f"d-{document}", "reference_sha256": f"r-{document}",
    }  # fmt: skip
    return {**made, **other}


def failed(document: str, status: str = "error", message: str = "needs 9 GB", **other: Any) -> dict[str, Any]:
    """A cell that the harness has no answer for."""
    empty = {"scores": {}, "elapsed_seconds": None, "error": {"type": "OutOfMemory", "message": message}}
    return record(document, {}, status=status, **{**empty, **other})


def fields(outcomes: Mapping[str, str]) -> list[dict[str, Any]]:
    """One result for each path."""
    rest = {"type": "text", "similarity": None, "confidence": None}
    kinds = {"wrong": "misread"}
    return [
        {"path": path, "outcome": outcome, "expected": "a", "actual": "b", "kind": kinds.get(outcome), **rest}
        for path, outcome in outcomes.items()
    ]


def _counts(outcomes: Sequence[str]) -> dict[str, int]:
    return {outcome: list(outcomes).count(outcome) for outcome in outcomes}
