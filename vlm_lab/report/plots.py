"""Plots of a run by matplotlib: SVG that stands in the page and takes its colours, PNG that a wiki
can attach.

The same figures give the same bytes: no date, no random ids. Colours are named by what they stand
for; in the page they become variables of its style sheet, so that dark mode changes them too.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.types import Summary

SERIES_COLOURS = (
    "#0b61a4",
    "#b3541e",
    "#3d7a2a",
    "#8a3ffc",
    "#9b1c5a",
    "#00707a",
    "#7a5c00",
    "#5b5f97",
    "#c0392b",
    "#44546a",
)
COLOUR_VARIABLES = {"#1b1f24": "ink", "#57606a": "muted", "#d0d7de": "rule"} | {
    c: f"s{n}" for n, c in enumerate(SERIES_COLOURS)
}
INK, MUTED, RULE = list(COLOUR_VARIABLES)[:3]
SVG_NAMESPACE = "http://www.w3.org/2000/svg"
XLINK_NAMESPACE = "http://www.w3.org/1999/xlink"
PLOT_STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "vlm-lab", "text.parse_math": False,
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": RULE,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "figure.dpi": 100,
}  # fmt: skip
DrawPlot = Callable[[Any], None]


def render_svg(draw: DrawPlot, title: str, size: tuple[float, float] = (6.4, 3.8)) -> str:
    """The plot as an element for a page; `title` is what a screen reader says."""
    source = _render_figure(draw, size, "svg")
    ElementTree.register_namespace("", SVG_NAMESPACE)
    root = ElementTree.fromstring(source)  # noqa: S314 - matplotlib's own output
    _convert_styles(root)
    root.set("role", "img")
    root.set("aria-label", title)
    for dimension in ("width", "height"):
        root.attrib.pop(dimension, None)
    return ElementTree.tostring(root, encoding="unicode")


def render_png(draw: DrawPlot, size: tuple[float, float] = (6.4, 3.8)) -> bytes:
    """The plot on white, for places that know no SVG."""
    return _render_figure(draw, size, "png")


def _render_figure(draw: DrawPlot, size: tuple[float, float], file_format: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with mpl.rc_context(PLOT_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        metadata = {"Date": None, "Creator": None} if file_format == "svg" else {"Software": None}
        figure.savefig(
            buffer, format=file_format, dpi=140, transparent=file_format == "svg", metadata=metadata
        )
    return buffer.getvalue()


def _convert_styles(root: ElementTree.Element) -> None:
    """Styles become attributes (the page's policy forbids inline styles), colours the page's
    variables."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG_NAMESPACE}}}style", f"{{{SVG_NAMESPACE}}}metadata"):
                parent.remove(child)
    defined_ids = {
        element.get("id")
        for definitions in root.iter(f"{{{SVG_NAMESPACE}}}defs")
        for element in definitions.iter()
    }
    for element in root.iter():
        if element.get("id") not in defined_ids:
            element.attrib.pop("id", None)
        target = element.attrib.pop(f"{{{XLINK_NAMESPACE}}}href", None)  # HTML knows no name spaces
        if target:
            element.set("href", target)
        for name, value in _parse_style(element.attrib.pop("style", "")):
            element.set(name, value)
        for name in ("fill", "stroke"):
            colour = COLOUR_VARIABLES.get(element.get(name, "").lower())
            if colour:
                element.set(name, f"var(--{colour})")


def _parse_style(style: str) -> list[tuple[str, str]]:
    attributes = []
    for part in filter(None, (declaration.strip() for declaration in style.split(";"))):
        name, _, value = part.partition(":")
        value = value.strip()
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            attributes.append(("font-size", size[1] if size else "12"))
        else:
            attributes.append((name, value))
    return attributes


def format_candidate(summary: Summary) -> str:
    """`qwen2-vl-2b (terse)`"""
    return summary.candidate.label


def find_pareto_front(summaries: Sequence[Summary]) -> list[Summary]:
    """Those that no other beats both in F1 and in seconds, the fastest first."""
    front: list[Summary] = []
    for summary in sorted(
        _select_measured(summaries),
        key=lambda summary: (
            summary.speed.median_seconds,
            -(summary.scores["field_f1"].value or 0),
        ),
    ):
        if not front or (summary.scores["field_f1"].value or 0) > (
            front[-1].scores["field_f1"].value or 0
        ):
            front.append(summary)
    return front


def _select_measured(summaries: Sequence[Summary]) -> list[Summary]:
    return [
        summary
        for summary in summaries
        if summary.speed.median_seconds
        and "field_f1" in summary.scores
        and summary.scores["field_f1"].value is not None
    ]


def plot_accuracy_by_seconds(
    summaries: Sequence[Summary], gettext: Callable[[str], str]
) -> DrawPlot | None:
    """F1 with its interval against the median seconds a document, and the Pareto front."""
    measured = _select_measured(summaries)
    if not measured:
        return None

    def draw(axes: Any) -> None:
        front = [
            (summary.speed.median_seconds, summary.scores["field_f1"].value)
            for summary in find_pareto_front(measured)
        ]
        if len(front) > 1:
            axes.plot(
                *zip(*front, strict=True),
                color=MUTED,
                linestyle="--",
                linewidth=1,
                label=gettext("Pareto front"),
            )
        for position, summary in enumerate(measured):
            colour, (low, value, high) = (
                SERIES_COLOURS[position % len(SERIES_COLOURS)],
                _get_interval(summary),
            )
            seconds = summary.speed.median_seconds
            marker = "osD^vPX*<>"[position % 10]
            error_bar = [[value - low], [high - value]]
            axes.errorbar(
                seconds,
                value,
                error_bar,
                fmt=marker,
                color=colour,
                capsize=3,
                label=format_candidate(summary),
            )
        _set_seconds_axis(
            axes,
            [summary.speed.median_seconds or 1 for summary in measured],
            gettext("seconds a document, median"),
        )
        axes.set_ylabel(gettext("field F1, 95 % interval"))
        _add_legend(axes)

    return draw


def _get_interval(summary: Summary) -> tuple[float, float, float]:
    """Low end, value and high end of F1; the value alone where there is no interval."""
    estimate = summary.scores["field_f1"]
    value = estimate.value or 0.0
    return (
        value if estimate.low is None else estimate.low,
        value,
        value if estimate.high is None else estimate.high,
    )


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
    """Under the plot, where it takes no width away."""
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def plot_latency(
    seconds: Mapping[str, Sequence[float]], gettext: Callable[[str], str]
) -> DrawPlot | None:
    """Share of documents that were answered within so many seconds, a step line a candidate; one
    reply is no line."""
    sorted_seconds = {label: sorted(values) for label, values in seconds.items() if len(values) > 1}
    if not sorted_seconds:
        return None

    def draw(axes: Any) -> None:
        for position, (label, values) in enumerate(sorted_seconds.items()):
            shares = [100 * (rank + 1) / len(values) for rank in range(len(values))]
            axes.step(
                values,
                shares,
                where="post",
                color=SERIES_COLOURS[position % len(SERIES_COLOURS)],
                linewidth=1.4,
                label=label,
            )
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
        summary
        for summary in summaries
        if models.count(summary.model) > 1 and summary.scores.get("field_f1")
    ]
    compared = [summary for summary in compared if summary.scores["field_f1"].value is not None]
    if not compared:
        return None

    def draw(axes: Any) -> None:
        model_order = list(dict.fromkeys(summary.model for summary in compared))
        for position, summary in enumerate(reversed(compared)):
            colour, (low, value, high) = (
                SERIES_COLOURS[model_order.index(summary.model) % len(SERIES_COLOURS)],
                _get_interval(summary),
            )
            axes.plot([low, high], [position, position], color=colour, linewidth=1.6)
            axes.plot([value], [position], "o", color=colour)
        axes.set_yticks(
            range(len(compared)), [format_candidate(summary) for summary in reversed(compared)]
        )
        axes.set_xlabel(gettext("field F1, 95 % interval"))

    return draw


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
            axes.plot(
                *zip(*curve, strict=True),
                color=SERIES_COLOURS[position % len(SERIES_COLOURS)],
                linewidth=1.4,
                label=label,
            )
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_xlabel(gettext("share booked unseen, the surest first"))
        axes.set_ylabel(gettext("share of them right"))
        _add_legend(axes)

    return draw


def plot_suite(
    summaries: Sequence[Summary], evidence: Evidence, gettext: Callable[[str], str]
) -> dict[str, DrawPlot | None]:
    """Title -> plot of one suite's candidates; None where there is nothing to show."""
    candidates = [
        candidate_summary.candidate
        for candidate_summary in summaries
        if candidate_summary.candidate in evidence.calibrations
    ]
    curves = {candidate.label: evidence.calibrations[candidate].curve for candidate in candidates}
    return {
        gettext("Accuracy against seconds"): plot_accuracy_by_seconds(summaries, gettext),
        gettext("Prompts compared"): plot_prompts(summaries, gettext),
        gettext("Risk and coverage"): plot_risk_coverage(curves, gettext),
    }
