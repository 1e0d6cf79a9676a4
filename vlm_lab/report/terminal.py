"""The end of a run on the terminal: one line a model x prompt, what is missing and why, the
evidence of each decision; last, in words of the trade, what it comes to and what to type next."""

from collections.abc import Sequence
from pathlib import Path

from vlm_lab.analysis import repeatability
from vlm_lab.analysis.label_errors import format_label_error
from vlm_lab.commands import format_command
from vlm_lab.messages import ENGLISH, Message, in_english, translate_messages
from vlm_lab.report.cards import CandidateCard, build_cards, describe_common_reasons, describe_lead
from vlm_lab.report.formatting import (
    SUMMARY_COLUMNS,
    TERMINAL_WIDTH,
    format_estimate,
    format_summary_row,
    format_table,
    get_terminal_width,
)
from vlm_lab.report.headline import format_headline
from vlm_lab.report.labels_table import LABELS_COLUMNS, build_labels_rows
from vlm_lab.report.next_steps import count_unfinished, find_file_step, find_run_argument
from vlm_lab.report.reading_table import READING_COLUMNS, build_reading_rows
from vlm_lab.report.tables import group_by_suite
from vlm_lab.report.throughput_table import THROUGHPUT_COLUMNS, build_throughput_rows
from vlm_lab.report.unanswered import format_unanswered, format_unmatched, has_run
from vlm_lab.report.variant_table import VARIANT_COLUMNS, build_variant_rows
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Decision, Repeatability, Report, Summary

MAX_REASON_LINES = 20
MAX_LABEL_ERRORS = 5


def format_summary_lines(report: Report) -> list[str]:
    """Doubtful references first, then by suite the cells without an answer, the table, the
    decisions."""
    summaries = report.summaries
    lines = format_label_errors(report)
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        suite_summaries = [summary for summary in summaries if summary.suite == suite]
        lines += format_first_unanswered(suite_summaries)
        run_summaries = [summary for summary in suite_summaries if has_run(summary)]
        if run_summaries:
            lines += [
                "",
                format_suite_title(suite, suite_summaries),
                *format_table(
                    SUMMARY_COLUMNS,
                    [format_summary_row(summary) for summary in run_summaries],
                    get_terminal_width(TERMINAL_WIDTH),
                ),
                *format_optional_table(
                    THROUGHPUT_COLUMNS, build_throughput_rows(report, run_summaries)
                ),
                *format_optional_table(READING_COLUMNS, build_reading_rows(run_summaries)),
                *format_optional_table(LABELS_COLUMNS, build_labels_rows(run_summaries)),
                *format_optional_table(VARIANT_COLUMNS, build_variant_rows(report, run_summaries)),
                *format_unmatched(run_summaries),
            ]
        decisions = [decision for decision in report.decisions if decision.suite == suite]
        lines += [""] if decisions else []
        for decision in decisions:
            lines += format_decision_lines(decision)
    if report.sweeps:
        lines += ["", *(in_english(curve.conclusion) for curve in report.sweeps)]
    if report.probes:
        lines += ["", *map(in_english, repeatability.summarize_probes(report.probes))]
    lines += format_closing_lines(report)
    return [terminal_safe(summary) for summary in lines]  # reasons quote replies


def format_optional_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table after an empty line; nothing where it has no row."""
    if not rows:
        return []
    return ["", *format_table(columns, rows, get_terminal_width(TERMINAL_WIDTH))]


def format_first_unanswered(summaries: Sequence[Summary]) -> list[str]:
    """Why cells have no answer: the first reasons."""
    reason_lines = format_unanswered(summaries)
    if not reason_lines:
        return []
    lines = ["", *reason_lines[:MAX_REASON_LINES]]
    hidden_count = len(reason_lines) - MAX_REASON_LINES
    if hidden_count > 0:
        lines.append(f"... and {hidden_count} more reasons, in report.md")
    return lines


def format_suite_title(suite: str, summaries: Sequence[Summary]) -> str:
    """`invoices: 24 documents`"""
    documents = summaries[0].documents + summaries[0].left_out
    return f"{suite}: {ENGLISH.ngettext('%s document', '%s documents', documents) % documents}"


def format_label_errors(report: Report) -> list[str]:
    """The first doubtful references, and what the figures are without all of them."""
    label_errors = report.suspects
    if not label_errors:
        return []
    command = format_command("corrections", _name_run(report))
    figures = {"n": len(label_errors), "command": command}
    lines = ["", in_english(Message("doubtful", figures))]
    lines += [f"  {format_label_error(error)}" for error in label_errors[:MAX_LABEL_ERRORS]]
    hidden_count = len(label_errors) - MAX_LABEL_ERRORS
    if hidden_count > 0:
        lines.append(f"  and {hidden_count} more")
    for summary in report.without_suspects:
        score = summary.scores["field_f1"]
        if score.value is not None:
            label = summary.candidate.label
            lines.append(f"  without them: {label} F1 {format_estimate(score)}")
    return lines


def _name_run(report: Report) -> str:
    """`last`, as this is the end of it; its folder where commands do not look for runs."""
    run_argument = find_run_argument(report)
    return "last" if run_argument == report.run["id"] else run_argument


def format_decision_lines(decision: Decision) -> list[str]:
    """A candidate's word and evidence, then what speaks against it."""
    verdict = decision.verdict.replace("_", " ")
    evidence = "; ".join(translate_messages(decision.reasons_for("evidence")))
    lines = [f"{decision.candidate.label}: {verdict}; {evidence}"]
    for stratum in decision.strata:
        word = stratum.verdict.replace("_", " ")
        lines.append(f"    {stratum.value}: {word} ({stratum.documents} documents)")
    incumbent_line = "; ".join(translate_messages(decision.reasons_for("pipeline")))
    if incumbent_line:
        lines.append(f"    than today's pipeline: {incumbent_line}")
    against = translate_messages(decision.reasons_for("against"))
    return [*lines, *(f"    against: {reason}" for reason in against)]


def format_closing_lines(report: Report) -> list[str]:
    """Each suite's candidates in words of the trade, then what it comes to; no line where nothing
    is decided."""
    lines: list[str] = []
    for suite, summaries in group_by_suite(report).items():
        cards = build_cards(report, suite, ENGLISH)
        lines += [""] if cards else []
        for card in cards:
            lines += _format_card(card)
        if cards:
            lines += filter(None, [describe_common_reasons(report, suite, ENGLISH)])
            headline = format_headline(report, suite, summaries, ENGLISH)
            lead = describe_lead(report, suite, summaries, ENGLISH)
            lines.append(f"{headline} {lead}".strip())
    return lines


def _format_card(card: CandidateCard) -> list[str]:
    lines = [f"{card.decision.candidate.label}, {card.verdict}: {card.words}"]
    lines += [f"    {card.cost}"] if card.cost else []
    for step, command in card.steps:
        lines.append(f"    next: {step}{f': {command}' if command else ''}")
    return lines


def format_resume_lines(report: Report, command: str) -> list[str]:
    """How the run is gone on with where cells have no answer, and what must be corrected before."""
    file_step = find_file_step(report, report.summaries)
    lines = [f"{in_english(file_step.message)}: {command}"] if file_step else []
    if any(map(count_unfinished, report.summaries)):
        lines.append(f"go on with: {command}")
    return [terminal_safe(line) for line in lines]


def format_dry_run_lines(
    forecast: Sequence[str],
    warnings: Sequence[Message | str],
    probes: Sequence[Repeatability],
) -> list[str]:
    """What a real run would be, and what it would stumble on."""
    messages = [*warnings, *repeatability.summarize_probes(probes)]
    return ["", "dry run: no model was called", *forecast, "", *map(in_english, messages)]


def format_gate_lines(baseline: Path | None, status: str, lines: Sequence[Message]) -> list[str]:
    """How the run compares with `baseline`, and why."""
    return ["", f"baseline {baseline}: {status.replace('_', ' ')}", *map(in_english, lines)]
