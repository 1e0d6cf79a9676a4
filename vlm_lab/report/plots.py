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
    "svg.fonttype": "none", "svg.hashsalt": "vlm-lab", "text.parse_math": False, "font.family": "DejaVu Sans",
    "font.size": 9, "axes.edgecolor": RULE, "axes.labelcolor": MUTED, "text.color": INK, "xtick.color": MUTED,
    "ytick.color": MUTED, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": RULE,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "figure.dpi": 100,
}  # fmt: skip
DrawPlot = Callable[[Any], None]


def render_svg(draw: DrawPlot, title: str, size: tuple[float, float] = (6.4, 3.8)) -> str:
    """The plot as an element for a page; `title` is what a screen reader says."""
    raw = _render_figure(draw, size, "svg")
    ElementTree.register_namespace("", SVG_NAMESPACE)
    root = ElementTree.fromstring(raw)  # noqa: S314 - matplotlib's own output
    _convert_styles(root)
    root.set("role", "img")
    root.set("aria-label", title)
    for side in ("width", "height"):
        root.attrib.pop(side, None)
    return ElementTree.tostring(root, encoding="unicode")


def render_png(draw: DrawPlot, size: tuple[float, float] = (6.4, 3.8)) -> bytes:
    """The plot on white, for places that know no SVG."""
    return _render_figure(draw, size, "png")


def _render_figure(draw: DrawPlot, size: tuple[float, float], form: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = io.BytesIO()
    with mpl.rc_context(PLOT_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=140, transparent=form == "svg", metadata=metadata)
    return out.getvalue()


def _convert_styles(root: ElementTree.Element) -> None:
    """Styles become attributes (the page's policy forbids inline styles), colours the page's
    variables."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG_NAMESPACE}}}style", f"{{{SVG_NAMESPACE}}}metadata"):
                parent.remove(child)
    defined = {
        inner.get("id") for outer in root.iter(f"{{{SVG_NAMESPACE}}}defs") for inner in outer.iter()
    }
    for element in root.iter():
        if element.get("id") not in defined:
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
    made = []
    for part in filter(None, (each.strip() for each in style.split(";"))):
        name, _, value = part.partition(":")
        value = value.strip()
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            made.append(("font-size", size[1] if size else "12"))
        else:
            made.append((name, value))
    return made


def format_candidate(summary: Summary) -> str:
    """`qwen2-vl-2b (terse)`"""
    return summary.candidate.label


def find_pareto_front(summaries: Sequence[Summary]) -> list[Summary]:
    """Those that no other beats both in F1 and in seconds, the fastest first."""
    best: list[Summary] = []
    for each in sorted(
        _select_measured(summaries),
        key=lambda s: (s.speed.median_seconds, -(s.scores["field_f1"].value or 0)),
    ):
        if not best or (each.scores["field_f1"].value or 0) > (
            best[-1].scores["field_f1"].value or 0
        ):
            best.append(each)
    return best


def _select_measured(summaries: Sequence[Summary]) -> list[Summary]:
    return [
        each
        for each in summaries
        if each.speed.median_seconds
        and "field_f1" in each.scores
        and each.scores["field_f1"].value is not None
    ]


def plot_accuracy_by_seconds(
    summaries: Sequence[Summary], words: Callable[[str], str]
) -> DrawPlot | None:
    """F1 with its interval against the median seconds a document, and the Pareto front."""
    placed = _select_measured(summaries)
    if not placed:
        return None

    def draw(axes: Any) -> None:
        front = [
            (each.speed.median_seconds, each.scores["field_f1"].value)
            for each in find_pareto_front(placed)
        ]
        if len(front) > 1:
            axes.plot(
                *zip(*front, strict=True),
                color=MUTED,
                linestyle="--",
                linewidth=1,
                label=words("Pareto front"),
            )
        for place, each in enumerate(placed):
            colour, (low, value, high) = (
                SERIES_COLOURS[place % len(SERIES_COLOURS)],
                _get_interval(each),
            )
            seconds = each.speed.median_seconds
            marker = "osD^vPX*<>"[place % 10]
            span = [[value - low], [high - value]]
            axes.errorbar(
                seconds,
                value,
                span,
                fmt=marker,
                color=colour,
                capsize=3,
                label=format_candidate(each),
            )
        _set_seconds_axis(
            axes,
            [each.speed.median_seconds or 1 for each in placed],
            words("seconds a document, median"),
        )
        axes.set_ylabel(words("field F1, 95 % interval"))
        _add_legend(axes)

    return draw


def _get_interval(summary: Summary) -> tuple[float, float, float]:
    """Low end, value and high end of F1; the value alone where there is no interval."""
    found = summary.scores["field_f1"]
    value = found.value or 0.0
    return (
        value if found.low is None else found.low,
        value,
        value if found.high is None else found.high,
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
    seconds: Mapping[str, Sequence[float]], words: Callable[[str], str]
) -> DrawPlot | None:
    """Share of documents that were answered within so many seconds, a step line a candidate; one
    reply is no line."""
    timed = {label: sorted(values) for label, values in seconds.items() if len(values) > 1}
    if not timed:
        return None

    def draw(axes: Any) -> None:
        for place, (label, values) in enumerate(timed.items()):
            shares = [100 * (rank + 1) / len(values) for rank in range(len(values))]
            axes.step(
                values,
                shares,
                where="post",
                color=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                linewidth=1.4,
                label=label,
            )
        every = [value for values in timed.values() for value in values if value > 0]
        _set_seconds_axis(axes, every or [1.0], words("seconds a document"))
        axes.set_ylim(0, 102)
        axes.set_ylabel(words("documents answered, %"))
        _add_legend(axes)

    return draw


def plot_prompts(summaries: Sequence[Summary], words: Callable[[str], str]) -> DrawPlot | None:
    """F1 with its interval, one line a prompt, models with several prompts alone."""
    models = [each.model for each in summaries]
    several = [
        each for each in summaries if models.count(each.model) > 1 and each.scores.get("field_f1")
    ]
    several = [each for each in several if each.scores["field_f1"].value is not None]
    if not several:
        return None

    def draw(axes: Any) -> None:
        order = list(dict.fromkeys(each.model for each in several))
        for place, each in enumerate(reversed(several)):
            colour, (low, value, high) = (
                SERIES_COLOURS[order.index(each.model) % len(SERIES_COLOURS)],
                _get_interval(each),
            )
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
            axes.plot([value], [place], "o", color=colour)
        axes.set_yticks(range(len(several)), [format_candidate(each) for each in reversed(several)])
        axes.set_xlabel(words("field F1, 95 % interval"))

    return draw


def plot_risk_coverage(
    curves: Mapping[str, Sequence[tuple[float, float]]], words: Callable[[str], str]
) -> DrawPlot | None:
    """Share right among the surest documents, by how many of them are booked without anybody
    looking."""
    known = {label: curve for label, curve in curves.items() if len(curve) > 1}
    if not known:
        return None

    def draw(axes: Any) -> None:
        for place, (label, curve) in enumerate(known.items()):
            axes.plot(
                *zip(*curve, strict=True),
                color=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                linewidth=1.4,
                label=label,
            )
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_xlabel(words("share booked unseen, the surest first"))
        axes.set_ylabel(words("share of them right"))
        _add_legend(axes)

    return draw


def plot_suite(
    own: Sequence[Summary], seen: Evidence, words: Callable[[str], str]
) -> dict[str, DrawPlot | None]:
    """Title -> plot of one suite's candidates; None where there is nothing to show."""
    known = [each.candidate for each in own if each.candidate in seen.calibrations]
    curves = {candidate.label: seen.calibrations[candidate].curve for candidate in known}
    return {
        words("Accuracy against seconds"): plot_accuracy_by_seconds(own, words),
        words("Prompts compared"): plot_prompts(own, words),
        words("Risk and coverage"): plot_risk_coverage(curves, words),
    }
