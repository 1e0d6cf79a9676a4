"""The end of a run on the terminal: one line a model x prompt, what is missing and why, what to type next."""

from collections.abc import Sequence

from vlm_lab.report.text import HEADS, model_row, table, troubles
from vlm_lab.types import Summary

MOST_LINES = 20


def closing_lines(summaries: Sequence[Summary]) -> list[str]:
    """The table, then the cells without an answer by reason."""
    lines = []
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        own = [summary for summary in summaries if summary.suite == suite]
        ran = [summary for summary in own if _ran(summary)]
        if ran:
            lines += ["", f"{suite}: {own[0].documents} documents", *table(HEADS, [model_row(each) for each in ran])]
        why = [line for summary in own for line in troubles(summary)]
        lines += ["", *why[:MOST_LINES]] if why else []
        lines += [f"... and {len(why) - MOST_LINES} more reasons, in report.md"] if len(why) > MOST_LINES else []
    return lines


def _ran(summary: Summary) -> bool:
    return any(summary.statuses.get(status) for status in ("ok", "unparsed", "truncated", "refused", "error"))
