"""The end of a run where the output is a terminal: what `terminal` says, with tables drawn and each word in its colour.

Replies, names and reasons are text here, never markup; `NO_COLOR` in the environment takes the colours away.
"""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vlm_lab.analysis import repeatability
from vlm_lab.messages import english
from vlm_lab.report.formatting import HEADS, has_run, model_row
from vlm_lab.report.terminal import decision_lines, doubts, headline, troubles_of
from vlm_lab.sanitize import shown
from vlm_lab.types import Report, Summary

COLOURS = {"chosen": "green", "rejected": "red", "needs_more_data": "yellow"}
NUMBERS = 2  # of HEADS: what comes after the names stands at the right


def show(report: Report, console: Console | None = None) -> None:
    """Prints a run's summary."""
    console = console or Console(highlight=False)
    _print(console, doubts(report), "yellow")
    for suite in dict.fromkeys(summary.suite for summary in report.summaries):
        own = [summary for summary in report.summaries if summary.suite == suite]
        _print(console, troubles_of(own), "yellow")
        ran = [summary for summary in own if has_run(summary)]
        if ran:
            _print(console, ["", headline(suite, own)], "bold")
            console.print(_table(ran))
        for decision in (each for each in report.decisions if each.suite == suite):
            first, *others = decision_lines(decision)
            _print(console, ["", first], COLOURS[decision.verdict])
            _print(console, others, "")
    _print(console, [*map(english, repeatability.lines(report.probes))], "")


def _table(ran: list[Summary]) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD)
    for place, head in enumerate(HEADS):
        drawn.add_column(head, justify="left" if place < NUMBERS else "right", overflow="fold")
    for summary in ran:
        drawn.add_row(*(Text(shown(cell)) for cell in model_row(summary)))
    return drawn


def _print(console: Console, lines: list[str], style: str) -> None:
    for line in lines:  # the terminal wraps: a command that is copied stays whole
        console.print(Text(shown(line), style), soft_wrap=True)
