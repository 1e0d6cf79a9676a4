"""Candidates whose prompts show the text of pages: who read it, and how a document's seconds are
made up, as rows of text for the terminal and every form of the report.
"""

from collections.abc import Sequence
from gettext import NullTranslations

from vlm_lab.messages import ENGLISH
from vlm_lab.report.formatting import format_number
from vlm_lab.types import Summary

READING_COLUMNS = ("model", "prompt", "text by", "s/doc", "reading", "answering")
READING_LEGEND = (
    "Seconds of a document are those in which its pages were read as text and those in which the"
    " model answered; medians, which need not add up. A text that came from the cache counts with"
    " the seconds that it took when it was read."
)


def build_reading_rows(
    summaries: Sequence[Summary], catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
    """Under READING_COLUMNS; nothing where no prompt shows text of pages."""
    return [_build_row(summary, catalogue) for summary in summaries if summary.speed.readers]


def _build_row(summary: Summary, catalogue: NullTranslations) -> list[str]:
    speed = summary.speed
    seconds = (speed.median_seconds, speed.reading_seconds, speed.answering_seconds)
    return [
        summary.model,
        summary.prompt_id,
        " <- ".join(reversed(speed.readers)),
        *(format_number(each, ".2f", catalogue) for each in seconds),
    ]
