"""A drawn plot -> SVG that stands in the page and takes its colours, or PNG that a wiki can attach.

The same figures give the same bytes: no date, no random ids. Colours are named by what they stand
for; in the page they become variables of its style sheet, so that dark mode changes them too.
"""

import io
import re
from collections.abc import Callable
from functools import partial
from gettext import NullTranslations
from typing import Any
from xml.etree import ElementTree

from vlm_lab.localization import SOURCE_LANGUAGE, get_language, localize_figure
from vlm_lab.messages import ENGLISH

DrawPlot = Callable[[Any], None]
SERIES_COLOURS = (
    "#0b61a4", "#b3541e", "#3d7a2a", "#8a3ffc", "#9b1c5a", "#00707a", "#7a5c00", "#5b5f97",
    "#c0392b", "#44546a",
)  # fmt: skip
INK, MUTED, RULE = "#1b1f24", "#57606a", "#d0d7de"
COLOUR_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule"} | {
    colour: f"s{number}" for number, colour in enumerate(SERIES_COLOURS)
}
SVG_NAMESPACE = "http://www.w3.org/2000/svg"
XLINK_NAMESPACE = "http://www.w3.org/1999/xlink"
PLOT_STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "vlm-lab", "text.parse_math": False,
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": RULE,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "figure.dpi": 100,
}  # fmt: skip


def render_svg(
    draw: DrawPlot,
    title: str,
    size: tuple[float, float] = (4.8, 3.6),
    catalogue: NullTranslations = ENGLISH,
) -> str:
    """The plot as an element for a page; `title` is what a screen reader says."""
    source = _render_figure(draw, size, "svg", catalogue)
    ElementTree.register_namespace("", SVG_NAMESPACE)
    root = ElementTree.fromstring(source)  # noqa: S314 - matplotlib's own output
    _convert_styles(root)
    root.set("role", "img")
    root.set("aria-label", title)
    for dimension in ("width", "height"):
        root.attrib.pop(dimension, None)
    return ElementTree.tostring(root, encoding="unicode")


def render_png(
    draw: DrawPlot,
    size: tuple[float, float] = (6.4, 3.8),
    catalogue: NullTranslations = ENGLISH,
) -> bytes:
    """The plot on white, for places that know no SVG."""
    return _render_figure(draw, size, "png", catalogue)


def _render_figure(
    draw: DrawPlot, size: tuple[float, float], file_format: str, catalogue: NullTranslations
) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with mpl.rc_context(PLOT_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        _localize_ticks(figure, catalogue)
        metadata = {"Date": None, "Creator": None} if file_format == "svg" else {"Software": None}
        figure.savefig(
            buffer, format=file_format, dpi=140, transparent=file_format == "svg", metadata=metadata
        )
    return buffer.getvalue()


def _localize_ticks(figure: Any, catalogue: NullTranslations) -> None:
    """Numbers along the axes as the language writes them. matplotlib's own setting follows the
    process's locale, which may be another, or not be installed."""
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    if get_language(catalogue) == SOURCE_LANGUAGE:
        return
    figure.draw_without_rendering()  # only now it is known where the ticks are
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FixedFormatter):  # names, not numbers
                continue
            write = partial(_write_tick, formatter, catalogue)
            axis.set_major_formatter(FuncFormatter(write))


def _write_tick(formatter: Any, catalogue: NullTranslations, value: float, position: int) -> str:
    return localize_figure(formatter(value, position), catalogue)


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
        # HTML knows no name spaces.
        target = element.attrib.pop(f"{{{XLINK_NAMESPACE}}}href", None)
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
    for declaration in style.split(";"):
        name, colon, value = map(str.strip, declaration.partition(":"))
        if not colon:
            continue
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            attributes.append(("font-size", size[1] if size else "12"))
        else:
            attributes.append((name, value))
    return attributes
