"""A run as three tables for spreadsheets: models.csv, fields.csv, results.csv (a line a field of
each document).

In English, as scripts read them: commas between cells, decimal points. In another language, as its
Excel opens them: heads and outcomes in that language, its decimal mark, and a semicolon between
cells where that mark is a comma. What a spreadsheet would run as a formula has an apostrophe before
it (OWASP, "CSV Injection"), also within a cell, behind whatever another program may take for the
end of one.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.localization import localize_figure
from vlm_lab.messages import ENGLISH
from vlm_lab.report import tables
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import JUDGED, Record, Report

SEPARATORS = frozenset(",;|\t\r\n")  # behind each, some program takes a cell to begin
BEFORE_FORMULA = frozenset(" \"'")  # may stand there before a formula
FORMULA_SIGNS = frozenset("=@+-\uff1d\uff20\uff0b\uff0d")  # the last four are full-width
PLAIN_NUMBER = re.compile(r"""[+-][\d.,\s]*(?=[,;|\t"']|$)""")
MAX_NAME_LENGTH = 200  # characters of a text that is kept for other rows
FIELD_COLUMNS = ("suite", "model", "prompt", "field", "right", "low", "high", "documents", *JUDGED)
RESULT_KEYS = ("path", "outcome", "kind", "expected", "actual", "confidence")
RESULT_COLUMNS = ("suite", "model", "prompt", "document", "status", *RESULT_KEYS)


def write_csv_tables(
    report: Report,
    evidence: Evidence,
    records: Iterable[Record],
    folder: Path,
    catalogue: NullTranslations = ENGLISH,
) -> list[Path]:
    """Writes the three files into `folder`; where they lie."""
    make_private_folder(folder, folder.parent)
    model_rows = [
        [summary.suite, *tables.build_model_row(summary, evidence, catalogue)]
        for summary in report.summaries
    ]
    result_rows = _build_result_rows(records, catalogue.gettext)
    _write_csv(folder / "models.csv", ("suite", *tables.MODEL_COLUMNS), model_rows, catalogue)
    _write_csv(folder / "fields.csv", FIELD_COLUMNS, _build_field_rows(report), catalogue)
    _write_csv(folder / "results.csv", RESULT_COLUMNS, result_rows, catalogue)
    return [folder / f"{name}.csv" for name in ("models", "fields", "results")]


def _build_field_rows(report: Report) -> Iterator[Sequence[Any]]:
    for summary in report.summaries:
        for path, field_summary in summary.fields.items():
            accuracy = field_summary.accuracy
            figures = (accuracy.value, accuracy.low, accuracy.high, accuracy.n)
            counts = [field_summary.outcomes.get(outcome, 0) for outcome in JUDGED]
            yield (*summary.candidate, path, *figures, *counts)


def _build_result_rows(
    records: Iterable[Record], gettext: tables.Translator
) -> Iterator[Sequence[Any]]:
    for record in records:
        status = gettext(record.status.replace("_", " "))
        case_values = (*record.key, status)
        if not record.fields:
            yield (*case_values, *[None] * len(RESULT_KEYS))
        for result in record.fields:
            kind = gettext(result.kind) if result.kind else result.kind
            judgement = (gettext(result.outcome), kind)
            values = (result.expected, result.actual, result.confidence)
            yield (*case_values, result.path, *judgement, *values)


def _write_csv(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    catalogue: NullTranslations,
) -> None:
    """UTF-8 with a mark at its beginning, without which Excel reads Cyrillic as something else."""
    delimiter = ";" if localize_figure(".", catalogue) == "," else ","
    with atomic_private_file(path) as binary_file:
        file = io.TextIOWrapper(binary_file, "utf-8-sig", errors="replace", newline="")
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow([catalogue.gettext(column) for column in columns])
        writer.writerows([_format_cell(value, catalogue) for value in row] for row in rows)
        file.flush()
        file.detach()  # who opened the file below closes it


def _format_cell(value: Any, catalogue: NullTranslations) -> Any:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return localize_figure(str(value), catalogue)
    text = str(value)
    return _format_name(text) if len(text) <= MAX_NAME_LENGTH else _format_text(text)


@lru_cache(maxsize=1024)
def _format_name(text: str) -> str:
    """The text of a cell that many rows have: a model, a document, a path, an outcome."""
    return _format_text(text)


def _format_text(text: str) -> str:
    return _defuse_formulas(terminal_safe(text))


def _defuse_formulas(text: str) -> str:
    """An apostrophe before each sign that begins a formula, unless it is a plain number's."""
    if FORMULA_SIGNS.isdisjoint(text):
        return text
    parts, copied, is_cell_start = [], 0, True
    for index, character in enumerate(text):
        is_sign = is_cell_start and character in FORMULA_SIGNS
        if is_sign and not PLAIN_NUMBER.match(text, index):
            parts.append(text[copied:index])
            copied = index
        if character in SEPARATORS:
            is_cell_start = True
        elif character not in BEFORE_FORMULA:
            is_cell_start = False
    return "'".join([*parts, text[copied:]])
