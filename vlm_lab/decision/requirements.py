"""One rule of models.yaml's `decide: require` held against one candidate: met, failed, or open.

Scores and field paths are lower limits and are judged by their interval: met only when all of it is above the rule,
failed only when all of it is below. Seconds, gigabytes, money and the error rate are upper limits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from vlm_lab.analysis.power import CERTAIN, further_documents, standard_error
from vlm_lab.analysis.statistics import SCORES
from vlm_lab.messages import Reason
from vlm_lab.types import Estimate, Summary

LIMITS: dict[str, Callable[[Summary], float | None]] = {
    "median_seconds": lambda summary: summary.speed.median_seconds,
    "p95_seconds": lambda summary: summary.speed.p95_seconds,
    "peak_memory_gb": lambda summary: _gigabytes(summary.speed.peak_memory_bytes),
    "cost_per_1000": lambda summary: summary.speed.cost_per_1000,
    "max_error_rate": lambda summary: summary.statuses.get("error", 0) / summary.documents,
}
TIMED_FOR_P95 = 20  # below, the 95th percentile is the slowest case
_UNMEASURED = {"cost_per_1000": "no_price", "peak_memory_gb": "no_memory"}


@dataclass(frozen=True, slots=True)
class Check:
    """`more` is how many further documents would settle an open one, where that is what is missing."""

    state: Literal["met", "failed", "open"]
    reason: Reason
    more: int | None = None


def check(summary: Summary, name: str, rule: float, prompts: int = 1) -> Check:
    """One rule. Where a model's best of several `prompts` is judged, its interval is widened (Bonferroni)."""
    if name in LIMITS:
        return _limit(summary, name, rule)
    found = figure(summary, name)
    if found is None:
        return Check("open", Reason("no_figure", {"name": name, "known": ", ".join([*SCORES, *LIMITS])}))
    if found.value is None or found.low is None or found.high is None:
        return Check("open", Reason("too_few", {"name": name, "n": found.n}))
    low, high = widened(found, prompts)
    figures = {"name": name, "value": found.value, "low": low, "high": high, "n": found.n, "rule": rule}
    reason = Reason("interval", figures)
    if low >= rule:
        return Check("met", reason)
    if high < rule:
        return Check("failed", reason)
    error = standard_error(low, high)
    return Check("open", reason, further_documents(found.value - rule, error, found.n))


def figure(summary: Summary, name: str) -> Estimate | None:
    """The score, or the accuracy of the field, that has this name."""
    if name in summary.fields:
        return summary.fields[name].accuracy
    return summary.scores.get(name)


def widened(found: Estimate, prompts: int) -> tuple[float, float]:
    """The interval at which the best of so many still errs one time in twenty."""
    assert found.value is not None  # noqa: S101
    assert found.low is not None  # noqa: S101
    assert found.high is not None  # noqa: S101
    by = NormalDist().inv_cdf(1 - 0.025 / prompts) / CERTAIN if prompts > 1 else 1.0
    low, high = found.value - by * (found.value - found.low), found.value + by * (found.high - found.value)
    return max(0.0, low), min(1.0, high)


def _limit(summary: Summary, name: str, rule: float) -> Check:
    value = LIMITS[name](summary)
    if value is None:
        return Check("open", Reason(_UNMEASURED.get(name, "not_timed"), {"name": name}))
    figures = {"name": name, "value": value, "rule": rule}
    reason, met = Reason("limit", figures), value <= rule
    if name == "max_error_rate":
        return Check("met" if met else "open", reason)
    timed = summary.speed.timed
    if name == "p95_seconds" and timed < TIMED_FOR_P95:
        return Check("open", Reason("few_timed", {**figures, "n": timed}), TIMED_FOR_P95 - timed)
    return Check("met" if met else "failed", reason)


def _gigabytes(size: int | None) -> float | None:
    return None if size is None else size / 1e9
