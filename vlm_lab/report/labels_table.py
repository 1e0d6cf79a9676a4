"""Candidates of a suite in which not every document has a label: the share of all documents that is
right, as rows of text for the terminal and every form of the report.
"""

from collections.abc import Sequence
from gettext import NullTranslations

from vlm_lab.messages import ENGLISH
from vlm_lab.report.formatting import format_estimate, format_interval, format_number
from vlm_lab.types import LabelledShare, Summary

LABELS_COLUMNS = (
    "model", "prompt", "right of all", "95 %", "labels", "drawn", "no label", "agreement",
)  # fmt: skip
LABELS_LEGEND = (
    "The share of all documents that is fully right. Labels that were drawn count with the inverse"
    " of the probability with which they were. Agreement is how far the word of other families of"
    " candidates goes with what is right, from 0 to 1 (lambda of PPI++); where it is used,"
    " documents without a label count as well."
)


def build_labels_rows(
    summaries: Sequence[Summary], catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
    """Under LABELS_COLUMNS; nothing where each document has a label that nobody drew."""
    return [
        _build_row(summary, summary.labelled_share, catalogue)
        for summary in summaries
        if summary.labelled_share
    ]


def _build_row(summary: Summary, share: LabelledShare, catalogue: NullTranslations) -> list[str]:
    gettext = catalogue.gettext
    power = format_number(share.power, ".2f", catalogue)
    word = gettext("used") if share.method == "prediction_powered" else gettext("not used")
    return [
        summary.model,
        summary.prompt_id,
        format_estimate(share.estimate, catalogue),
        format_interval(share.estimate, catalogue),
        str(share.estimate.n),
        str(share.drawn),
        str(share.unlabelled),
        "-" if share.power is None else f"{power}, {word}",
    ]
