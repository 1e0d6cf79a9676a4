"""One rule of models.yaml's `decide: require` held against one candidate: met, failed, or open.

Scores and field paths are lower limits and are judged by their one-sided bounds: met only when the
lower one reaches the rule, failed only when the upper one lies below it. Seconds, gigabytes, money
and the error rate are upper limits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vlm_lab.analysis.anytime_bounds import compute_anytime_bounds, count_anytime_labels
from vlm_lab.analysis.bounds import (
    compute_best_case_bound,
    compute_bounds,
    count_further_units,
)
from vlm_lab.analysis.labelled_share import DOCUMENTS_RIGHT
from vlm_lab.analysis.statistics import SCORES
from vlm_lab.messages import Message
from vlm_lab.types import UPPER_LIMITS, Estimate, LabelledShare, Summary

_LIMITED_FIGURES: dict[str, Callable[[Summary], float | None]] = {
    "median_seconds": lambda summary: summary.speed.median_seconds,
    "p95_seconds": lambda summary: summary.speed.p95_seconds,
    "peak_memory_gb": lambda summary: _convert_to_gigabytes(summary.speed.peak_memory_bytes),
    "cost_per_1000": lambda summary: summary.speed.cost_per_1000,
    "max_error_rate": lambda summary: summary.statuses.get("error", 0) / summary.documents,
}
MIN_TIMED_FOR_P95 = 20  # below, the 95th percentile is the slowest case
_UNMEASURED_MESSAGES = {"cost_per_1000": "no_price", "peak_memory_gb": "no_memory"}


@dataclass(frozen=True, slots=True)
class RuleResult:
    """`more_documents` is how many further ones would settle an open rule, where that is what is
    missing. A failed rule `is_out_of_reach` where the cells that were not asked would not help.
    `stratum` is the value of the tag that the rule was held against, "" for all documents."""

    status: Literal["met", "failed", "open"]
    reason: Message
    more_documents: int | None = None
    is_out_of_reach: bool = False
    stratum: str = ""


def evaluate_rule(
    summary: Summary, name: str, threshold: float, tail: float, anytime: bool = False
) -> RuleResult:
    """One rule, whose bounds are missed with a probability of `tail` each; with `anytime` of ever
    being missed, however often one looks."""
    if name in UPPER_LIMITS:
        return _evaluate_upper_limit(summary, name, threshold)
    if anytime:
        return _evaluate_at_any_time(summary, name, threshold, tail)
    estimate = find_figure(summary, name)
    if estimate is None:
        return RuleResult(
            "open",
            Message("no_figure", {"name": name, "known": ", ".join([*SCORES, *UPPER_LIMITS])}),
        )
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return RuleResult("open", Message("too_few", {"name": name, "n": estimate.n}))
    low, high = compute_bounds(estimate, tail)
    reason = _describe_interval(summary, name, estimate, (low, high), threshold)
    if low >= threshold:
        return RuleResult("met", reason)
    if high < threshold:
        return RuleResult(
            "failed", reason, is_out_of_reach=_is_out_of_reach(summary, estimate, threshold, tail)
        )
    return RuleResult("open", reason, count_further_units(estimate, threshold, tail))


def _describe_interval(
    summary: Summary, name: str, estimate: Estimate, bounds: tuple[float, float], threshold: float
) -> Message:
    """The figure between its bounds, and of what it is one."""
    low, high = bounds
    arguments = {
        "name": name,
        "value": estimate.value,
        "low": low,
        "high": high,
        "n": estimate.n,
        "rule": threshold,
    }
    share = summary.labelled_share
    if share and share.estimate is estimate:
        return _describe_share(share, arguments)
    if estimate.units is not None:
        units = {"n": estimate.units, "documents": estimate.n}
        return Message("interval_of_groups", {**arguments, **units})
    return Message("interval", arguments)


def _evaluate_at_any_time(summary: Summary, name: str, threshold: float, tail: float) -> RuleResult:
    """By labels alone, and only where each document has one value and one weight."""
    share = summary.labelled_share
    accuracies = {path: each.accuracy for path, each in summary.fields.items() if "[]" not in path}
    estimate = {DOCUMENTS_RIGHT: summary.scores.get(DOCUMENTS_RIGHT), **accuracies}.get(name)
    if estimate is None or estimate.units is not None or (share and share.drawn):
        return RuleResult("open", Message("no_anytime", {"name": name}))
    if not estimate.n or estimate.value is None:
        return RuleResult("open", Message("too_few", {"name": name, "n": estimate.n}))
    right = round(estimate.value * estimate.n)
    low, high = compute_anytime_bounds(right, estimate.n, tail)
    figures = {"value": estimate.value, "low": low, "high": high, "n": estimate.n}
    reason = Message("interval_at_any_time", {"name": name, "rule": threshold, **figures})
    if low >= threshold:
        return RuleResult("met", reason)
    if high < threshold:
        return RuleResult("failed", reason)
    more = count_anytime_labels(right, estimate.n, threshold, tail)
    return RuleResult("open", reason, more)


def _describe_share(share: LabelledShare, arguments: Mapping[str, Any]) -> Message:
    """By how many labels, and by how many documents without one."""
    by_agreement = share.method == "prediction_powered"
    kind = "interval_by_agreement" if by_agreement else "interval_by_labels"
    return Message(kind, {**arguments, "unlabelled": share.unlabelled})


def _is_out_of_reach(summary: Summary, estimate: Estimate, threshold: float, tail: float) -> bool:
    """Whether a rule fails even if all documents that were not asked were right."""
    unasked = summary.statuses.get("skipped", 0) + summary.statuses.get("not_run", 0)
    return compute_best_case_bound(estimate, unasked, tail) < threshold


def find_limited_figure(summary: Summary, name: str) -> float | None:
    """The figure of one of UPPER_LIMITS; None where it was not measured."""
    return _LIMITED_FIGURES[name](summary) if summary.documents else None


def find_figure(summary: Summary, name: str) -> Estimate | None:
    """The score, or the accuracy of the field, that has this name; the share of documents right by
    all that is known of those without a label."""
    if name in summary.fields:
        return summary.fields[name].accuracy
    if name == DOCUMENTS_RIGHT and summary.labelled_share:
        return summary.labelled_share.estimate
    return summary.scores.get(name)


def _evaluate_upper_limit(summary: Summary, name: str, limit: float) -> RuleResult:
    value = find_limited_figure(summary, name)
    if value is None:
        return RuleResult(
            "open", Message(_UNMEASURED_MESSAGES.get(name, "not_timed"), {"name": name})
        )
    arguments = {"name": name, "value": value, "rule": limit}
    reason, is_met = Message("limit", arguments), value <= limit
    if name == "max_error_rate":
        return RuleResult("met" if is_met else "open", reason)
    timed_count = summary.speed.timed
    if name == "p95_seconds" and timed_count < MIN_TIMED_FOR_P95:
        return RuleResult(
            "open",
            Message("few_timed", {**arguments, "n": timed_count}),
            MIN_TIMED_FOR_P95 - timed_count,
        )
    return RuleResult("met" if is_met else "failed", reason)


def _convert_to_gigabytes(size: int | None) -> float | None:
    return None if size is None else size / 1e9
