"""A run's candidates that differ in one setting alone -> its curve, and the cheapest value that is
not worse than the best.

By the comparisons of the run, which are paired and corrected for all of its pairs. "Not shown to
be worse" is not "as good": that takes `decide: equivalence_margin`, and is said where it is shown.
A value at which documents were not answered is not compared: its F1 is of other documents.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from vlm_lab.analysis.comparison import HEADLINE_SCORE, find_comparison
from vlm_lab.decision.preference import (
    describe_comparison,
    get_sign,
    is_equivalent,
)
from vlm_lab.messages import Message
from vlm_lab.types import (
    CandidateKey,
    Comparison,
    Estimate,
    Report,
    Rules,
    Summary,
    SweepCurve,
    SweepPoint,
)

MARGIN_KEY = "decide: equivalence_margin"
UNASKED_STATUSES = ("error", "skipped", "not_run")


class _ToBest(NamedTuple):
    """How the best value compares with another."""

    is_worse: bool = False
    is_alike: bool = False
    difference: Message | None = None


def build_sweep_curves(report: Report, rules: Rules) -> list[SweepCurve]:
    """A curve for each suite, model and prompt that was swept; `report` has its comparisons."""
    curves = []
    for sweep in report.run.get("sweeps") or ():
        summaries = [each for each in report.summaries if each.model in sweep["values"]]
        for suite, prompt_id in dict.fromkeys((each.suite, each.prompt_id) for each in summaries):
            points = [
                _build_point(each, sweep["values"][each.model])
                for each in summaries
                if (each.suite, each.prompt_id) == (suite, prompt_id)
            ]
            points.sort(key=lambda point: point.value)
            candidate = CandidateKey(suite, sweep["model"], prompt_id)
            curves.append(_build_curve(candidate, sweep["setting"], points, report, rules))
    return curves


def rank_by_cost(points: Sequence[SweepPoint]) -> list[SweepPoint]:
    """The cheapest first: by visual tokens, where these are alike by seconds (of the scenario
    `offline`: by its documents a second), then by the value itself. What is not known of all of
    them ranks none."""
    has_tokens = all(point.visual_tokens is not None for point in points)
    has_seconds = all(point.median_seconds is not None for point in points)
    has_rates = all(point.documents_per_second is not None for point in points)

    def get_cost(point: SweepPoint) -> tuple[float, float, float, float]:
        tokens = (point.visual_tokens or 0.0) if has_tokens else 0.0
        seconds = (point.median_seconds or 0.0) if has_seconds else 0.0
        rate = (point.documents_per_second or 0.0) if has_rates else 0.0
        return tokens, seconds, -rate, point.value

    return sorted(points, key=get_cost)


def _build_point(summary: Summary, value: int | float) -> SweepPoint:
    throughput = summary.speed.throughput
    return SweepPoint(
        value=value,
        model=summary.model,
        score=summary.scores.get(HEADLINE_SCORE, Estimate(None)),
        documents=summary.documents,
        unasked=sum(summary.statuses.get(status, 0) for status in UNASKED_STATUSES),
        visual_tokens=summary.speed.visual_tokens,
        median_seconds=summary.speed.median_seconds,
        documents_per_second=throughput.documents_per_second if throughput else None,
    )


def _build_curve(
    candidate: CandidateKey,
    setting: str,
    points: Sequence[SweepPoint],
    report: Report,
    rules: Rules,
) -> SweepCurve:
    judged = [point for point in points if point.score.value is not None and not point.unasked]
    ranked = rank_by_cost(judged)
    figures = {"candidate": candidate.label, "setting": setting, "n": len(ranked)}
    cheapest: int | float | None = None
    conclusion = Message("sweep_too_few", figures)
    if len(ranked) > 1:
        best = max(ranked, key=_get_score)
        margin = rules.equivalence_margin
        to_best = dict(_compare_with_best(candidate, setting, best, ranked, report, margin))
        points = [replace(each, is_worse=_is_worse(each, to_best)) for each in points]
        cheapest, conclusion = _conclude(figures, ranked, best, to_best, margin)
    left_out = [str(point.value) for point in points if point.unasked]
    if left_out:
        more = {"what": conclusion, "setting": setting, "values": left_out}
        conclusion = Message("sweep_left_out", more)
    return SweepCurve(
        **candidate._asdict(),
        setting=setting,
        points=tuple(points),
        conclusion=conclusion,
        cheapest=cheapest,
    )


def _compare_with_best(
    candidate: CandidateKey,
    setting: str,
    best: SweepPoint,
    ranked: Sequence[SweepPoint],
    report: Report,
    margin: float | None,
) -> Iterator[tuple[str, _ToBest]]:
    """By model; the best itself is as good as the best."""
    comparisons = [each for each in report.comparisons if each.suite == candidate.suite]
    first = best.model, candidate.prompt_id
    for point in ranked:
        if point is best:
            yield point.model, _ToBest(is_alike=True)
            continue
        second = point.model, candidate.prompt_id
        found = find_comparison(comparisons, first, second, HEADLINE_SCORE)
        label = f"{setting} {best.value}"
        yield (
            point.model,
            _ToBest(
                is_worse=found is not None and _is_better(found, first),
                is_alike=found is not None and is_equivalent(found, margin),
                difference=describe_comparison(found, first, label, HEADLINE_SCORE),
            ),
        )


def _is_better(comparison: Comparison, first: tuple[str, str]) -> bool:
    difference = (comparison.difference.value or 0.0) * get_sign(comparison, first)
    return comparison.is_significant and difference > 0


def _is_worse(point: SweepPoint, to_best: Mapping[str, _ToBest]) -> bool:
    return to_best.get(point.model, _ToBest()).is_worse


def _get_score(point: SweepPoint) -> float:
    return point.score.value or 0.0


def _conclude(
    figures: Mapping[str, Any],
    ranked: Sequence[SweepPoint],
    best: SweepPoint,
    to_best: Mapping[str, _ToBest],
    margin: float | None,
) -> tuple[int | float, Message]:
    """The value to take, and how sure that is; a value that is shown to be as good goes before one
    of which nothing is shown."""
    alike = next(point for point in ranked if to_best[point.model].is_alike)
    not_worse = next(point for point in ranked if not to_best[point.model].is_worse)
    chosen = not_worse if alike is best else alike
    figures = {**figures, "value": str(chosen.value)}
    if chosen is best:
        kind = "sweep_cheapest" if chosen is ranked[0] else "sweep_best"
        return chosen.value, Message(kind, figures)
    figures["what"] = to_best[chosen.model].difference
    if alike is chosen:
        return chosen.value, Message("sweep_alike", {**figures, "limit": margin})
    conclusion = Message("sweep_not_worse", figures)
    if margin is None:
        conclusion = Message("sweep_no_margin", {"what": conclusion, "key": MARGIN_KEY})
    return chosen.value, conclusion
