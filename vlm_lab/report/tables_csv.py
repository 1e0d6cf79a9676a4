"""A run as three tables for spreadsheets: models.csv, fields.csv, results.csv (a line a field of
each document).

A value that a spreadsheet would run as a formula is written with an apostrophe before it (OWASP,
"CSV Injection").
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.files import atomic_private_file
from vlm_lab.report import tables
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import JUDGED, Report

FORMULA_PREFIXES = ("=", "+", "-", "@")
FIELD_COLUMNS = ("suite", "model", "prompt", "field", "right", "low", "high", "documents", *JUDGED)
RESULT_COLUMNS = ("suite", "model", "prompt", "document", "status", "path", "outcome", "kind", "expected", "actual",
                "confidence")  # fmt: skip


def write_csv_tables(
    report: Report, seen: Evidence, rows: Iterable[Mapping[str, Any]], folder: Path
) -> list[Path]:
    """Writes the three files into `folder`; where they lie."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    models = [[each.suite, *tables.build_model_row(each, seen)] for each in report.summaries]
    _write_csv(folder / "models.csv", ("suite", *tables.MODEL_COLUMNS), models)
    _write_csv(folder / "fields.csv", FIELD_COLUMNS, _build_field_rows(report))
    _write_csv(folder / "results.csv", RESULT_COLUMNS, _build_result_rows(rows))
    return [folder / f"{name}.csv" for name in ("models", "fields", "results")]


def _build_field_rows(report: Report) -> Iterator[Sequence[Any]]:
    for each in report.summaries:
        for path, found in each.fields.items():
            right = found.accuracy
            counts = [found.outcomes.get(outcome, 0) for outcome in JUDGED]
            yield (
                each.suite,
                each.model,
                each.prompt_id,
                path,
                right.value,
                right.low,
                right.high,
                right.n,
                *counts,
            )


def _build_result_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    for row in rows:
        case = [row[key] for key in ("suite", "model", "prompt_id", "document", "status")]
        keys = ("path", "outcome", "kind", "expected", "actual", "confidence")
        if not row["fields"]:
            yield [*case, *[None] * len(keys)]
        for each in row["fields"]:
            yield [*case, *(each[key] for key in keys)]


def _write_csv(path: Path, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """UTF-8 with a mark at its beginning, without which Excel reads Cyrillic as something else."""
    with (
        atomic_private_file(path) as binary,
        io.TextIOWrapper(binary, "utf-8-sig", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows([_escape_cell(value) for value in row] for row in rows)


def _escape_cell(value: Any) -> Any:
    if value is None or isinstance(value, (int, float)):
        return value
    text = terminal_safe(str(value))
    return f"'{text}" if text.startswith(FORMULA_PREFIXES) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).replace(",", "").isdigit()
