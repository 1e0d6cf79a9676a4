"""A run as three tables for spreadsheets: models.csv, fields.csv, results.csv (a line a field of
each document).

A value that a spreadsheet would run as a formula is written with an apostrophe before it (OWASP,
"CSV Injection").
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.report import tables
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import JUDGED, Record, Report

FORMULA_PREFIXES = ("=", "+", "-", "@")
FIELD_COLUMNS = ("suite", "model", "prompt", "field", "right", "low", "high", "documents", *JUDGED)
RESULT_KEYS = ("path", "outcome", "kind", "expected", "actual", "confidence")
RESULT_COLUMNS = ("suite", "model", "prompt", "document", "status", *RESULT_KEYS)


def write_csv_tables(
    report: Report, evidence: Evidence, records: Iterable[Record], folder: Path
) -> list[Path]:
    """Writes the three files into `folder`; where they lie."""
    make_private_folder(folder, folder.parent)
    model_rows = [
        [summary.suite, *tables.build_model_row(summary, evidence)] for summary in report.summaries
    ]
    _write_csv(folder / "models.csv", ("suite", *tables.MODEL_COLUMNS), model_rows)
    _write_csv(folder / "fields.csv", FIELD_COLUMNS, _build_field_rows(report))
    _write_csv(folder / "results.csv", RESULT_COLUMNS, _build_result_rows(records))
    return [folder / f"{name}.csv" for name in ("models", "fields", "results")]


def _build_field_rows(report: Report) -> Iterator[Sequence[Any]]:
    for summary in report.summaries:
        for path, field_summary in summary.fields.items():
            accuracy = field_summary.accuracy
            figures = (accuracy.value, accuracy.low, accuracy.high, accuracy.n)
            counts = [field_summary.outcomes.get(outcome, 0) for outcome in JUDGED]
            yield (*summary.candidate, path, *figures, *counts)


def _build_result_rows(records: Iterable[Record]) -> Iterator[Sequence[Any]]:
    for record in records:
        case_values = (*record.key, record.status)
        if not record.fields:
            yield (*case_values, *[None] * len(RESULT_KEYS))
        for result in record.fields:
            yield (*case_values, *(getattr(result, key) for key in RESULT_KEYS))


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """UTF-8 with a mark at its beginning, without which Excel reads Cyrillic as something else."""
    with (
        atomic_private_file(path) as binary_file,
        io.TextIOWrapper(binary_file, "utf-8-sig", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_escape_cell(value) for value in row] for row in rows)


def _escape_cell(value: Any) -> Any:
    if value is None or isinstance(value, (int, float)):
        return value
    text = terminal_safe(str(value))
    return f"'{text}" if text.startswith(FORMULA_PREFIXES) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).replace(",", "").isdigit()
