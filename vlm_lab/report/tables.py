"""What the first screen says, as plain rows: the same for the page, the wiki and the text.

A row's cells are text already; what is not known is a dash.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from gettext import NullTranslations
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.messages import Message, translate_message
from vlm_lab.report.formatting import format_estimate, format_interval, format_number, has_run
from vlm_lab.report.translation import format_more_documents
from vlm_lab.types import ANSWERED, Calibration, CandidateKey, Estimate, Report, Summary

Translator = Callable[[str], str]
MODEL_COLUMNS = (
    "model", "prompt", "field F1", "95 %", "fully right", "unseen", "median s", "p95 s", "tokens/s",
    "memory GB", "answered", "errors",
)  # fmt: skip
CONDITION_LABELS = (
    "documents", "references", "prompts", "measured on", "device", "processor", "started",
    "measured", "command", "software", "code",
)  # fmt: skip
LABEL_ERROR_COLUMNS = ("model", "field F1", "without suspect references")
DIFFERENCE_COLUMNS = ("first", "second", "field F1", "95 %", "p, Holm", "documents", "word")
AMOUNT_ERROR_COLUMNS = (
    "model", "prompt", "field", "currency", "wrong", "off by, median", "off by, worst",
    "off in all", "not read", "of",
)  # fmt: skip
AMOUNT_ERROR_LEGEND = (
    "What errors in amounts come to, in the documents' own currency: how many amounts are wrong and"
    " how far off, what those that were not read come to, and all true amounts."
)
MODEL_LEGEND = (
    "Intervals are 95 %, bootstrap over documents. Seconds are from decoded pixels to the full"
    " reply; a dash is what was not measured. Unseen: the share of documents that could be booked"
    " without anybody looking, 99 % of them right."
)
VERDICT_SIGNS = {"chosen": "✓", "rejected": "✗", "needs_more_data": "?"}
VERDICT_NAMES = {"chosen": "chosen", "rejected": "rejected", "needs_more_data": "needs more data"}


def group_by_suite(report: Report) -> dict[str, list[Summary]]:
    """Each suite's summaries."""
    summaries_by_suite: dict[str, list[Summary]] = {}
    for summary in report.summaries:
        summaries_by_suite.setdefault(summary.suite, []).append(summary)
    return summaries_by_suite


def format_headlines(report: Report, catalogue: NullTranslations) -> list[str]:
    """What is decided, in a sentence; one a suite where there are several."""
    headline_by_suite = {
        name: _format_headline(report, name, summaries, catalogue)
        for name, summaries in group_by_suite(report).items()
    }
    return [
        f"{name}: {line}" if len(headline_by_suite) > 1 else line
        for name, line in headline_by_suite.items()
    ]


def _format_headline(
    report: Report, suite: str, summaries: Sequence[Summary], catalogue: NullTranslations
) -> str:
    gettext, decisions = (
        catalogue.gettext,
        [decision for decision in report.decisions if decision.suite == suite],
    )
    chosen = [decision.candidate.label for decision in decisions if decision.verdict == "chosen"]
    if chosen:
        return gettext("Chosen: %s.") % ", ".join(chosen)
    if not decisions:
        reason_id = (
            "dry"
            if report.run["dry_run"]
            else "part"
            if any(map(has_run, summaries))
            else "none_ran"
        )
        return translate_message(Message("undecided", {"why": Message(reason_id)}), catalogue)
    document_counts = [decision.more_documents for decision in decisions if decision.more_documents]
    request = format_more_documents(min(document_counts), catalogue) if document_counts else ""
    return f"{gettext('No model is chosen.')} {request}".strip()


def build_model_row(summary: Summary, evidence: Evidence) -> list[str]:
    """One candidate under MODEL_COLUMNS."""
    scores, speed, statuses = summary.scores, summary.speed, summary.statuses
    memory = None if speed.peak_memory_bytes is None else speed.peak_memory_bytes / 1e9
    return [
        summary.model,
        summary.prompt_id,
        format_estimate(scores.get("field_f1")),
        format_interval(scores.get("field_f1")),
        format_documents_right(scores.get("documents_right")),
        format_straight_through_rate(evidence.calibrations.get(summary.candidate)),
        format_number(speed.median_seconds),
        format_number(speed.p95_seconds),
        format_number(speed.tokens_per_second, ".0f"),
        format_number(memory, ".1f"),
        f"{sum(statuses.get(status, 0) for status in ANSWERED)}/{summary.documents}",
        str(statuses.get("error", 0)),
    ]


def format_documents_right(estimate: Estimate | None) -> str:
    """`17/24`"""
    return (
        "-"
        if estimate is None or estimate.value is None
        else f"{round(estimate.value * estimate.n)}/{estimate.n}"
    )


def format_straight_through_rate(calibration: Calibration | None) -> str:
    """Share of documents that could be booked without anybody looking, at the target's
    precision."""
    return (
        "-"
        if calibration is None or calibration.unseen.value is None
        else f"{calibration.unseen.value:.0%}"
    )


def format_calibration_notes(
    summaries: Sequence[Summary], evidence: Evidence, catalogue: NullTranslations
) -> list[str]:
    """What the shares that could be booked unseen do not show: `a (default), b (default): why`."""
    labels_by_note: dict[str, list[str]] = {}
    for summary in summaries:
        calibration = evidence.calibrations.get(summary.candidate)
        if calibration and calibration.note and calibration.documents:
            labels_by_note.setdefault(translate_message(calibration.note, catalogue), []).append(
                summary.candidate.label
            )
    return [f"{', '.join(labels)}: {note}" for note, labels in labels_by_note.items()]


def build_conditions(
    report: Report, evidence: Evidence, gettext: Translator
) -> list[tuple[str, str]]:
    """What a figure is worth depends on: documents, device, dtype, prompts, dates."""
    run, machine = report.run, report.environment
    documents = Counter(item["suite"] for item in report.documents)
    unverified = [suite["name"] for suite in report.suites if not suite["verified"]]
    packages = ", ".join(
        f"{key} {value}" for key, value in machine.get("packages", {}).items() if value
    )
    measured_dates = sorted(
        {item.speed.measured_at[:10] for item in report.summaries if item.speed.measured_at}
    )
    values = (
        ", ".join(f"{count} ({suite})" for suite, count in documents.items()),
        gettext("checked by a person") if not unverified else gettext("nobody has checked them"),
        ", ".join(dict.fromkeys(item["id"] for item in report.prompts)),
        "; ".join(
            f"{machine}: {', '.join(models)}" for machine, models in evidence.machines.items()
        ),
        machine.get("device", ""),
        machine.get("cpu", ""),
        run["started"].replace("T", " "),
        ", ".join(measured_dates),
        " ".join(run["command"]),
        f"Python {machine.get('python')}; {packages}",
        str(machine.get("commit") or ""),
    )
    return [
        (gettext(key), value) for key, value in zip(CONDITION_LABELS, values, strict=True) if value
    ]


def build_difference_rows(report: Report, suite: str, gettext: Translator) -> list[list[str]]:
    """Each two candidates of a suite under DIFFERENCE_COLUMNS: first minus second, paired over
    documents."""
    rows = []
    for comparison in report.comparisons:
        difference = comparison.difference
        if (
            comparison.suite == suite
            and comparison.score == "field_f1"
            and difference.value is not None
        ):
            labels = (
                CandidateKey(suite, *pair).label for pair in (comparison.first, comparison.second)
            )
            interval_text = (
                "-"
                if difference.low is None or difference.high is None
                else f"{difference.low:+.3f} … {difference.high:+.3f}"
            )
            p_value = format_number(comparison.p_adjusted, ".3f")
            verdict = (
                gettext("more than chance")
                if comparison.is_significant
                else gettext("may be chance")
            )
            rows.append(
                [
                    *labels,
                    f"{difference.value:+.3f}",
                    interval_text,
                    p_value,
                    str(difference.n),
                    verdict,
                ]
            )
    return rows


def build_label_error_rows(report: Report, suite: str) -> list[list[str]]:
    """Each candidate's F1 with and without the fields whose references are doubtful; nothing where
    none is."""
    scores_with_errors = {
        summary.candidate: summary.scores["field_f1"] for summary in report.summaries
    }
    return [
        [
            summary.candidate.label,
            format_estimate(scores_with_errors[summary.candidate]),
            format_estimate(score),
        ]
        for summary in report.without_suspects
        if summary.suite == suite and (score := summary.scores["field_f1"]).value is not None
    ]


def build_amount_error_rows(summaries: Sequence[Summary]) -> list[list[str]]:
    """Each candidate's errors in money under AMOUNT_ERROR_COLUMNS, by field and currency; the
    worst of a candidate first."""
    rows = []
    for summary in summaries:
        errors = [
            (error, path, currency)
            for path, errors_by_currency in summary.amount_error.items()
            for currency, error in errors_by_currency.items()
            if error.wrong or error.missing
        ]
        for error, path, currency in sorted(errors, key=lambda row: -row[0].wrong - row[0].missing):
            amounts = (error.median, error.worst, error.wrong, error.missing, error.total)
            rows.append(
                [
                    summary.model,
                    summary.prompt_id,
                    path,
                    currency or "-",
                    str(error.count),
                    *map(_format_amount, amounts),
                ]
            )
    return rows


def _format_amount(amount: Decimal | None) -> str:
    """`1 234.50`: a comma is decimal to half of the readers."""
    return "-" if amount is None else f"{amount:,.2f}".replace(",", " ")


def count_error_types(summaries: Sequence[Summary]) -> list[tuple[str, list[int]]]:
    """Kind of error -> how often each candidate made it; the commonest first."""
    error_counts: Counter[str] = Counter()
    for summary in summaries:
        error_counts.update(summary.kinds)
    error_types = sorted(
        error_counts, key=lambda error_type: (-error_counts[error_type], error_type)
    )
    return [
        (error_type, [summary.kinds.get(error_type, 0) for summary in summaries])
        for error_type in error_types
    ]


def find_example(summaries: Sequence[Summary], error_type: str) -> Mapping[str, Any] | None:
    """The first time that a candidate made this error."""
    return next(
        (
            summary.examples[error_type][0]
            for summary in summaries
            if summary.examples.get(error_type)
        ),
        None,
    )


def collect_field_paths(summaries: Sequence[Summary]) -> list[str]:
    """Every field that was judged for any candidate, in the schema's order as far as the first one
    shows it."""
    return list(dict.fromkeys(path for summary in summaries for path in summary.fields))


def choose_heat_class(value: float | None) -> str:
    """Class of a heat map's cell, `h0` (below half) to `h5` (all right)."""
    if value is None:
        return "hn"
    return f"h{sum(value >= lower_bound for lower_bound in (0.5, 0.7, 0.85, 0.95, 0.995))}"
