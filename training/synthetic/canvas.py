"""Paper to draw on: points from the top left corner, fonts from packages, and a record of where
every text went.

Roboto (Apache-2.0), Source Serif Pro (OFL) and DejaVu Sans Mono (its own free licence) come with
the `dev` extra.
"""

import importlib.util
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONTS = {
    "sans": ("font_roboto", "files/Roboto-Regular.ttf", "files/Roboto-Bold.ttf"),
    "serif": (
        "font_source_serif_pro",
        "files/SourceSerifPro-Regular.ttf",
        "files/SourceSerifPro-Bold.ttf",
    ),
    "mono": (
        "matplotlib",
        "mpl-data/fonts/ttf/DejaVuSansMono.ttf",
        "mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf",
    ),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A printed text: page from 0, left edge, baseline from the top and width in points."""

    page: int
    text: str
    x: float
    y: float
    width: float
    size: float


@cache
def register() -> None:
    for family, (package, regular, bold) in FONTS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(
                f"the samples' fonts are in {package}: pip install -e '.[dev]'"
            )
        folder = Path(spec.origin).parent
        pdfmetrics.registerFont(TTFont(family, str(folder / regular)))
        pdfmetrics.registerFont(TTFont(f"{family}-bold", str(folder / bold)))


class Sheet:
    """A PDF in the making; `pages` is the number of pages that a first pass counted, 0 in that
    pass."""

    def __init__(
        self,
        width: float,
        height: float,
        family: str,
        colour: str,
        rotate: bool = False,
        pages: int = 0,
    ):
        register()
        self.width, self.height, self.family, self.colour = width, height, family, colour
        self.rotate, self.pages, self.page = rotate, pages, 0
        self.placed: list[Placed] = []
        self._file = io.BytesIO()
        self.canvas = Canvas(
            self._file, pagesize=(width, height), invariant=True, pageCompression=1
        )
        self._open()

    def _open(self) -> None:
        if self.rotate:  # drawn turned the other way; reportlab itself swaps the page's sides
            self.canvas.setPageRotation(90)
            self.canvas.transform(0, 1, -1, 0, self.height, 0)

    def next_page(self) -> None:
        self.canvas.showPage()
        self.page += 1
        self._open()

    def finish(self) -> bytes:
        self.canvas.save()
        return self._file.getvalue()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 9,
        bold: bool = False,
        align: str = "left",
        ink: str = "#111111",
    ) -> None:
        font = f"{self.family}-bold" if bold else self.family
        width = pdfmetrics.stringWidth(text, font, size)
        left = x - {"left": 0.0, "right": 1.0, "center": 0.5}[align] * width
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(HexColor(ink))
        self.canvas.drawString(left, self.height - y, text)
        self.placed.append(Placed(self.page, text, left, y, width, size))

    def lines(
        self, x: float, y: float, texts: list[str], size: float = 9, align: str = "left"
    ) -> None:
        for index, text in enumerate(texts):
            self.text(x, y + index * size * 1.35, text, size, align=align)

    def rule(
        self, left: float, y: float, right: float, width: float = 0.6, ink: str = "#333333"
    ) -> None:
        self.canvas.setStrokeColor(HexColor(ink))
        self.canvas.setLineWidth(width)
        self.canvas.line(left, self.height - y, right, self.height - y)

    def box(
        self, left: float, top: float, width: float, height: float, fill: str = "", ink: str = ""
    ) -> None:
        self.canvas.setFillColor(HexColor(fill or "#ffffff"))
        self.canvas.setStrokeColor(HexColor(ink or "#333333"))
        self.canvas.setLineWidth(0.6)
        self.canvas.rect(
            left,
            self.height - top - height,
            width,
            height,
            fill=int(bool(fill)),
            stroke=int(bool(ink)),
        )

    def logo(self, x: float, y: float, shape: str, size: float = 34) -> None:
        """A company's mark in its colour: a ring, two bars or a leaning roof."""
        canvas, bottom = self.canvas, self.height - y - size
        canvas.setFillColor(HexColor(self.colour))
        if shape == "ring":
            canvas.circle(x + size / 2, bottom + size / 2, size / 2, stroke=0, fill=1)
            canvas.setFillColor(HexColor("#ffffff"))
            canvas.circle(x + size * 0.6, bottom + size * 0.6, size / 4, stroke=0, fill=1)
        elif shape == "bars":
            for step, tall in enumerate((0.5, 1.0, 0.75)):
                canvas.rect(x + step * size / 3, bottom, size / 4, size * tall, stroke=0, fill=1)
        else:
            path = canvas.beginPath()
            for turn, (right, up) in enumerate(
                ((0, 0), (size, 0), (size * 0.7, size), (size * 0.4, size * 0.35))
            ):
                (path.lineTo if turn else path.moveTo)(x + right, bottom + up)
            path.close()
            canvas.drawPath(path, stroke=0, fill=1)
