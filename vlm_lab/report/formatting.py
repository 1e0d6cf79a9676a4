"""Figures as people read them, and tables of them: the same in the terminal and in report.md."""

import gettext
import re
import shutil
import textwrap
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain, zip_longest

from vlm_lab.localization import SOURCE_LANGUAGE, get_language, localize_figure
from vlm_lab.messages import ENGLISH
from vlm_lab.types import ANSWERED, Estimate, Summary

SUMMARY_COLUMNS = (
    "model",
    "prompt",
    "F1",
    "95 %",
    "right",
    "s/doc",
    "p95",
    "tok/s",
    "answered",
    "cached",
)
NAME_COLUMNS = 2  # of SUMMARY_COLUMNS: what comes after the names are figures
COLUMN_GAP, NARROW_GAP = "  ", " "
MAX_WORD = 16  # letters of a name that stay in one line
TERMINAL_WIDTH = 80  # where nobody says otherwise
WHOLE_LINES = 10_000


def format_number(
    value: float | Decimal | None,
    form: str = ".2f",
    catalogue: gettext.NullTranslations = ENGLISH,
) -> str:
    """A figure as a language writes it, or a dash where it was not measured."""
    return "-" if value is None else localize_figure(format(value, form), catalogue)


def format_estimate(
    estimate: Estimate | None, catalogue: gettext.NullTranslations = ENGLISH
) -> str:
    """`0.873`, or a dash where nothing was judged."""
    return format_number(estimate.value if estimate else None, ".3f", catalogue)


def format_interval(
    estimate: Estimate | None, catalogue: gettext.NullTranslations = ENGLISH
) -> str:
    """`0.82-0.91`"""
    if estimate is None or estimate.low is None or estimate.high is None:
        return "-"
    return localize_figure(f"{estimate.low:.2f}-{estimate.high:.2f}", catalogue)


def format_amount(amount: Decimal | float | None, catalogue: gettext.NullTranslations) -> str:
    """`1 234.50`: a comma is decimal to half of those who read English."""
    if get_language(catalogue) == SOURCE_LANGUAGE:
        return format_number(amount, ",.2f").replace(",", " ")
    return format_number(amount, ",.2f", catalogue)


def count_documents_right(summary: Summary) -> tuple[int, int]:
    """How many documents are fully right, and how many are judged."""
    estimate = summary.scores.get("documents_right")
    if estimate is None or estimate.value is None:
        return 0, 0
    share = summary.labelled_share
    return share.right if share else round(estimate.value * estimate.n), estimate.n


def format_documents_right(summary: Summary) -> str:
    """`17/24`"""
    right, judged = count_documents_right(summary)
    return f"{right}/{judged}" if judged else "-"


def format_answered(summary: Summary) -> str:
    """`23/24`: of how many documents there is an answer."""
    answered = sum(summary.statuses.get(status, 0) for status in ANSWERED)
    return f"{answered}/{summary.documents}"


def format_summary_row(summary: Summary) -> list[str]:
    """One model x prompt under SUMMARY_COLUMNS."""
    scores, speed = summary.scores, summary.speed
    return [
        summary.model,
        summary.prompt_id,
        format_estimate(scores.get("field_f1")),
        format_interval(scores.get("field_f1")),
        format_documents_right(summary),
        format_number(speed.median_seconds),
        format_number(speed.p95_seconds),
        format_number(speed.tokens_per_second, ".0f"),
        format_answered(summary),
        str(summary.cached),
    ]


def get_terminal_width(otherwise: int) -> int:
    """Of the terminal that is written to, or as COLUMNS says; `otherwise` in a file or a pipe."""
    return shutil.get_terminal_size((otherwise, 24)).columns


def format_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int = WHOLE_LINES,
    folded: int = NAME_COLUMNS,
) -> list[str]:
    """Columns under their heads, as wide as they must be. Where that is too wide for `width`, the
    first `folded` columns, which are names, go on in the next line."""
    widths = [max(len(cell) for cell in texts) for texts in zip(columns, *rows, strict=True)]
    _narrow_columns(widths, width, list(zip(columns, *rows, strict=True))[:folded])
    gap = COLUMN_GAP if _measure_line(widths, COLUMN_GAP) <= width else NARROW_GAP
    lines: list[str] = []
    for row in (columns, *rows):
        cells = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = [part.ljust(size) for part, size in zip(parts, widths, strict=True)]
            lines.append(gap.join(padded).rstrip())
    return lines


def _measure_line(widths: Sequence[int], gap: str) -> int:
    return sum(widths) + len(gap) * (len(widths) - 1)


def _narrow_columns(widths: list[int], width: int, columns: Sequence[Sequence[str]]) -> None:
    """Makes the widest of the first columns narrower until the table fits, or their words would be
    torn."""
    excess = _measure_line(widths, COLUMN_GAP) - width
    least_widths = [_measure_longest_word(column) for column in columns]
    while excess > 0:
        spare = [size - least for size, least in zip(widths, least_widths, strict=False)]
        if max(spare) <= 0:
            return
        widths[spare.index(max(spare))] -= 1
        excess -= 1


def _measure_longest_word(cells: Sequence[str]) -> int:
    """Letters of the longest word, with its hyphen; a word that is longer than most may be torn."""
    words = chain.from_iterable(re.split(r"\s|(?<=-)", cell) for cell in cells)
    return min(max(map(len, words)), MAX_WORD)
