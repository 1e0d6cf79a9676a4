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
    "model", "prompt", "field F1", "95 %", "fully right", "unseen", "median s", "p95 s", "tokens/s", "memory GB",
    "answered", "errors",
)  # fmt: skip
CONDITION_LABELS = ("documents", "references", "prompts", "measured on", "device", "processor", "started", "measured",
              "command", "software", "code")  # fmt: skip
LABEL_ERROR_COLUMNS = ("model", "field F1", "without suspect references")
DIFFERENCE_COLUMNS = ("first", "second", "field F1", "95 %", "p, Holm", "documents", "word")
AMOUNT_ERROR_COLUMNS = ("model", "prompt", "field", "currency", "wrong", "off by, median", "off by, worst", "off in all",
               "not read", "of")  # fmt: skip
AMOUNT_ERROR_LEGEND = (
    "What errors in amounts come to, in the documents' own currency: how many amounts are wrong and how far off, what"
    " those that were not read come to, and all true amounts."
)
MODEL_LEGEND = (
    "Intervals are 95 %, bootstrap over documents. Seconds are from decoded pixels to the full reply; a dash is what"
    " was not measured. Unseen: the share of documents that could be booked without anybody looking,"
    " 99 % of them right."
)
VERDICT_SIGNS = {"chosen": "✓", "rejected": "✗", "needs_more_data": "?"}
VERDICT_NAMES = {"chosen": "chosen", "rejected": "rejected", "needs_more_data": "needs more data"}


def group_by_suite(report: Report) -> dict[str, list[Summary]]:
    """Each suite's summaries."""
    found: dict[str, list[Summary]] = {}
    for summary in report.summaries:
        found.setdefault(summary.suite, []).append(summary)
    return found


def format_headlines(report: Report, language: NullTranslations) -> list[str]:
    """What is decided, in a sentence; one a suite where there are several."""
    said = {
        name: _format_headline(report, name, own, language)
        for name, own in group_by_suite(report).items()
    }
    return [f"{name}: {line}" if len(said) > 1 else line for name, line in said.items()]


def _format_headline(
    report: Report, suite: str, own: Sequence[Summary], language: NullTranslations
) -> str:
    words, decisions = language.gettext, [each for each in report.decisions if each.suite == suite]
    chosen = [each.candidate.label for each in decisions if each.verdict == "chosen"]
    if chosen:
        return words("Chosen: %s.") % ", ".join(chosen)
    if not decisions:
        why = "dry" if report.run["dry_run"] else "part" if any(map(has_run, own)) else "none_ran"
        return translate_message(Message("undecided", {"why": Message(why)}), language)
    needed = [each.more_documents for each in decisions if each.more_documents]
    asks = format_more_documents(min(needed), language) if needed else ""
    return f"{words('No model is chosen.')} {asks}".strip()


def build_model_row(summary: Summary, seen: Evidence) -> list[str]:
    """One candidate under MODEL_HEADS."""
    scores, speed, statuses = summary.scores, summary.speed, summary.statuses
    memory = None if speed.peak_memory_bytes is None else speed.peak_memory_bytes / 1e9
    return [
        summary.model,
        summary.prompt_id,
        format_estimate(scores.get("field_f1")),
        format_interval(scores.get("field_f1")),
        format_documents_right(scores.get("documents_right")),
        format_straight_through_rate(seen.calibrations.get(summary.candidate)),
        format_number(speed.median_seconds),
        format_number(speed.p95_seconds),
        format_number(speed.tokens_per_second, ".0f"),
        format_number(memory, ".1f"),
        f"{sum(statuses.get(status, 0) for status in ANSWERED)}/{summary.documents}",
        str(statuses.get("error", 0)),
    ]


def format_documents_right(found: Estimate | None) -> str:
    """`17/24`"""
    return (
        "-" if found is None or found.value is None else f"{round(found.value * found.n)}/{found.n}"
    )


def format_straight_through_rate(worth: Calibration | None) -> str:
    """Share of documents that could be booked without anybody looking, at the target's
    precision."""
    return "-" if worth is None or worth.unseen.value is None else f"{worth.unseen.value:.0%}"


def format_calibration_notes(
    own: Sequence[Summary], seen: Evidence, words: NullTranslations
) -> list[str]:
    """What the shares that could be booked unseen do not show: `a (default), b (default): why`."""
    found: dict[str, list[str]] = {}
    for each in own:
        worth = seen.calibrations.get(each.candidate)
        if worth and worth.note and worth.documents:
            found.setdefault(translate_message(worth.note, words), []).append(each.candidate.label)
    return [f"{', '.join(names)}: {said}" for said, names in found.items()]


def build_conditions(report: Report, seen: Evidence, words: Translator) -> list[tuple[str, str]]:
    """What a figure is worth depends on: documents, device, dtype, prompts, dates."""
    run, machine = report.run, report.environment
    documents = Counter(each["suite"] for each in report.documents)
    unverified = [suite["name"] for suite in report.suites if not suite["verified"]]
    packages = ", ".join(
        f"{key} {value}" for key, value in machine.get("packages", {}).items() if value
    )
    dates = sorted(
        {each.speed.measured_at[:10] for each in report.summaries if each.speed.measured_at}
    )
    values = (
        ", ".join(f"{count} ({suite})" for suite, count in documents.items()),
        words("checked by a person") if not unverified else words("nobody has checked them"),
        ", ".join(dict.fromkeys(each["id"] for each in report.prompts)),
        "; ".join(f"{machine}: {', '.join(models)}" for machine, models in seen.machines.items()),
        machine.get("device", ""),
        machine.get("cpu", ""),
        run["started"].replace("T", " "),
        ", ".join(dates),
        " ".join(run["command"]),
        f"Python {machine.get('python')}; {packages}",
        str(machine.get("commit") or ""),
    )
    return [
        (words(key), value) for key, value in zip(CONDITION_LABELS, values, strict=True) if value
    ]


def build_difference_rows(report: Report, suite: str, words: Translator) -> list[list[str]]:
    """Each two candidates of a suite under DIFFERENCE_HEADS: first minus second, paired over
    documents."""
    rows = []
    for each in report.comparisons:
        found = each.difference
        if each.suite == suite and each.score == "field_f1" and found.value is not None:
            names = (CandidateKey(suite, *pair).label for pair in (each.first, each.second))
            ends = (
                "-"
                if found.low is None or found.high is None
                else f"{found.low:+.3f} … {found.high:+.3f}"
            )
            p_value = format_number(each.p_adjusted, ".3f")
            verdict = words("more than chance") if each.is_significant else words("may be chance")
            rows.append([*names, f"{found.value:+.3f}", ends, p_value, str(found.n), verdict])
    return rows


def build_label_error_rows(report: Report, suite: str) -> list[list[str]]:
    """Each candidate's F1 with and without the fields whose references are doubtful; nothing where
    none is."""
    before = {each.candidate: each.scores["field_f1"] for each in report.summaries}
    return [
        [each.candidate.label, format_estimate(before[each.candidate]), format_estimate(found)]
        for each in report.without_suspects
        if each.suite == suite and (found := each.scores["field_f1"]).value is not None
    ]


def build_amount_error_rows(summaries: Sequence[Summary]) -> list[list[str]]:
    """Each candidate's errors in money under MONEY_HEADS, by field and currency; the worst of a
    candidate first."""
    rows = []
    for each in summaries:
        found = [
            (error, path, currency)
            for path, errors in each.amount_error.items()
            for currency, error in errors.items()
            if error.wrong or error.missing
        ]
        for error, path, currency in sorted(found, key=lambda row: -row[0].wrong - row[0].missing):
            figures = (error.median, error.worst, error.wrong, error.missing, error.total)
            rows.append(
                [
                    each.model,
                    each.prompt_id,
                    path,
                    currency or "-",
                    str(error.count),
                    *map(_format_amount, figures),
                ]
            )
    return rows


def _format_amount(amount: Decimal | None) -> str:
    """`1 234.50`: a comma is decimal to half of the readers."""
    return "-" if amount is None else f"{amount:,.2f}".replace(",", " ")


def count_error_types(summaries: Sequence[Summary]) -> list[tuple[str, list[int]]]:
    """Kind of error -> how often each candidate made it; the commonest first."""
    total: Counter[str] = Counter()
    for summary in summaries:
        total.update(summary.kinds)
    ordered = sorted(total, key=lambda kind: (-total[kind], kind))
    return [(kind, [summary.kinds.get(kind, 0) for summary in summaries]) for kind in ordered]


def find_example(summaries: Sequence[Summary], kind: str) -> Mapping[str, Any] | None:
    """The first time that a candidate made this error."""
    return next(
        (summary.examples[kind][0] for summary in summaries if summary.examples.get(kind)), None
    )


def collect_field_paths(summaries: Sequence[Summary]) -> list[str]:
    """Every field that was judged for any candidate, in the schema's order as far as the first one
    shows it."""
    return list(dict.fromkeys(path for summary in summaries for path in summary.fields))


def choose_heat_class(value: float | None) -> str:
    """Class of a heat map's cell, `h0` (below half) to `h5` (all right)."""
    if value is None:
        return "hn"
    return f"h{sum(value >= edge for edge in (0.5, 0.7, 0.85, 0.95, 0.995))}"
