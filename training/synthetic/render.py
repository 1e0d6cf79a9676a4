"""From values and a layout to a PDF, its reference and the place of every text."""

from dataclasses import dataclass
from typing import Any

from training.synthetic.blocks import Look
from training.synthetic.canvas import Placed, Sheet
from training.synthetic.layouts import LAYOUTS, size
from training.synthetic.reference import reference
from training.synthetic.values import Paper


@dataclass(frozen=True, slots=True)
class Drawn:
    pdf: bytes
    reference: dict[str, Any]
    texts: tuple[Placed, ...]
    pages: int


def draw(
    paper: Paper, layout: str, look: Look, colour: str = "#1f4e79", rotate: bool = False
) -> Drawn:
    """Draw twice: the first pass counts the pages that `1/2` in the second one's footer needs."""
    pages = _pass(paper, layout, look, colour, rotate, 0).page + 1
    sheet = _pass(paper, layout, look, colour, rotate, pages)
    return Drawn(sheet.finish(), reference(paper), tuple(sheet.placed), pages)


def _pass(paper: Paper, layout: str, look: Look, colour: str, rotate: bool, pages: int) -> Sheet:
    function, family = LAYOUTS[layout]
    sheet = Sheet(*size(layout, len(paper.lines)), family, colour, rotate, pages)
    function(sheet, paper, look)
    return sheet
