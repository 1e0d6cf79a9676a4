"""What a candidate comes to in words of the trade: documents fully right, values read wrong, money.

For those who decide and know no F1: how many documents need nobody's hand, what is wrong in the
others, how far totals are off, what a document costs, and whether that is worse than today.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from gettext import NullTranslations

from vlm_lab.messages import Message, translate_message, translate_messages
from vlm_lab.report.formatting import count_documents_right, format_amount, format_number
from vlm_lab.types import ANSWERED, CandidateKey, Comparison, ExpectedCost, Report, Summary

UNASKED_STATUSES = ("skipped", "not_run", "dry_run")
SMALLEST_ROUNDED_COST = 0.1  # below, two decimals say nothing


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """Counts of documents (`right` of `judged`, `unanswered`, `unasked`, without a reference
    `unlabelled`), of values (`wrong`, `missing`, `spurious`) and of `wrong_totals`; by currency
    what these are `off`."""

    judged: int
    right: int
    unanswered: int
    unasked: int
    unlabelled: int
    wrong: int
    missing: int
    spurious: int
    wrong_totals: int
    off: dict[str, Decimal]


def count_trade_figures(summary: Summary) -> TradeFigures:
    """All that is counted of one candidate."""
    right, judged = count_documents_right(summary)
    answered = sum(summary.statuses.get(status, 0) for status in ANSWERED)
    unasked = sum(summary.statuses.get(status, 0) for status in UNASKED_STATUSES)
    outcomes: Counter[str] = Counter()
    for field_summary in summary.fields.values():
        outcomes.update(field_summary.outcomes)
    wrong_totals, off = _sum_total_errors(summary)
    return TradeFigures(
        judged=judged,
        right=right,
        unanswered=summary.documents - answered - unasked,
        unasked=unasked,
        unlabelled=answered - judged,
        wrong=outcomes["wrong"],
        missing=outcomes["missing"],
        spurious=outcomes["spurious"],
        wrong_totals=wrong_totals,
        off=off,
    )


def _sum_total_errors(summary: Summary) -> tuple[int, dict[str, Decimal]]:
    """How many amounts outside of rows are wrong, and what they are off by currency."""
    count, off = 0, dict[str, Decimal]()
    for path, errors_by_currency in summary.amount_error.items():
        if "[]" in path:
            continue
        for currency, error in errors_by_currency.items():
            count += error.count
            if error.wrong:
                off[currency] = off.get(currency, Decimal(0)) + error.wrong
    return count, off


def rank_summaries(summaries: Iterable[Summary]) -> list[Summary]:
    """The largest share of documents fully right first; of equals that with fewer wrong values."""
    return sorted(summaries, key=_rank_summary)


def _rank_summary(summary: Summary) -> tuple[float, int]:
    figures = count_trade_figures(summary)
    share = figures.right / figures.judged if figures.judged else -1.0
    return -share, figures.wrong + figures.missing + figures.spurious


def format_off_amounts(figures: TradeFigures, catalogue: NullTranslations) -> str:
    """`30.00 EUR, 4.00 USD`; "" where no total is wrong."""
    amounts = [
        f"{format_amount(amount, catalogue)} {currency}".rstrip()
        for currency, amount in figures.off.items()
    ]
    return ", ".join(amounts)


def describe_totals(figures: TradeFigures, catalogue: NullTranslations) -> str:
    """`3 totals are wrong, 30.00 EUR off in all`; "" where none is."""
    if not figures.wrong_totals:
        return ""
    messages = [Message("totals_wrong", {"n": figures.wrong_totals})]
    if figures.off:
        messages.append(Message("off_in_all", {"amounts": format_off_amounts(figures, catalogue)}))
    return ", ".join(translate_messages(messages, catalogue))


def describe_reading(figures: TradeFigures, catalogue: NullTranslations) -> str:
    """`27 of 30 documents fully right; 5 values read wrong, 2 values not read; 3 totals ...`"""
    first = Message("none_judged")
    if figures.judged:
        first = Message("fully_right", {"right": figures.right, "n": figures.judged})
    value_messages = _list_counts(
        read_wrong=figures.wrong, not_read=figures.missing, made_up=figures.spurious
    )
    document_messages = _list_counts(
        unanswered=figures.unanswered, unasked=figures.unasked, unlabelled=figures.unlabelled
    )
    parts = [
        translate_message(first, catalogue),
        ", ".join(translate_messages(value_messages, catalogue)),
        describe_totals(figures, catalogue),
        ", ".join(translate_messages(document_messages, catalogue)),
    ]
    return "; ".join(filter(None, parts))


def _list_counts(**counts: int) -> list[Message]:
    """A message for each kind of which there is any."""
    return [Message(kind, {"n": count}) for kind, count in counts.items() if count]


def compute_cost_per_right(summary: Summary) -> float | None:
    """What one document that is fully right costs: those that are not are paid for, too. None
    where nothing was measured or none is right."""
    figures, cost_per_1000 = count_trade_figures(summary), summary.speed.cost_per_1000
    if cost_per_1000 is None or not figures.right:
        return None
    return cost_per_1000 / 1000 * figures.judged / figures.right


def format_cost(cost: float | None, catalogue: NullTranslations) -> str:
    """`1.35`, `0.0012`; a dash where it is not known."""
    is_small = cost is not None and 0 < cost < SMALLEST_ROUNDED_COST
    return format_number(cost, ".2g" if is_small else ",.2f", catalogue)


def describe_cost(summary: Summary, report: Report, catalogue: NullTranslations) -> str:
    """What the candidate itself costs, and what a document is expected to; "" where neither is
    known."""
    messages = []
    cost_per_right = compute_cost_per_right(summary)
    if summary.speed.cost_per_1000 is not None:
        cost = format_cost(summary.speed.cost_per_1000, catalogue)
        messages.append(Message("cost_per_1000", {"cost": cost}))
    if cost_per_right is not None:
        cost = format_cost(cost_per_right, catalogue)
        messages.append(Message("cost_per_right", {"cost": cost}))
    expected_cost = find_expected_cost(report, summary.candidate)
    if expected_cost:
        messages.append(_describe_expected_cost(expected_cost, report, catalogue))
    return "; ".join(translate_messages(messages, catalogue))


def find_expected_cost(report: Report, candidate: CandidateKey) -> ExpectedCost | None:
    """None where the company's rates are not known, or nothing was asked."""
    costs = {cost.candidate: cost for cost in report.expected_costs}
    return costs.get(candidate)


def _describe_expected_cost(
    cost: ExpectedCost, report: Report, catalogue: NullTranslations
) -> Message:
    """`a document is expected to cost 1.35 (model 0.01, corrections 0.34, errors nobody sees
    1.00), with today's pipeline 2.10`"""
    figures = {
        name: format_cost(getattr(cost, name), catalogue)
        for name in ("total", "reading", "corrections", "unseen_errors")
    }
    kind = "expected_cost" if cost.reading is not None else "expected_cost_unpriced"
    today = [
        other.total
        for other in report.expected_costs
        if other.suite == cost.suite and other.model in find_incumbents(report)
    ]
    message = Message(kind, figures)
    if not today or cost.model in find_incumbents(report):
        return message
    today_cost = format_cost(min(today), catalogue)
    return Message("cost_beside_today", {"what": message, "today": today_cost})


def find_incumbents(report: Report) -> set[str]:
    """Names of the candidates that are the user's present pipeline."""
    return {model.name for model in report.models if model.incumbent}


def compare_with_today(summary: Summary, report: Report) -> Message | None:
    """Whether it is better or worse than the present pipeline; None where there is nothing to hold
    it against."""
    incumbents = find_incumbents(report)
    if summary.model in incumbents:
        return Message("is_today")
    for comparison in report.comparisons:
        pair = (comparison.first, comparison.second)
        models = {model for model, _ in pair}
        if comparison.suite != summary.suite or comparison.score != "field_f1":
            continue
        if (summary.model, summary.prompt_id) in pair and models & incumbents:
            return _describe_comparison(comparison, summary, report)
    return None


def _describe_comparison(
    comparison: Comparison, summary: Summary, report: Report
) -> Message | None:
    difference = comparison.difference.value
    if difference is None:
        return None
    is_first = comparison.first == (summary.model, summary.prompt_id)
    if comparison.is_significant:
        is_better = (difference > 0) == is_first
        return Message("better_than_today" if is_better else "worse_than_today")
    if _is_as_good_as_today(summary, report):
        return Message("not_worse_than_today")
    if comparison.bounds is None:
        return Message("like_today")
    low, high = comparison.bounds
    return Message("like_today_within", {"value": max(0.0, -low if is_first else high)})


def _is_as_good_as_today(summary: Summary, report: Report) -> bool:
    """Whether the decision found it equivalent to the present pipeline, within the margin."""
    equivalents = [
        reason.figures["models"].split(", ")
        for decision in report.decisions
        if decision.candidate == summary.candidate
        for reason in decision.reasons_for("evidence")
        if reason.kind == "equivalent"
    ]
    return any(find_incumbents(report) & set(models) for models in equivalents)


def describe_candidate(summary: Summary, report: Report, catalogue: NullTranslations) -> str:
    """One line: what it reads, and whether that is worse than today."""
    beside_today = compare_with_today(summary, report)
    parts = [describe_reading(count_trade_figures(summary), catalogue)]
    parts += translate_messages([beside_today] if beside_today else [], catalogue)
    return "; ".join(parts)


def find_leading_summary(report: Report, summaries: Sequence[Summary]) -> Summary | None:
    """Whom the first sentence is about: the first that is chosen, else the best that was asked and
    is not the present pipeline."""
    asked = [summary for summary in summaries if count_trade_figures(summary).judged]
    chosen = [decision.candidate for decision in report.decisions if decision.verdict == "chosen"]
    leading = [summary for summary in asked if summary.candidate in chosen]
    leading.sort(key=lambda summary: chosen.index(summary.candidate))
    incumbents = find_incumbents(report)
    others = [summary for summary in asked if summary.model not in incumbents]
    return next(iter([*leading, *rank_summaries(others), *rank_summaries(asked)]), None)
