"""Figures as people read them, and tables of them: the same in the terminal and in report.md."""

import gettext
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import chain, zip_longest

from vlm_lab.localization import SOURCE_LANGUAGE, get_language, localize_figure
from vlm_lab.messages import ENGLISH, Message, translate_message
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


def has_run(summary: Summary) -> bool:
    """Whether a candidate was asked at all: one whose weights are elsewhere has nothing to be
    judged by."""
    return any(summary.statuses.get(status) for status in (*ANSWERED, "error"))


def format_unanswered(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """What kept cells from being simply answered: one line a model and reason, with the first
    documents' names. The reason itself is what a backend or a reply said."""
    documents_by_reason: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for summary in summaries:
        for document, (status, said) in summary.unanswered.items():
            reason = translate_message(said, catalogue).removeprefix(f"{summary.model}: ")
            reason_key = summary.model, status, reason
            documents_by_reason.setdefault(reason_key, {}).setdefault(summary.prompt_id, []).append(
                document
            )
    planned_counts = {
        (summary.model, summary.prompt_id): summary.documents + summary.left_out
        for summary in summaries
    }
    lines = []
    for (model, status, reason), prompts in documents_by_reason.items():
        is_every_document = all(
            len(documents) == planned_counts[model, prompt_id]
            for prompt_id, documents in prompts.items()
        )
        which_documents = (
            catalogue.gettext("all %s") % sum(map(len, prompts.values()))
            if is_every_document
            else _format_documents(prompts, catalogue)
        )
        status_name = catalogue.gettext(status.replace("_", " "))
        line = f"{model}: {which_documents} {status_name}"
        lines.append(f"{line}: {reason}" if reason else line)
    return lines


def format_unmatched(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """Replies that say something and nothing that was asked for, a line a candidate and kind: what
    stands beside such an F1."""
    return [
        translate_message(
            Message(
                error_type,
                {
                    "candidate": summary.candidate.label,
                    "n": count,
                    "documents": sum(summary.statuses.get(status, 0) for status in ANSWERED),
                },
            ),
            catalogue,
        )
        for summary in summaries
        for error_type, count in summary.unmatched.items()
    ]


def format_unasked(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """Candidates of which nothing was run, a line for each reason: `a (default), b (terse): no
    weights`."""
    return _format_reasons(
        [each for each in summaries if is_unasked(each) and not answers_references(each)], catalogue
    )


def format_unjudged(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """Candidates that answered and have no figures, as their answers are the references."""
    return _format_reasons(
        [each for each in summaries if is_unasked(each) and answers_references(each)], catalogue
    )


def answers_references(summary: Summary) -> bool:
    """Whether an answer of the candidate is the file that its reference is."""
    reasons = (reason for _, reason in summary.unanswered.values())
    return any(isinstance(each, Message) and each.kind == "own_reference" for each in reasons)


def _format_reasons(summaries: Sequence[Summary], catalogue: gettext.NullTranslations) -> list[str]:
    labels_by_reason: dict[str, list[str]] = {}
    for summary in summaries:
        unique_reasons = dict.fromkeys(
            translate_message(reason, catalogue).removeprefix(f"{summary.model}: ")
            for _, reason in summary.unanswered.values()
        )
        labels_by_reason.setdefault("; ".join(filter(None, unique_reasons)), []).append(
            summary.candidate.label
        )
    return [
        f"{', '.join(labels)}{f': {reason}' if reason else ''}"
        for reason, labels in labels_by_reason.items()
    ]


def is_unasked(summary: Summary) -> bool:
    """Whether each cell was skipped, not run or left out; a dry run's cells were looked at."""
    return summary.statuses.keys() <= {"skipped", "not_run"}


def _format_documents(
    prompts: Mapping[str, Sequence[str]], catalogue: gettext.NullTranslations
) -> str:
    """`2 (default: inv_1, inv_2)`"""
    parts = [f"{prompt_id}: {', '.join(documents[:3])}" for prompt_id, documents in prompts.items()]
    hidden_count = sum(max(len(documents) - 3, 0) for documents in prompts.values())
    hidden_text = f" {catalogue.gettext('and %s more') % hidden_count}" if hidden_count else ""
    return f"{sum(map(len, prompts.values()))} ({'; '.join(parts)}{hidden_text})"
