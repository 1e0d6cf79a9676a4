"""What a run comes to, in a sentence, and the conditions that its figures hold under: the same for
the page, the wiki and the text.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from gettext import NullTranslations
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.messages import Message, translate_message
from vlm_lab.report.tables import Translator, group_by_suite
from vlm_lab.report.translation import format_more_documents
from vlm_lab.report.unanswered import has_run
from vlm_lab.types import Report, Summary

CONDITION_LABELS = (
    "documents", "references", "prompts", "measured on", "device", "processor", "started",
    "measured", "command", "software", "code",
)  # fmt: skip


def format_headlines(report: Report, catalogue: NullTranslations) -> list[str]:
    """What is decided, in a sentence; one a suite where there are several."""
    headline_by_suite = {
        name: format_headline(report, name, summaries, catalogue)
        for name, summaries in group_by_suite(report).items()
    }
    if len(headline_by_suite) == 1:
        return list(headline_by_suite.values())
    return [f"{name}: {line}" for name, line in headline_by_suite.items()]


def format_headline(
    report: Report, suite: str, summaries: Sequence[Summary], catalogue: NullTranslations
) -> str:
    """What is decided about one suite."""
    gettext = catalogue.gettext
    decisions = [decision for decision in report.decisions if decision.suite == suite]
    if not decisions:
        reason = _explain_no_decision(report, summaries)
        return translate_message(Message("undecided", {"why": reason}), catalogue)
    chosen = [decision.candidate.label for decision in decisions if decision.verdict == "chosen"]
    if chosen:
        return gettext("Chosen: %s.") % ", ".join(chosen)
    open_decisions = [decision for decision in decisions if decision.more_documents]
    nearest = min(open_decisions, key=lambda each: each.more_documents or 0, default=None)
    request = format_more_documents(nearest, catalogue) if nearest else ""
    return f"{gettext('No model is chosen.')} {request}".strip()


def format_gate(report: Report, catalogue: NullTranslations) -> str:
    """How it compares with the run that was accepted; "" where there was no baseline."""
    if report.gate is None:
        return ""
    message = Message(f"gate_{report.gate.status}", {"run": report.gate.run})
    return translate_message(message, catalogue)


def format_gate_lines(report: Report, catalogue: NullTranslations) -> list[str]:
    """What was compared, and what got worse; none where there was no baseline."""
    lines = report.gate.lines if report.gate else ()
    return [translate_message(line, catalogue) for line in lines]


def format_run_name(report: Report) -> str:
    """The run's id; those of all runs that a report joins."""
    return " + ".join(report.run.get("joined") or [report.run["id"]])


def _explain_no_decision(report: Report, summaries: Sequence[Summary]) -> Message:
    if report.run["dry_run"]:
        return Message("dry")
    if not any(map(has_run, summaries)):
        return Message("none_ran")
    is_tuning = any(summary.suite in report.tuned_suites for summary in summaries)
    if is_tuning:
        return Message("tuning")
    return Message("differing" if report.run.get("joined") else "part")


def build_conditions(
    report: Report, evidence: Evidence, gettext: Translator
) -> list[tuple[str, str]]:
    """What a figure is worth depends on: documents, device, dtype, prompts, dates."""
    run, environment = report.run, report.environment
    document_counts = Counter(document["suite"] for document in report.documents)
    measured_at = [summary.speed.measured_at for summary in report.summaries]
    dates = sorted({timestamp[:10] for timestamp in measured_at if timestamp})
    checks = _describe_checks(report)
    values = (
        ", ".join(f"{count} ({suite})" for suite, count in document_counts.items()),
        gettext(checks) if checks else "",
        ", ".join(dict.fromkeys(prompt["id"] for prompt in report.prompts)),
        "; ".join(f"{name}: {', '.join(models)}" for name, models in evidence.machines.items()),
        environment.get("device", ""),
        environment.get("cpu", ""),
        run["started"].replace("T", " "),
        ", ".join(dates),
        " ".join(run["command"]),
        _format_software(environment),
        str(environment.get("commit") or ""),
    )
    labelled_values = zip(CONDITION_LABELS, values, strict=True)
    return [(gettext(label), value) for label, value in labelled_values if value]


def _describe_checks(report: Report) -> str:
    """Who has checked the references; "" where there are none."""
    suites = [suite for suite in report.suites if suite.get("references") != 0]
    if not suites:
        return ""
    if all(suite["verified"] for suite in suites):
        return "checked by a person"
    if any(suite["verified"] or suite.get("verified_references") for suite in suites):
        return "some are checked by a person"
    return "nobody has checked them"


def _format_software(environment: Mapping[str, Any]) -> str:
    packages = environment.get("packages", {}).items()
    versions = ", ".join(f"{name} {version}" for name, version in packages if version)
    return f"Python {environment.get('python')}; {versions}"
