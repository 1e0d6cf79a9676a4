"""What a run says to people who read and do not click: blocks that Markdown and Confluence both
write.

The first page is what a head of department reads: which model, how sure, on what. The tables follow
after it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from gettext import NullTranslations

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.analysis.label_errors import format_label_error
from vlm_lab.messages import translate_message, translate_messages
from vlm_lab.report import tables
from vlm_lab.report.formatting import (
    format_estimate,
    format_interval,
    format_unanswered,
    format_unasked,
    is_unasked,
)
from vlm_lab.report.images.crops import ErrorCrop
from vlm_lab.report.tables import Translator
from vlm_lab.report.translation import format_decision_evidence
from vlm_lab.types import Decision, Report, Summary


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of level 1 to 4."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class BulletList:
    """A list of lines."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class VerdictCell:
    """A decision's word in a table's cell."""

    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | VerdictCell]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image beside the report; `address` is relative to the run's folder."""

    address: str
    title: str


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows is on another printed page."""


Block = Heading | Paragraph | BulletList | Table | Picture | PageBreak


def build_report_blocks(
    report: Report,
    evidence: Evidence,
    pictures: Sequence[Picture],
    crops: Sequence[ErrorCrop],
    catalogue: NullTranslations,
) -> Iterator[Block]:
    """All blocks in order; the first page ends with a PageBreak."""
    gettext = catalogue.gettext
    summaries_by_suite = tables.group_by_suite(report)
    yield Heading(1, gettext("Run %s") % report.run["id"])
    yield from (
        Paragraph(headline, strong=True) for headline in tables.format_headlines(report, catalogue)
    )
    yield from _build_decision_blocks(report.decisions, catalogue)
    for suite, summaries in summaries_by_suite.items():
        yield Heading(2, suite)
        model_rows = [
            tables.build_model_row(item, evidence) for item in summaries if not is_unasked(item)
        ]
        if model_rows:
            yield Table([gettext(column) for column in tables.MODEL_COLUMNS], model_rows)
        yield from _build_list_blocks(gettext("Not run"), format_unasked(summaries))
    yield Paragraph(gettext(tables.MODEL_LEGEND))
    yield from pictures[:1]
    yield PageBreak()
    yield Heading(2, gettext("Conditions"))
    yield Table(
        (gettext("what"), gettext("as it was")), tables.build_conditions(report, evidence, gettext)
    )
    yield from _build_list_blocks(
        gettext("Suspect references"),
        [format_label_error(item, catalogue) for item in report.suspects],
    )
    for suite, summaries in summaries_by_suite.items():
        label_error_rows = tables.build_label_error_rows(report, suite)
        if label_error_rows:
            yield Table(
                [gettext(column) for column in tables.LABEL_ERROR_COLUMNS], label_error_rows
            )
        difference_rows = tables.build_difference_rows(report, suite, gettext)
        if difference_rows:
            yield Heading(3, gettext("First minus second"))
            yield Table([gettext(column) for column in tables.DIFFERENCE_COLUMNS], difference_rows)
        yield from _build_detail_blocks(summaries, evidence, catalogue)
    yield from _build_error_blocks(crops, gettext)
    yield from pictures[1:]
    yield from _build_list_blocks(
        gettext("Notes"), [translate_message(item, catalogue) for item in report.notes]
    )


def _build_decision_blocks(
    decisions: Sequence[Decision], catalogue: NullTranslations
) -> Iterator[Block]:
    gettext = catalogue.gettext
    if decisions:
        columns = [
            gettext(column) for column in ("decision", "model", "prompt", "for it", "against it")
        ]
        rows = [
            (
                VerdictCell(decision.verdict, gettext(tables.VERDICT_NAMES[decision.verdict])),
                decision.model,
                decision.prompt_id,
                format_decision_evidence(decision, catalogue),
                _format_reasons_against(decision, catalogue),
            )
            for decision in decisions
        ]
        yield Table(columns, rows)


def _format_reasons_against(decision: Decision, catalogue: NullTranslations) -> str:
    """What speaks against a candidate, and how it compares with the present pipeline."""
    against = translate_messages(decision.reasons_for("against"), catalogue)
    return (
        "; ".join([*against, *translate_messages(decision.reasons_for("pipeline"), catalogue)])
        or "-"
    )


def _build_detail_blocks(
    summaries: Sequence[Summary], evidence: Evidence, catalogue: NullTranslations
) -> Iterator[Block]:
    gettext = catalogue.gettext
    asked_summaries = [summary for summary in summaries if not is_unasked(summary)]
    labels = [summary.candidate.label for summary in asked_summaries]
    paths = tables.collect_field_paths(asked_summaries)
    if paths:
        yield Heading(3, gettext("Fields"))
        rows = [
            [path, *(_format_field_accuracy(summary, path) for summary in asked_summaries)]
            for path in paths
        ]
        yield Table([gettext("field"), *labels], rows)
    tags = list(dict.fromkeys(tag for summary in asked_summaries for tag in summary.tags))
    if tags:
        yield Heading(3, gettext("Tags"))
        yield Table(
            [gettext("tag"), *labels],
            [
                [tag, *(_format_tag_score(summary, tag) for summary in asked_summaries)]
                for tag in tags
            ],
        )
    error_rows = tables.count_error_types(asked_summaries)
    if error_rows:
        yield Heading(3, gettext("Kinds of error"))
        yield Table(
            [gettext("kind of error"), *labels],
            [[gettext(error_type), *map(str, counts)] for error_type, counts in error_rows],
        )
    amount_error_rows = tables.build_amount_error_rows(asked_summaries)
    if amount_error_rows:
        yield Heading(3, gettext("Errors in money"))
        yield Paragraph(gettext(tables.AMOUNT_ERROR_LEGEND))
        yield Table([gettext(column) for column in tables.AMOUNT_ERROR_COLUMNS], amount_error_rows)
    yield from _build_list_blocks(
        gettext("Booked unseen"),
        tables.format_calibration_notes(asked_summaries, evidence, catalogue),
    )
    yield from _build_list_blocks(
        gettext("Not simply answered"), format_unanswered(summaries, catalogue)
    )


def _format_field_accuracy(summary: Summary, path: str) -> str:
    return format_estimate(summary.fields[path].accuracy) if path in summary.fields else "-"


def _format_tag_score(summary: Summary, tag: str) -> str:
    estimate = summary.tags.get(tag, {}).get("field_f1")
    return (
        f"{format_estimate(estimate)} ({format_interval(estimate)})"
        if estimate and estimate.value is not None
        else "-"
    )


def _build_error_blocks(crops: Sequence[ErrorCrop], gettext: Translator) -> Iterator[Block]:
    """The commonest errors, each with its first example and the place on the page where that
    stands."""
    if crops:
        yield Heading(3, gettext("The commonest errors"))
    for crop in crops:
        example = crop.example
        yield Paragraph(f"{gettext(crop.error_type)}: {crop.count}", strong=True)
        values = tuple(str(example[name])[:80] for name in ("expected", "actual"))
        comparison = gettext("expected %s, answered %s") % values
        yield Paragraph(f"{example['document']}, {example['path']}: {comparison}")
        if crop.address:
            yield Picture(crop.address, f"{example['document']}: {example['path']}")


def _build_list_blocks(title: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Heading(3, title)
        yield BulletList(lines)
