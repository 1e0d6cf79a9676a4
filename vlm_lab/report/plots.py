"""Summaries -> the plots of a run, each as a function that draws on matplotlib's axes.

What has nothing to show is None. `vlm_lab.report.plot_rendering` makes pictures of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.report.confidence_table import Curve, collect_confidence_curves
from vlm_lab.report.plot_rendering import MUTED, SERIES_COLOURS, DrawPlot
from vlm_lab.types import Estimate, Report, Summary, SweepCurve, SweepPoint

SERIES_MARKERS = "osD^vPX*<>"
MIN_REPLIES = 5  # of a candidate, of which a line of seconds says more than the table does
MAX_LEGEND_LETTERS = 30  # two columns of them fit under a plot


def format_candidate(summary: Summary) -> str:
    """`qwen2-vl-2b (terse)`"""
    return summary.candidate.label


def find_pareto_front(summaries: Sequence[Summary]) -> list[Summary]:
    """Those that no other beats both in F1 and in seconds, the fastest first."""
    front: list[Summary] = []
    best_f1 = -1.0
    for summary in sorted(_select_measured(summaries), key=_rank_speed):
        f1 = _get_f1(summary)
        if f1 > best_f1:
            front.append(summary)
            best_f1 = f1
    return front


def _rank_speed(summary: Summary) -> tuple[float, float]:
    """The fastest first, of equals the better one."""
    return summary.speed.median_seconds or 0.0, -_get_f1(summary)


def _get_f1(summary: Summary) -> float:
    return summary.scores["field_f1"].value or 0.0


def _has_f1(summary: Summary) -> bool:
    return "field_f1" in summary.scores and summary.scores["field_f1"].value is not None


def _select_measured(summaries: Sequence[Summary]) -> list[Summary]:
    return [summary for summary in summaries if summary.speed.median_seconds and _has_f1(summary)]


def plot_accuracy_by_seconds(
    summaries: Sequence[Summary], gettext: Callable[[str], str]
) -> DrawPlot | None:
    """F1 with its interval against the median seconds a document, and the Pareto front. One
    candidate alone is a row of the table and no comparison."""
    measured = _select_measured(summaries)
    if len(measured) < 2:
        return None

    def draw(axes: Any) -> None:
        _draw_pareto_front(axes, measured, gettext("Pareto front"))
        for position, summary in enumerate(measured):
            low, value, high = _get_interval(summary)
            axes.errorbar(
                summary.speed.median_seconds,
                value,
                [[value - low], [high - value]],
                fmt=SERIES_MARKERS[position % len(SERIES_MARKERS)],
                color=_choose_colour(position),
                capsize=3,
                label=format_candidate(summary),
            )
        seconds = [summary.speed.median_seconds or 1 for summary in measured]
        _set_seconds_axis(axes, seconds, gettext("seconds a document, median"))
        axes.set_ylabel(gettext("field F1, 95 % interval"))
        _add_legend(axes)

    return draw


def _draw_pareto_front(axes: Any, measured: Sequence[Summary], label: str) -> None:
    """A dashed line through those that nothing beats; one alone is no line."""
    front = find_pareto_front(measured)
    if len(front) > 1:
        seconds = [summary.speed.median_seconds for summary in front]
        f1_values = [_get_f1(summary) for summary in front]
        axes.plot(seconds, f1_values, color=MUTED, linestyle="--", linewidth=1, label=label)


def _choose_colour(position: int) -> str:
    return SERIES_COLOURS[position % len(SERIES_COLOURS)]


def _get_interval(summary: Summary) -> tuple[float, float, float]:
    """Low end, value and high end of F1."""
    return _get_ends(summary.scores["field_f1"])


def _get_ends(estimate: Estimate) -> tuple[float, float, float]:
    """Low end, value and high end; the value alone where there is no interval."""
    value = estimate.value or 0.0
    low = value if estimate.low is None else estimate.low
    high = value if estimate.high is None else estimate.high
    return low, value, high


def _set_seconds_axis(axes: Any, seconds: Sequence[float], label: str) -> None:
    """Logarithmic, with plain figures at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 1.6, max(seconds) * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def _add_legend(axes: Any) -> None:
    """Under the plot, where it takes no width away; a long name has its beginning there."""
    lines, labels = axes.get_legend_handles_labels()
    short_labels = [_shorten(label) for label in labels]
    axes.legend(
        lines,
        short_labels,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
    )


def _shorten(label: str) -> str:
    is_short = len(label) <= MAX_LEGEND_LETTERS
    return label if is_short else f"{label[: MAX_LEGEND_LETTERS - 1]}…"


def plot_latency(
    seconds: Mapping[str, Sequence[float]], gettext: Callable[[str], str]
) -> DrawPlot | None:
    """Share of documents that were answered within so many seconds, a step line a candidate."""
    sorted_seconds = {
        label: sorted(values) for label, values in seconds.items() if len(values) >= MIN_REPLIES
    }
    if not sorted_seconds:
        return None

    def draw(axes: Any) -> None:
        for position, (label, values) in enumerate(sorted_seconds.items()):
            shares = [100 * rank / len(values) for rank in range(1, len(values) + 1)]
            colour = _choose_colour(position)
            axes.step(values, shares, where="post", color=colour, linewidth=1.4, label=label)
        all_seconds = [value for values in sorted_seconds.values() for value in values if value > 0]
        _set_seconds_axis(axes, all_seconds or [1.0], gettext("seconds a document"))
        axes.set_ylim(0, 102)
        axes.set_ylabel(gettext("documents answered, %"))
        _add_legend(axes)

    return draw


def plot_prompts(summaries: Sequence[Summary], gettext: Callable[[str], str]) -> DrawPlot | None:
    """F1 with its interval, one line a prompt, models with several prompts alone."""
    models = [summary.model for summary in summaries]
    compared = [
        summary for summary in summaries if models.count(summary.model) > 1 and _has_f1(summary)
    ]
    if not compared:
        return None

    def draw(axes: Any) -> None:
        model_order = list(dict.fromkeys(summary.model for summary in compared))
        rows_from_below = compared[::-1]
        for position, summary in enumerate(rows_from_below):
            colour = _choose_colour(model_order.index(summary.model))
            low, value, high = _get_interval(summary)
            axes.plot([low, high], [position, position], color=colour, linewidth=1.6)
            axes.plot([value], [position], "o", color=colour)
        axes.set_yticks(range(len(compared)), [format_candidate(row) for row in rows_from_below])
        axes.set_ylim(-0.8, len(compared) - 0.2)
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(gettext("field F1, 95 % interval"))

    return draw


def format_sweep_title(curve: SweepCurve, gettext: Callable[[str], str]) -> str:
    """`Sweep of dpi: ocr (default)`"""
    return gettext("Sweep of %s: %s") % (curve.setting, curve.candidate.label)


def plot_sweep(curve: SweepCurve, gettext: Callable[[str], str]) -> DrawPlot | None:
    """F1 with its interval by the value of a setting, with the visual tokens under each value and
    the seconds, where any are known, on an axis of their own."""
    points = [point for point in curve.points if point.score.value is not None]
    if len(points) < 2:
        return None

    def draw(axes: Any) -> None:
        positions = range(len(points))
        intervals = [_get_ends(point.score) for point in points]
        below = [value - low for low, value, _ in intervals]
        above = [high - value for _, value, high in intervals]
        values = [value for _, value, _ in intervals]
        colour, seconds_colour = _choose_colour(0), _choose_colour(1)
        axes.errorbar(positions, values, [below, above], fmt="o-", color=colour, capsize=3)
        axes.set_xticks(positions, [_format_tick(point, gettext) for point in points])
        axes.set_xlabel(curve.setting)
        axes.set_ylabel(gettext("field F1, 95 % interval"), color=colour)
        seconds = [point.median_seconds for point in points]
        if not any(seconds):  # of batches
            return
        seconds_axes = axes.twinx()
        seconds_axes.grid(visible=False)
        known_seconds = [math.nan if value is None else value for value in seconds]
        seconds_axes.plot(positions, known_seconds, "s--", color=seconds_colour, linewidth=1)
        seconds_axes.set_ylim(bottom=0)
        seconds_axes.set_ylabel(gettext("seconds a document, median"), color=seconds_colour)

    return draw


def _format_tick(point: SweepPoint, gettext: Callable[[str], str]) -> str:
    if point.visual_tokens is None:
        return str(point.value)
    visual_tokens = gettext("%s visual tokens") % round(point.visual_tokens)
    return f"{point.value}\n{visual_tokens}"


def plot_risk_coverage(
    curves: Mapping[str, Sequence[tuple[float, float]]], gettext: Callable[[str], str]
) -> DrawPlot | None:
    """Share right among the surest documents, by how many of them are booked without anybody
    looking."""
    drawable_curves = {label: curve for label, curve in curves.items() if len(curve) > 1}
    if not drawable_curves:
        return None

    def draw(axes: Any) -> None:
        for position, (label, curve) in enumerate(drawable_curves.items()):
            coverages, shares_right = zip(*curve, strict=True)
            colour = _choose_colour(position)
            axes.plot(coverages, shares_right, color=colour, linewidth=1.4, label=label)
        _finish_risk_coverage(axes, gettext)

    return draw


def _finish_risk_coverage(axes: Any, gettext: Callable[[str], str]) -> None:
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_xlabel(gettext("share booked unseen, the surest first"))
    axes.set_ylabel(gettext("share of them right"))
    _add_legend(axes)


def plot_signal_curves(
    curves: Mapping[str, tuple[Curve, Curve]], gettext: Callable[[str], str]
) -> DrawPlot | None:
    """The same by all signals (a line a candidate) and by the one that a candidate has of itself
    (dashed, in its colour)."""
    drawable_curves = {label: pair for label, pair in curves.items() if len(pair[0]) > 1}
    if not drawable_curves:
        return None

    def draw(axes: Any) -> None:
        for position, (label, (together, single)) in enumerate(drawable_curves.items()):
            colour = _choose_colour(position)
            axes.plot(*zip(*together, strict=True), color=colour, linewidth=1.4, label=label)
            if len(single) > 1:
                axes.plot(*zip(*single, strict=True), "--", color=colour, linewidth=1)
        axes.plot([], [], "--", color=MUTED, linewidth=1, label=gettext("one signal alone"))
        _finish_risk_coverage(axes, gettext)

    return draw


def plot_suite(
    report: Report,
    summaries: Sequence[Summary],
    evidence: Evidence,
    gettext: Callable[[str], str],
) -> dict[str, DrawPlot | None]:
    """Title -> plot of one suite's candidates; None where there is nothing to show."""
    suites = {summary.suite for summary in summaries}
    candidates = [
        summary.candidate for summary in summaries if summary.candidate in evidence.calibrations
    ]
    sweeps = {
        format_sweep_title(curve, gettext): plot_sweep(curve, gettext)
        for curve in report.sweeps
        if curve.suite in suites
    }
    signal_curves = collect_confidence_curves(report, summaries)
    curves = {candidate.label: evidence.calibrations[candidate].curve for candidate in candidates}
    return {
        gettext("Accuracy against seconds"): plot_accuracy_by_seconds(summaries, gettext),
        **sweeps,
        gettext("Prompts compared"): plot_prompts(summaries, gettext),
        gettext("Risk and coverage"): plot_risk_coverage(curves, gettext),
        gettext("Risk and coverage by signals"): plot_signal_curves(signal_curves, gettext),
    }
