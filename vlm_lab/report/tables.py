"""What the first screen shows, as plain rows: the same for the page, the wiki and the text.

A row's cells are text already; what is not known is a dash.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from gettext import NullTranslations
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.localization import localize_figure
from vlm_lab.messages import ENGLISH, translate_message
from vlm_lab.report.formatting import (
    format_amount,
    format_answered,
    format_documents_right,
    format_estimate,
    format_interval,
    format_number,
)
from vlm_lab.types import (
    Calibration,
    CandidateKey,
    Comparison,
    Estimate,
    Report,
    Summary,
    SweepCurve,
    SweepPoint,
)

Translator = Callable[[str], str]
MODEL_COLUMNS = (
    "model", "prompt", "field F1", "95 %", "fully right", "unseen", "median s", "p95 s", "tokens/s",
    "memory GB", "answered", "errors",
)  # fmt: skip
LABEL_ERROR_COLUMNS = ("model", "field F1", "without suspect references")
SWEEP_COLUMNS = (
    "value", "field F1", "95 %", "visual tokens", "median s", "answered", "beside the best",
)  # fmt: skip
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
    "Intervals are 95 %, over documents. Seconds are from decoded pixels to the full"
    " reply; a dash is what was not measured. Unseen: the share of documents that could be booked"
    " without anybody looking, 99 % of them right."
)
HEAT_BOUNDS = (0.5, 0.7, 0.85, 0.95, 0.995)  # shares at which a heat map's colours change
VERDICT_SIGNS = {"chosen": "✓", "rejected": "✗", "needs_more_data": "?"}
VERDICT_NAMES = {"chosen": "chosen", "rejected": "rejected", "needs_more_data": "needs more data"}


def group_by_suite(report: Report) -> dict[str, list[Summary]]:
    """Each suite's summaries."""
    summaries_by_suite: dict[str, list[Summary]] = {}
    for summary in report.summaries:
        summaries_by_suite.setdefault(summary.suite, []).append(summary)
    return summaries_by_suite


def build_model_row(
    summary: Summary, evidence: Evidence, catalogue: NullTranslations = ENGLISH
) -> list[str]:
    """One candidate under MODEL_COLUMNS."""
    scores, speed = summary.scores, summary.speed
    memory = None if speed.peak_memory_bytes is None else speed.peak_memory_bytes / 1e9
    return [
        summary.model,
        summary.prompt_id,
        format_estimate(scores.get("field_f1"), catalogue),
        format_interval(scores.get("field_f1"), catalogue),
        format_documents_right(summary),
        format_straight_through_rate(evidence.calibrations.get(summary.candidate), catalogue),
        format_number(speed.median_seconds, ".2f", catalogue),
        format_number(speed.p95_seconds, ".2f", catalogue),
        format_number(speed.tokens_per_second, ".0f", catalogue),
        format_number(memory, ".1f", catalogue),
        format_answered(summary),
        str(summary.statuses.get("error", 0)),
    ]


def format_straight_through_rate(
    calibration: Calibration | None, catalogue: NullTranslations = ENGLISH
) -> str:
    """Share of documents that could be booked without anybody looking, at the target's
    precision; a dash until that is shown."""
    if calibration is None or not calibration.is_shown:
        return "-"
    return format_number(calibration.unseen.value, ".0%", catalogue)


def format_calibration_notes(
    summaries: Sequence[Summary], evidence: Evidence, catalogue: NullTranslations
) -> list[str]:
    """What the shares that could be booked unseen do not show: `a (default), b (default): why`."""
    labels_by_note: dict[str, list[str]] = {}
    for summary in summaries:
        calibration = evidence.calibrations.get(summary.candidate)
        if calibration and calibration.note and calibration.documents:
            note = translate_message(calibration.note, catalogue)
            labels_by_note.setdefault(note, []).append(summary.candidate.label)
    return [f"{', '.join(labels)}: {note}" for note, labels in labels_by_note.items()]


def build_difference_rows(
    report: Report, suite: str, catalogue: NullTranslations
) -> list[list[str]]:
    """Each two candidates of a suite under DIFFERENCE_COLUMNS: first minus second, paired over
    documents."""
    return [
        _build_difference_row(comparison, comparison.difference, catalogue)
        for comparison in report.comparisons
        if comparison.suite == suite
        and comparison.score == "field_f1"
        and comparison.difference.value is not None
    ]


def _build_difference_row(
    comparison: Comparison, difference: Estimate, catalogue: NullTranslations
) -> list[str]:
    gettext = catalogue.gettext
    significant, insignificant = gettext("more than chance"), gettext("may be chance")
    return [
        CandidateKey(comparison.suite, *comparison.first).label,
        CandidateKey(comparison.suite, *comparison.second).label,
        format_number(difference.value, "+.3f", catalogue),
        _format_signed_interval(difference, catalogue),
        format_number(comparison.p_adjusted, ".3f", catalogue),
        str(difference.n),
        significant if comparison.is_significant else insignificant,
    ]


def _format_signed_interval(estimate: Estimate, catalogue: NullTranslations) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return localize_figure(f"{estimate.low:+.3f} … {estimate.high:+.3f}", catalogue)


def build_sweep_rows(curve: SweepCurve, catalogue: NullTranslations) -> list[list[str]]:
    """The values of a setting under SWEEP_COLUMNS."""
    return [_build_sweep_row(point, curve.cheapest, catalogue) for point in curve.points]


def _build_sweep_row(
    point: SweepPoint, cheapest: float | None, catalogue: NullTranslations
) -> list[str]:
    gettext = catalogue.gettext
    word = gettext("worse") if point.is_worse else ""
    return [
        str(point.value),
        format_estimate(point.score, catalogue),
        format_interval(point.score, catalogue),
        format_number(point.visual_tokens, ".0f", catalogue),
        format_number(point.median_seconds, ".2f", catalogue),
        f"{point.documents - point.unasked}/{point.documents}",
        gettext("to take") if point.value == cheapest else word,
    ]


def build_label_error_rows(
    report: Report, suite: str, catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
    """Each candidate's F1 with and without the fields whose references are doubtful; nothing where
    none is."""
    scores_with_errors = {
        summary.candidate: summary.scores["field_f1"] for summary in report.summaries
    }
    return [
        [
            summary.candidate.label,
            format_estimate(scores_with_errors[summary.candidate], catalogue),
            format_estimate(score, catalogue),
        ]
        for summary in report.without_suspects
        if summary.suite == suite and (score := summary.scores["field_f1"]).value is not None
    ]


def build_amount_error_rows(
    summaries: Sequence[Summary], catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
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
        errors.sort(key=lambda item: -item[0].wrong - item[0].missing)
        for error, path, currency in errors:
            amounts = (error.median, error.worst, error.wrong, error.missing, error.total)
            labels = (summary.model, summary.prompt_id, path, currency or "-")
            amount_cells = [format_amount(amount, catalogue) for amount in amounts]
            rows.append([*labels, str(error.count), *amount_cells])
    return rows


def count_error_types(summaries: Sequence[Summary]) -> list[tuple[str, list[int]]]:
    """Kind of error -> how often each candidate made it; the commonest first."""
    error_counts: Counter[str] = Counter()
    for summary in summaries:
        error_counts.update(summary.kinds)
    commonest_first = sorted(error_counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        (error_type, [summary.kinds.get(error_type, 0) for summary in summaries])
        for error_type, _ in commonest_first
    ]


def find_example(summaries: Sequence[Summary], error_type: str) -> Mapping[str, Any] | None:
    """The first time that a candidate made this error."""
    for summary in summaries:
        if summary.examples.get(error_type):
            return summary.examples[error_type][0]
    return None


def collect_field_paths(summaries: Sequence[Summary]) -> list[str]:
    """Every field that was judged for any candidate, in the schema's order as far as the first one
    shows it."""
    return list(dict.fromkeys(path for summary in summaries for path in summary.fields))


def choose_heat_class(value: float | None) -> str:
    """Class of a heat map's cell, `h0` (below half) to `h5` (all right)."""
    if value is None:
        return "hn"
    return f"h{sum(value >= bound for bound in HEAT_BOUNDS)}"
