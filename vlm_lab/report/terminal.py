"""The end of a run on the terminal: one line a model x prompt, what is missing and why, what to
type next."""

from collections.abc import Sequence
from pathlib import Path

from vlm_lab.analysis import repeatability
from vlm_lab.analysis.label_errors import format_label_error
from vlm_lab.messages import ENGLISH, Message, in_english, translate_messages
from vlm_lab.report.formatting import (
    SUMMARY_COLUMNS,
    format_estimate,
    format_summary_row,
    format_table,
    format_unanswered,
    has_run,
)
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
        own = [summary for summary in summaries if summary.suite == suite]
        lines += format_first_unanswered(own)
        ran = [summary for summary in own if has_run(summary)]
        if ran:
            lines += [
                "",
                format_suite_title(suite, own),
                *format_table(SUMMARY_COLUMNS, [format_summary_row(each) for each in ran]),
            ]
        decided = [each for each in report.decisions if each.suite == suite]
        lines += (
            ["", *(line for each in decided for line in format_decision_lines(each))]
            if decided
            else []
        )
    lines += (
        ["", *map(in_english, repeatability.summarize_probes(report.probes))]
        if report.probes
        else []
    )
    return [terminal_safe(each) for each in lines]  # reasons quote replies


def format_first_unanswered(own: Sequence[Summary]) -> list[str]:
    """Why cells have no answer: the first reasons."""
    why = format_unanswered(own)
    more = (
        [f"... and {len(why) - MAX_REASON_LINES} more reasons, in report.md"]
        if len(why) > MAX_REASON_LINES
        else []
    )
    return ["", *why[:MAX_REASON_LINES], *more] if why else []


def format_suite_title(suite: str, own: Sequence[Summary]) -> str:
    """`invoices: 24 documents`"""
    return f"{suite}: {ENGLISH.ngettext('%s document', '%s documents', own[0].documents) % own[0].documents}"


def format_label_errors(report: Report) -> list[str]:
    """The first doubtful references, and what the figures are without all of them."""
    suspects = report.suspects
    if not suspects:
        return []
    first = [f"  {format_label_error(each)}" for each in suspects[:MAX_LABEL_ERRORS]]
    more = (
        [f"  and {len(suspects) - MAX_LABEL_ERRORS} more"]
        if len(suspects) > MAX_LABEL_ERRORS
        else []
    )
    spared = [
        f"  without them: {each.candidate.label} F1 {format_estimate(each.scores['field_f1'])}"
        for each in report.without_suspects
        if each.scores["field_f1"].value is not None
    ]
    head = in_english(Message("doubtful", {"n": len(suspects)}))
    return ["", head, *first, *more, *spared]


def format_decision_lines(decision: Decision) -> list[str]:
    """A candidate's word and evidence, then what speaks against it."""
    word = decision.verdict.replace("_", " ")
    lines = [
        f"{decision.candidate.label}: {word}; {'; '.join(translate_messages(decision.reasons_for('evidence')))}"
    ]
    beside = "; ".join(translate_messages(decision.reasons_for("pipeline")))
    lines += [f"    than today's pipeline: {beside}"] if beside else []
    return [
        *lines,
        *(
            f"    against: {reason}"
            for reason in translate_messages(decision.reasons_for("against"))
        ),
    ]


def has_unanswered_cases(report: Report) -> bool:
    """Whether going on with the run could still fill cells."""
    statuses = [summary.statuses for summary in report.summaries]
    return any(counts.get("not_run") or counts.get("error") for counts in statuses)


def format_dry_run_lines(
    forecast: Sequence[str],
    warnings: Sequence[Message | str],
    probes: Sequence[Repeatability],
) -> list[str]:
    """What a real run would be, and what it would stumble on."""
    messages = [*warnings, *repeatability.summarize_probes(probes)]
    return ["", "dry run: no model was called", *forecast, "", *map(in_english, messages)]


def format_gate_lines(baseline: Path | None, status: str, lines: Sequence[str]) -> list[str]:
    """How the run compares with `baseline`, and why."""
    return ["", f"baseline {baseline}: {status.replace('_', ' ')}", *lines]
