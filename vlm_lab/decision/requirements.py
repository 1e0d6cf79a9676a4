"""One rule of models.yaml's `decide: require` held against one candidate: met, failed, or open.

Scores and field paths are lower limits and are judged by their interval: met only when all of it is
above the rule, failed only when all of it is below. Seconds, gigabytes, money and the error rate
are upper limits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from vlm_lab.analysis.power import Z_95, estimate_further_documents, estimate_standard_error
from vlm_lab.analysis.statistics import SCORES
from vlm_lab.messages import Message
from vlm_lab.types import Estimate, Summary

UPPER_LIMITS: dict[str, Callable[[Summary], float | None]] = {
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
    """`more` is how many further documents would settle an open one, where that is what is
    missing."""

    status: Literal["met", "failed", "open"]
    reason: Message
    more_documents: int | None = None


def evaluate_rule(summary: Summary, name: str, rule: float, prompts: int = 1) -> RuleResult:
    """One rule. Where a model's best of several `prompts` is judged, its interval is widened
    (Bonferroni)."""
    if name in UPPER_LIMITS:
        return _evaluate_upper_limit(summary, name, rule)
    found = find_figure(summary, name)
    if found is None:
        return RuleResult(
            "open",
            Message("no_figure", {"name": name, "known": ", ".join([*SCORES, *UPPER_LIMITS])}),
        )
    if found.value is None or found.low is None or found.high is None:
        return RuleResult("open", Message("too_few", {"name": name, "n": found.n}))
    low, high = widen_interval(found, prompts)
    figures = {
        "name": name,
        "value": found.value,
        "low": low,
        "high": high,
        "n": found.n,
        "rule": rule,
    }
    reason = Message("interval", figures)
    if low >= rule:
        return RuleResult("met", reason)
    if high < rule:
        return RuleResult("failed", reason)
    error = estimate_standard_error(low, high)
    return RuleResult(
        "open", reason, estimate_further_documents(found.value - rule, error, found.n)
    )


def find_figure(summary: Summary, name: str) -> Estimate | None:
    """The score, or the accuracy of the field, that has this name."""
    if name in summary.fields:
        return summary.fields[name].accuracy
    return summary.scores.get(name)


def widen_interval(found: Estimate, prompts: int) -> tuple[float, float]:
    """The interval at which the best of so many still errs one time in twenty."""
    assert found.value is not None  # noqa: S101
    assert found.low is not None  # noqa: S101
    assert found.high is not None  # noqa: S101
    by = NormalDist().inv_cdf(1 - 0.025 / prompts) / Z_95 if prompts > 1 else 1.0
    low, high = (
        found.value - by * (found.value - found.low),
        found.value + by * (found.high - found.value),
    )
    return max(0.0, low), min(1.0, high)


def _evaluate_upper_limit(summary: Summary, name: str, rule: float) -> RuleResult:
    value = UPPER_LIMITS[name](summary)
    if value is None:
        return RuleResult(
            "open", Message(_UNMEASURED_MESSAGES.get(name, "not_timed"), {"name": name})
        )
    figures = {"name": name, "value": value, "rule": rule}
    reason, met = Message("limit", figures), value <= rule
    if name == "max_error_rate":
        return RuleResult("met" if met else "open", reason)
    timed = summary.speed.timed
    if name == "p95_seconds" and timed < MIN_TIMED_FOR_P95:
        return RuleResult(
            "open", Message("few_timed", {**figures, "n": timed}), MIN_TIMED_FOR_P95 - timed
        )
    return RuleResult("met" if met else "failed", reason)


def _convert_to_gigabytes(size: int | None) -> float | None:
    return None if size is None else size / 1e9
