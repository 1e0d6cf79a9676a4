"""Candidates, ranked, as a table without F1: documents fully right, fields read wrong, money.

A cell has its text and what it is sorted by; a column of which nothing is known is left out, and
one of errors that nobody made.
"""

from collections.abc import Sequence
from gettext import NullTranslations
from typing import NamedTuple

from vlm_lab.report import plain_words
from vlm_lab.report.formatting import format_number
from vlm_lab.types import Report, Summary

NAME_COLUMNS = ("model", "prompt")
TRADE_COLUMNS = (
    *NAME_COLUMNS, "fully right", "read wrong", "not read", "not on the document", "not answered",
    "totals wrong", "off in all", "1,000 documents cost", "one fully right costs",
    "one is expected to cost", "median s",
)  # fmt: skip
TRADE_LEGEND = "Fully right: each labelled field of a document is right; it needs nobody's hand."
COST_LEGEND = (
    "Expected cost: the model itself, the correction of documents that show a fault (no answer, a"
    " value missing, sums that do not agree), and wrong totals in documents that show none."
)
LEGEND_BY_COLUMN = {"fully right": TRADE_LEGEND, "one is expected to cost": COST_LEGEND}


class TradeCell(NamedTuple):
    """A text and what it is sorted by; None where nothing is known."""

    text: str
    sort_key: float | str | None


UNKNOWN = TradeCell("-", None)


class TradeTable(NamedTuple):
    """Heads and rows of the columns of which anything is known."""

    columns: Sequence[str]
    rows: Sequence[Sequence[TradeCell]]

    @property
    def legends(self) -> list[str]:
        """What the columns that are there mean, in English."""
        return [legend for column, legend in LEGEND_BY_COLUMN.items() if column in self.columns]


def build_trade_table(
    report: Report, summaries: Sequence[Summary], catalogue: NullTranslations
) -> TradeTable:
    """The best first."""
    ranked = plain_words.rank_summaries(summaries)
    rows = [_build_row(report, summary, catalogue) for summary in ranked]
    kept = [
        index
        for index, column in enumerate(TRADE_COLUMNS)
        if column in NAME_COLUMNS or any(_is_shown(column, row[index]) for row in rows)
    ]
    return TradeTable(
        [TRADE_COLUMNS[index] for index in kept], [[row[index] for index in kept] for row in rows]
    )


def _is_shown(column: str, cell: TradeCell) -> bool:
    """That no document is fully right must be seen; that nothing is wrong needs no column."""
    return bool(cell.sort_key) or (column == "fully right" and cell.sort_key is not None)


def _build_row(report: Report, summary: Summary, catalogue: NullTranslations) -> list[TradeCell]:
    figures = plain_words.count_trade_figures(summary)
    expected_cost = plain_words.find_expected_cost(report, summary.candidate)
    expected_total = expected_cost.total if expected_cost else None
    counts = (figures.wrong, figures.missing, figures.spurious, figures.unanswered)
    cost_per_right = plain_words.compute_cost_per_right(summary)
    costs = (summary.speed.cost_per_1000, cost_per_right, expected_total)
    cost_cells = [TradeCell(plain_words.format_cost(cost, catalogue), cost) for cost in costs]
    median_seconds = summary.speed.median_seconds
    return [
        TradeCell(summary.model, summary.model),
        TradeCell(summary.prompt_id, summary.prompt_id),
        _make_share_cell(figures),
        *(TradeCell(str(count), count) for count in (*counts, figures.wrong_totals)),
        _make_off_cell(figures, catalogue),
        *cost_cells,
        TradeCell(format_number(median_seconds, ".2f", catalogue), median_seconds),
    ]


def _make_share_cell(figures: plain_words.TradeFigures) -> TradeCell:
    """`27/30`"""
    if not figures.judged:
        return UNKNOWN
    return TradeCell(f"{figures.right}/{figures.judged}", figures.right / figures.judged)


def _make_off_cell(figures: plain_words.TradeFigures, catalogue: NullTranslations) -> TradeCell:
    """All currencies; sorted by the first."""
    if not figures.off:
        return UNKNOWN
    first_amount = next(iter(figures.off.values()))
    return TradeCell(plain_words.format_off_amounts(figures, catalogue), float(first_amount))
