"""A run -> the blocks of its written report, for people who read and do not click.

The first page is what a head of department reads: which model, how sure, on what. The tables follow
after it.
"""

from collections.abc import Iterator, Sequence
from gettext import NullTranslations

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.analysis.label_errors import format_label_error
from vlm_lab.messages import translate_message
from vlm_lab.report import tables
from vlm_lab.report.blocks import (
    Block,
    BulletList,
    Heading,
    PageBreak,
    Paragraph,
    Picture,
    Table,
    VerdictCell,
)
from vlm_lab.report.cards import CandidateCard, build_cards, describe_common_reasons, describe_lead
from vlm_lab.report.confidence_table import (
    CONFIDENCE_COLUMNS,
    CONFIDENCE_LEGEND,
    LINE_TITLE,
    POLICY_TITLE,
    build_confidence_rows,
    format_confidence_lines,
    format_policy_lines,
)
from vlm_lab.report.formatting import format_estimate, format_interval
from vlm_lab.report.headline import (
    build_conditions,
    format_gate,
    format_gate_lines,
    format_headlines,
    format_run_name,
)
from vlm_lab.report.images.crops import ErrorCrop
from vlm_lab.report.labels_table import LABELS_COLUMNS, LABELS_LEGEND, build_labels_rows
from vlm_lab.report.plots import format_sweep_title
from vlm_lab.report.reading_table import READING_COLUMNS, READING_LEGEND, build_reading_rows
from vlm_lab.report.tables import Translator
from vlm_lab.report.throughput_table import (
    THROUGHPUT_COLUMNS,
    THROUGHPUT_LEGEND,
    build_throughput_rows,
)
from vlm_lab.report.trade_table import build_trade_table
from vlm_lab.report.unanswered import (
    format_unanswered,
    format_unasked,
    format_unjudged,
    format_unmatched,
    is_unasked,
)
from vlm_lab.report.variant_table import VARIANT_COLUMNS, VARIANT_LEGEND, build_variant_rows
from vlm_lab.types import Report, Summary

DECISION_COLUMNS = ("decision", "candidate", "what it reads", "what to do next")
EVIDENCE_COLUMNS = ("candidate", "for it", "against it")


def build_report_blocks(
    report: Report,
    evidence: Evidence,
    pictures: Sequence[Block],
    crops: Sequence[ErrorCrop],
    catalogue: NullTranslations,
) -> Iterator[Block]:
    """All blocks in order; the first page ends with a PageBreak."""
    yield from _build_first_page(report, catalogue)
    yield PageBreak()
    yield from _build_evidence_blocks(report, evidence, catalogue)
    yield from pictures[:1]
    yield from _build_condition_blocks(report, evidence, catalogue)
    for suite in tables.group_by_suite(report):
        yield from _build_comparison_blocks(report, suite, catalogue)
        yield from _build_detail_blocks(report, suite, evidence, catalogue)
    yield from _build_error_blocks(crops, catalogue.gettext)
    yield from pictures[1:]
    notes = [translate_message(note, catalogue) for note in report.notes]
    yield from _build_list_blocks(catalogue.gettext("Notes"), notes)


def _build_first_page(report: Report, catalogue: NullTranslations) -> Iterator[Block]:
    """What is decided and what to do next, in words of the trade."""
    gettext = catalogue.gettext
    yield Heading(1, gettext("Run %s") % format_run_name(report))
    for line in format_headlines(report, catalogue):
        yield Paragraph(line, strong=True)
    gate_line = format_gate(report, catalogue)
    if gate_line:
        yield Paragraph(gate_line, strong=True)
    for suite, summaries in tables.group_by_suite(report).items():
        yield Heading(2, suite)
        lead = describe_lead(report, suite, summaries, catalogue)
        common_reasons = describe_common_reasons(report, suite, catalogue)
        for line in filter(None, [lead, common_reasons]):
            yield Paragraph(line)
        yield from _build_decision_blocks(build_cards(report, suite, catalogue), gettext)
        asked_summaries = [summary for summary in summaries if not is_unasked(summary)]
        trade_table = build_trade_table(report, asked_summaries, catalogue)
        rows = [[cell.text for cell in row] for row in trade_table.rows]
        yield from _build_table_blocks(trade_table.columns, rows, gettext)
        if trade_table.legends:
            yield Paragraph(" ".join(map(gettext, trade_table.legends)))
        yield from _build_list_blocks(gettext("Not run"), format_unasked(summaries, catalogue))
        unjudged = format_unjudged(summaries, catalogue)
        yield from _build_list_blocks(gettext("Not judged"), unjudged)


def _build_evidence_blocks(
    report: Report, evidence: Evidence, catalogue: NullTranslations
) -> Iterator[Block]:
    """The figures that the decisions were made by."""
    gettext = catalogue.gettext
    yield Heading(2, gettext("Evidence"))
    gate_lines = format_gate_lines(report, catalogue)
    yield from _build_list_blocks(gettext("Accepted run"), gate_lines)
    for suite, summaries in tables.group_by_suite(report).items():
        rows = [
            (
                card.decision.candidate.label,
                "; ".join(card.evidence) or "-",
                "; ".join(card.against) or "-",
            )
            for card in build_cards(report, suite, catalogue)
        ]
        yield from _build_table_blocks(EVIDENCE_COLUMNS, rows, gettext)
        asked_summaries = [summary for summary in summaries if not is_unasked(summary)]
        model_rows = [
            tables.build_model_row(summary, evidence, catalogue) for summary in asked_summaries
        ]
        yield from _build_table_blocks(tables.MODEL_COLUMNS, model_rows, gettext)
        throughput_rows = build_throughput_rows(report, asked_summaries, catalogue)
        yield from _build_table_blocks(THROUGHPUT_COLUMNS, throughput_rows, gettext)
        if throughput_rows:
            yield Paragraph(gettext(THROUGHPUT_LEGEND))
        reading_rows = build_reading_rows(asked_summaries, catalogue)
        yield from _build_table_blocks(READING_COLUMNS, reading_rows, gettext)
        if reading_rows:
            yield Paragraph(gettext(READING_LEGEND))
        labels_rows = build_labels_rows(asked_summaries, catalogue)
        yield from _build_table_blocks(LABELS_COLUMNS, labels_rows, gettext)
        if labels_rows:
            yield Paragraph(gettext(LABELS_LEGEND))
        unmatched_lines = format_unmatched(summaries, catalogue)
        if unmatched_lines:
            yield BulletList(unmatched_lines)
    yield Paragraph(gettext(tables.MODEL_LEGEND))


def _build_condition_blocks(
    report: Report, evidence: Evidence, catalogue: NullTranslations
) -> Iterator[Block]:
    """What the figures depend on, and the references that they may be wrong by."""
    gettext = catalogue.gettext
    yield Heading(2, gettext("Conditions"))
    columns = gettext("what"), gettext("as it was")
    yield Table(columns, build_conditions(report, evidence, gettext))
    label_errors = [format_label_error(suspect, catalogue) for suspect in report.suspects]
    yield from _build_list_blocks(gettext("Suspect references"), label_errors)


def _build_comparison_blocks(
    report: Report, suite: str, catalogue: NullTranslations
) -> Iterator[Block]:
    """What each value of a swept setting comes to; a suite's candidates without suspect references,
    and each two of them compared."""
    gettext = catalogue.gettext
    for curve in report.sweeps:
        if curve.suite == suite:
            yield Heading(3, format_sweep_title(curve, gettext))
            yield Paragraph(translate_message(curve.conclusion, catalogue))
            sweep_rows = tables.build_sweep_rows(curve, catalogue)
            yield from _build_table_blocks(tables.SWEEP_COLUMNS, sweep_rows, gettext)
    suite_summaries = tables.group_by_suite(report)[suite]
    variant_rows = build_variant_rows(report, suite_summaries, catalogue)
    if variant_rows:
        yield Heading(3, gettext("Variants"))
        yield from _build_table_blocks(VARIANT_COLUMNS, variant_rows, gettext)
        yield Paragraph(gettext(VARIANT_LEGEND))
    label_error_rows = tables.build_label_error_rows(report, suite, catalogue)
    yield from _build_table_blocks(tables.LABEL_ERROR_COLUMNS, label_error_rows, gettext)
    difference_rows = tables.build_difference_rows(report, suite, catalogue)
    if difference_rows:
        yield Heading(3, gettext("First minus second"))
        yield from _build_table_blocks(tables.DIFFERENCE_COLUMNS, difference_rows, gettext)


def _build_decision_blocks(cards: Sequence[CandidateCard], gettext: Translator) -> Iterator[Block]:
    rows = [
        (
            VerdictCell(card.decision.verdict, card.verdict),
            card.decision.candidate.label,
            "; ".join(filter(None, [card.words, card.cost])),
            "; ".join(": ".join(filter(None, step)) for step in card.steps) or "-",
        )
        for card in cards
    ]
    yield from _build_table_blocks(DECISION_COLUMNS, rows, gettext)


def _build_detail_blocks(
    report: Report, suite: str, evidence: Evidence, catalogue: NullTranslations
) -> Iterator[Block]:
    """A suite's fields, tags and errors, which documents could be booked unseen, and what those
    shares do not show."""
    gettext = catalogue.gettext
    summaries = tables.group_by_suite(report)[suite]
    asked_summaries = [summary for summary in summaries if not is_unasked(summary)]
    yield from _build_score_blocks(asked_summaries, catalogue)
    yield from _build_error_type_blocks(asked_summaries, catalogue)
    notes = tables.format_calibration_notes(asked_summaries, evidence, catalogue)
    yield from _build_list_blocks(gettext("Booked unseen"), notes)
    yield from _build_confidence_blocks(report, suite, catalogue)
    unanswered = format_unanswered(summaries, catalogue)
    yield from _build_list_blocks(gettext("Not simply answered"), unanswered)


def _build_confidence_blocks(
    report: Report, suite: str, catalogue: NullTranslations
) -> Iterator[Block]:
    """How well signals tell right from wrong, and whether policies kept their promises."""
    gettext = catalogue.gettext
    lines = format_confidence_lines(report, suite, catalogue)
    yield from _build_list_blocks(gettext(LINE_TITLE), lines)
    rows = build_confidence_rows(report, suite, catalogue)
    yield from _build_table_blocks(CONFIDENCE_COLUMNS, rows, gettext)
    if rows:
        yield Paragraph(gettext(CONFIDENCE_LEGEND))
    policy_lines = format_policy_lines(report, suite, catalogue)
    yield from _build_list_blocks(gettext(POLICY_TITLE), policy_lines)


def _build_score_blocks(
    summaries: Sequence[Summary], catalogue: NullTranslations
) -> Iterator[Block]:
    """Scores of each field and of each tag, a column a candidate."""
    gettext = catalogue.gettext
    labels = [summary.candidate.label for summary in summaries]
    paths = tables.collect_field_paths(summaries)
    field_rows = [_build_field_row(path, summaries, catalogue) for path in paths]
    if field_rows:
        yield Heading(3, gettext("Fields"))
        yield Table([gettext("field"), *labels], field_rows)
    tags = dict.fromkeys(tag for summary in summaries for tag in summary.tags)
    tag_rows = [_build_tag_row(tag, summaries, catalogue) for tag in tags]
    if tag_rows:
        yield Heading(3, gettext("Tags"))
        yield Table([gettext("tag"), *labels], tag_rows)


def _build_error_type_blocks(
    summaries: Sequence[Summary], catalogue: NullTranslations
) -> Iterator[Block]:
    """How often each candidate made which error, and what the errors in amounts come to."""
    gettext = catalogue.gettext
    labels = [summary.candidate.label for summary in summaries]
    error_rows = [
        [gettext(error_type), *map(str, counts)]
        for error_type, counts in tables.count_error_types(summaries)
    ]
    if error_rows:
        yield Heading(3, gettext("Kinds of error"))
        yield Table([gettext("kind of error"), *labels], error_rows)
    amount_error_rows = tables.build_amount_error_rows(summaries, catalogue)
    if amount_error_rows:
        yield Heading(3, gettext("Errors in money"))
        yield Paragraph(gettext(tables.AMOUNT_ERROR_LEGEND))
        yield from _build_table_blocks(tables.AMOUNT_ERROR_COLUMNS, amount_error_rows, gettext)


def _build_field_row(
    path: str, summaries: Sequence[Summary], catalogue: NullTranslations
) -> list[str]:
    accuracies = [
        summary.fields[path].accuracy if path in summary.fields else None for summary in summaries
    ]
    return [path, *(format_estimate(accuracy, catalogue) for accuracy in accuracies)]


def _build_tag_row(
    tag: str, summaries: Sequence[Summary], catalogue: NullTranslations
) -> list[str]:
    return [tag, *(_format_tag_score(summary, tag, catalogue) for summary in summaries)]


def _format_tag_score(summary: Summary, tag: str, catalogue: NullTranslations) -> str:
    estimate = summary.tags.get(tag, {}).get("field_f1")
    if estimate is None or estimate.value is None:
        return "-"
    interval = format_interval(estimate, catalogue)
    return f"{format_estimate(estimate, catalogue)} ({interval})"


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
        else:
            yield Paragraph(gettext("no picture: %s") % gettext(crop.reason))


def _build_table_blocks(
    columns: Sequence[str], rows: Sequence[Sequence[str | VerdictCell]], gettext: Translator
) -> Iterator[Block]:
    if rows:
        yield Table([gettext(column) for column in columns], rows)


def _build_list_blocks(title: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Heading(3, title)
        yield BulletList(lines)
