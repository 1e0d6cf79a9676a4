"""Plots of a run by matplotlib: SVG that stands in the page and takes its colours, PNG that a wiki can attach.

The same figures give the same bytes: no date, no random ids. Colours are named by what they stand for; in the page
they become variables of its style sheet, so that dark mode changes them too.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.types import Summary

SERIES = ("#0b61a4", "#b3541e", "#3d7a2a", "#8a3ffc", "#9b1c5a", "#00707a", "#7a5c00", "#5b5f97", "#c0392b", "#44546a")
COLOURS = {"#1b1f24": "ink", "#57606a": "muted", "#d0d7de": "rule"} | {c: f"s{n}" for n, c in enumerate(SERIES)}
INK, MUTED, RULE = list(COLOURS)[:3]
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "vlm-lab", "text.parse_math": False, "font.family": "DejaVu Sans",
    "font.size": 9, "axes.edgecolor": RULE, "axes.labelcolor": MUTED, "text.color": INK, "xtick.color": MUTED,
    "ytick.color": MUTED, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": RULE,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "figure.dpi": 100,
}  # fmt: skip
Draw = Callable[[Any], None]


def svg(draw: Draw, title: str, size: tuple[float, float] = (6.4, 3.8)) -> str:
    """The plot as an element for a page; `title` is what a screen reader says."""
    raw = _saved(draw, size, "svg")
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(raw)  # noqa: S314 - matplotlib's own output
    _plain(root)
    root.set("role", "img")
    root.set("aria-label", title)
    for side in ("width", "height"):
        root.attrib.pop(side, None)
    return ElementTree.tostring(root, encoding="unicode")


def png(draw: Draw, size: tuple[float, float] = (6.4, 3.8)) -> bytes:
    """The plot on white, for places that know no SVG."""
    return _saved(draw, size, "png")


def _saved(draw: Draw, size: tuple[float, float], form: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=140, transparent=form == "svg", metadata=metadata)
    return out.getvalue()


def _plain(root: ElementTree.Element) -> None:
    """Styles become attributes (the page's policy forbids inline styles), colours the page's variables."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}style", f"{{{SVG}}}metadata"):
                parent.remove(child)
    defined = {inner.get("id") for outer in root.iter(f"{{{SVG}}}defs") for inner in outer.iter()}
    for element in root.iter():
        if element.get("id") not in defined:
            element.attrib.pop("id", None)
        target = element.attrib.pop(f"{{{XLINK}}}href", None)  # HTML knows no name spaces
        if target:
            element.set("href", target)
        for name, value in _declared(element.attrib.pop("style", "")):
            element.set(name, value)
        for name in ("fill", "stroke"):
            colour = COLOURS.get(element.get(name, "").lower())
            if colour:
                element.set(name, f"var(--{colour})")


def _declared(style: str) -> list[tuple[str, str]]:
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


def name(summary: Summary) -> str:
    """`qwen2-vl-2b (terse)`"""
    return summary.candidate.label


def pareto(summaries: Sequence[Summary]) -> list[Summary]:
    """Those that no other beats both in F1 and in seconds, the fastest first."""
    best: list[Summary] = []
    for each in sorted(_placed(summaries), key=lambda s: (s.speed.median_seconds, -(s.scores["field_f1"].value or 0))):
        if not best or (each.scores["field_f1"].value or 0) > (best[-1].scores["field_f1"].value or 0):
            best.append(each)
    return best


def _placed(summaries: Sequence[Summary]) -> list[Summary]:
    return [
        each
        for each in summaries
        if each.speed.median_seconds and "field_f1" in each.scores and each.scores["field_f1"].value is not None
    ]


def accuracy_by_seconds(summaries: Sequence[Summary], words: Callable[[str], str]) -> Draw | None:
    """F1 with its interval against the median seconds a document, and the Pareto front."""
    placed = _placed(summaries)
    if not placed:
        return None

    def draw(axes: Any) -> None:
        front = [(each.speed.median_seconds, each.scores["field_f1"].value) for each in pareto(placed)]
        if len(front) > 1:
            axes.plot(*zip(*front, strict=True), color=MUTED, linestyle="--", linewidth=1, label=words("Pareto front"))
        for place, each in enumerate(placed):
            colour, (low, value, high) = SERIES[place % len(SERIES)], _ends(each)
            seconds = each.speed.median_seconds
            marker = "osD^vPX*<>"[place % 10]
            span = [[value - low], [high - value]]
            axes.errorbar(seconds, value, span, fmt=marker, color=colour, capsize=3, label=name(each))
        _seconds_axis(axes, [each.speed.median_seconds or 1 for each in placed], words("seconds a document, median"))
        axes.set_ylabel(words("field F1, 95 % interval"))
        _legend(axes)

    return draw


def _ends(summary: Summary) -> tuple[float, float, float]:
    """Low end, value and high end of F1; the value alone where there is no interval."""
    found = summary.scores["field_f1"]
    value = found.value or 0.0
    return value if found.low is None else found.low, value, value if found.high is None else found.high


def _seconds_axis(axes: Any, seconds: Sequence[float], label: str) -> None:
    """Logarithmic, with plain figures at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 1.6, max(seconds) * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def _legend(axes: Any) -> None:
    """Under the plot, where it takes no width away."""
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def latency(seconds: Mapping[str, Sequence[float]], words: Callable[[str], str]) -> Draw | None:
    """Share of documents that were answered within so many seconds, a step line a candidate; one reply is no line."""
    timed = {label: sorted(values) for label, values in seconds.items() if len(values) > 1}
    if not timed:
        return None

    def draw(axes: Any) -> None:
        for place, (label, values) in enumerate(timed.items()):
            shares = [100 * (rank + 1) / len(values) for rank in range(len(values))]
            axes.step(values, shares, where="post", color=SERIES[place % len(SERIES)], linewidth=1.4, label=label)
        every = [value for values in timed.values() for value in values if value > 0]
        _seconds_axis(axes, every or [1.0], words("seconds a document"))
        axes.set_ylim(0, 102)
        axes.set_ylabel(words("documents answered, %"))
        _legend(axes)

    return draw


def prompts(summaries: Sequence[Summary], words: Callable[[str], str]) -> Draw | None:
    """F1 with its interval, one line a prompt, models with several prompts alone."""
    models = [each.model for each in summaries]
    several = [each for each in summaries if models.count(each.model) > 1 and each.scores.get("field_f1")]
    several = [each for each in several if each.scores["field_f1"].value is not None]
    if not several:
        return None

    def draw(axes: Any) -> None:
        order = list(dict.fromkeys(each.model for each in several))
        for place, each in enumerate(reversed(several)):
            colour, (low, value, high) = SERIES[order.index(each.model) % len(SERIES)], _ends(each)
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
            axes.plot([value], [place], "o", color=colour)
        axes.set_yticks(range(len(several)), [name(each) for each in reversed(several)])
        axes.set_xlabel(words("field F1, 95 % interval"))

    return draw


def risk_coverage(curves: Mapping[str, Sequence[tuple[float, float]]], words: Callable[[str], str]) -> Draw | None:
    """Share right among the surest documents, by how many of them are booked without anybody looking."""
    known = {label: curve for label, curve in curves.items() if len(curve) > 1}
    if not known:
        return None

    def draw(axes: Any) -> None:
        for place, (label, curve) in enumerate(known.items()):
            axes.plot(*zip(*curve, strict=True), color=SERIES[place % len(SERIES)], linewidth=1.4, label=label)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_xlabel(words("share booked unseen, the surest first"))
        axes.set_ylabel(words("share of them right"))
        _legend(axes)

    return draw


def of_suite(own: Sequence[Summary], seen: Evidence, words: Callable[[str], str]) -> dict[str, Draw | None]:
    """Title -> plot of one suite's candidates; None where there is nothing to show."""
    known = [each.candidate for each in own if each.candidate in seen.worth]
    curves = {candidate.label: seen.worth[candidate].curve for candidate in known}
    return {
        words("Accuracy against seconds"): accuracy_by_seconds(own, words),
        words("Prompts compared"): prompts(own, words),
        words("Risk and coverage"): risk_coverage(curves, words),
    }
