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
    seen: Evidence,
    pictures: Sequence[Picture],
    crops: Sequence[ErrorCrop],
    language: NullTranslations,
) -> Iterator[Block]:
    """All blocks in order; the first page ends with a PageBreak."""
    words = language.gettext
    suites = tables.group_by_suite(report)
    yield Heading(1, words("Run %s") % report.run["id"])
    yield from (Paragraph(said, strong=True) for said in tables.format_headlines(report, language))
    yield from _build_decision_blocks(report.decisions, language)
    for suite, own in suites.items():
        yield Heading(2, suite)
        asked = [tables.build_model_row(each, seen) for each in own if not is_unasked(each)]
        if asked:
            yield Table([words(head) for head in tables.MODEL_COLUMNS], asked)
        yield from _build_list_blocks(words("Not run"), format_unasked(own))
    yield Paragraph(words(tables.MODEL_LEGEND))
    yield from pictures[:1]
    yield PageBreak()
    yield Heading(2, words("Conditions"))
    yield Table((words("what"), words("as it was")), tables.build_conditions(report, seen, words))
    yield from _build_list_blocks(
        words("Suspect references"),
        [format_label_error(each, language) for each in report.suspects],
    )
    for suite, own in suites.items():
        spared = tables.build_label_error_rows(report, suite)
        if spared:
            yield Table([words(head) for head in tables.LABEL_ERROR_COLUMNS], spared)
        compared = tables.build_difference_rows(report, suite, words)
        if compared:
            yield Heading(3, words("First minus second"))
            yield Table([words(head) for head in tables.DIFFERENCE_COLUMNS], compared)
        yield from _build_detail_blocks(own, seen, language)
    yield from _build_error_blocks(crops, words)
    yield from pictures[1:]
    yield from _build_list_blocks(
        words("Notes"), [translate_message(each, language) for each in report.notes]
    )


def _build_decision_blocks(
    decisions: Sequence[Decision], language: NullTranslations
) -> Iterator[Block]:
    words = language.gettext
    if decisions:
        heads = [words(head) for head in ("decision", "model", "prompt", "for it", "against it")]
        rows = [
            (VerdictCell(each.verdict, words(tables.VERDICT_NAMES[each.verdict])), each.model, each.prompt_id,
             format_decision_evidence(each, language),
             _format_reasons_against(each, language))
            for each in decisions
        ]  # fmt: skip
        yield Table(heads, rows)


def _format_reasons_against(decision: Decision, language: NullTranslations) -> str:
    """What speaks against a candidate, and how it compares with the present pipeline."""
    against = translate_messages(decision.reasons_for("against"), language)
    return (
        "; ".join([*against, *translate_messages(decision.reasons_for("pipeline"), language)])
        or "-"
    )


def _build_detail_blocks(
    everyone: Sequence[Summary], seen: Evidence, language: NullTranslations
) -> Iterator[Block]:
    words = language.gettext
    own = [each for each in everyone if not is_unasked(each)]
    names = [each.candidate.label for each in own]
    paths = tables.collect_field_paths(own)
    if paths:
        yield Heading(3, words("Fields"))
        rows = [[path, *(format_estimate(each.fields[path].accuracy) if path in each.fields else "-" for each in own)]
                for path in paths]  # fmt: skip
        yield Table([words("field"), *names], rows)
    tags = list(dict.fromkeys(tag for each in own for tag in each.tags))
    if tags:
        yield Heading(3, words("Tags"))
        yield Table(
            [words("tag"), *names],
            [[tag, *(_format_tag_score(each, tag) for each in own)] for tag in tags],
        )
    kinds = tables.count_error_types(own)
    if kinds:
        yield Heading(3, words("Kinds of error"))
        yield Table(
            [words("kind of error"), *names],
            [[words(kind), *map(str, counts)] for kind, counts in kinds],
        )
    money = tables.build_amount_error_rows(own)
    if money:
        yield Heading(3, words("Errors in money"))
        yield Paragraph(words(tables.AMOUNT_ERROR_LEGEND))
        yield Table([words(head) for head in tables.AMOUNT_ERROR_COLUMNS], money)
    yield from _build_list_blocks(
        words("Booked unseen"), tables.format_calibration_notes(own, seen, language)
    )
    yield from _build_list_blocks(
        words("Not simply answered"), format_unanswered(everyone, language)
    )


def _format_tag_score(summary: Summary, tag: str) -> str:
    found = summary.tags.get(tag, {}).get("field_f1")
    return (
        f"{format_estimate(found)} ({format_interval(found)})"
        if found and found.value is not None
        else "-"
    )


def _build_error_blocks(crops: Sequence[ErrorCrop], words: Translator) -> Iterator[Block]:
    """The commonest errors, each with its first example and the place on the page where that
    stands."""
    if crops:
        yield Heading(3, words("The commonest errors"))
    for crop in crops:
        example = crop.example
        yield Paragraph(f"{words(crop.error_type)}: {crop.count}", strong=True)
        values = tuple(str(example[name])[:80] for name in ("expected", "actual"))
        yield Paragraph(
            f"{example['document']}, {example['path']}: {words('expected %s, answered %s') % values}"
        )
        if crop.address:
            yield Picture(crop.address, f"{example['document']}: {example['path']}")


def _build_list_blocks(title: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Heading(3, title)
        yield BulletList(lines)
