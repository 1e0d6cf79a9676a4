"""The end of a run where the output is a terminal: what `terminal` says, with tables drawn and each
word in its colour.

Replies, names and reasons are text here, never markup; `NO_COLOR` in the environment takes the
colours away.
"""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vlm_lab.analysis import repeatability
from vlm_lab.messages import in_english
from vlm_lab.report.formatting import NAME_COLUMNS, SUMMARY_COLUMNS, format_summary_row
from vlm_lab.report.labels_table import LABELS_COLUMNS, build_labels_rows
from vlm_lab.report.terminal import (
    format_closing_lines,
    format_decision_lines,
    format_first_unanswered,
    format_label_errors,
    format_optional_table,
    format_suite_title,
)
from vlm_lab.report.unanswered import format_unmatched, has_run
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Report, Summary

VERDICT_COLOURS = {"chosen": "green", "rejected": "red", "needs_more_data": "yellow"}


def print_summary(report: Report, console: Console | None = None) -> None:
    """Prints a run's summary."""
    console = console or Console(highlight=False)
    _print_lines(console, format_label_errors(report), "yellow")
    for suite in dict.fromkeys(summary.suite for summary in report.summaries):
        suite_summaries = [summary for summary in report.summaries if summary.suite == suite]
        _print_lines(console, format_first_unanswered(suite_summaries), "yellow")
        run_summaries = [summary for summary in suite_summaries if has_run(summary)]
        if run_summaries:
            _print_lines(console, ["", format_suite_title(suite, suite_summaries)], "bold")
            console.print(_build_table(run_summaries))
            labels_rows = build_labels_rows(run_summaries)
            _print_lines(console, format_optional_table(LABELS_COLUMNS, labels_rows), "")
            _print_lines(console, format_unmatched(run_summaries), "yellow")
        for decision in (each for each in report.decisions if each.suite == suite):
            verdict_line, *reason_lines = format_decision_lines(decision)
            _print_lines(console, ["", verdict_line], VERDICT_COLOURS[decision.verdict])
            _print_lines(console, reason_lines, "")
    _print_lines(console, [*map(in_english, repeatability.summarize_probes(report.probes))], "")
    _print_lines(console, format_closing_lines(report), "")


def _build_table(summaries: list[Summary]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for index, column in enumerate(SUMMARY_COLUMNS):
        table.add_column(
            column, justify="left" if index < NAME_COLUMNS else "right", overflow="fold"
        )
    for summary in summaries:
        table.add_row(*(Text(terminal_safe(cell)) for cell in format_summary_row(summary)))
    return table


def _print_lines(console: Console, lines: list[str], style: str) -> None:
    for line in lines:  # the terminal wraps: a command that is copied stays whole
        console.print(Text(terminal_safe(line), style), soft_wrap=True)
