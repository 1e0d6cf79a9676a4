"""Where things stand on a page: each layout is a function that draws one document on a sheet, of
parts."""

from collections.abc import Callable
from decimal import Decimal

from training.synthetic import number_formats
from training.synthetic.blocks import (
    LEFT,
    RIGHT,
    Look,
    company_lines,
    details,
    footer,
    pairs,
    sums,
    table,
    title,
    totals,
    words_of,
)
from training.synthetic.canvas import Sheet
from training.synthetic.reference import plain
from training.synthetic.values import CURRENCIES, Paper

Layout = Callable[[Sheet, Paper, Look], None]
A4 = (595.0, 842.0)


def buyer(sheet: Sheet, paper: Paper, x: float, y: float) -> None:
    if paper.buyer:
        sheet.text(x, y, words_of(paper)["to"], 8, ink="#666666")
        sheet.lines(x, y + 15, company_lines(paper.buyer, paper.language), 9.5)


def body(sheet: Sheet, paper: Paper, look: Look, y: float) -> None:
    totals(sheet, paper, look, table(sheet, paper, look, y))
    footer(sheet, paper)


def classic(sheet: Sheet, paper: Paper, look: Look) -> None:
    """The seller's letterhead on the left, the title and the details on the right."""
    sheet.logo(LEFT, 44, "ring")
    sheet.lines(LEFT + 46, 54, company_lines(paper.seller, paper.language))
    sheet.text(RIGHT, 62, title(paper), 20, True, "right", sheet.colour)
    buyer(sheet, paper, LEFT, 140)
    pairs(sheet, 350, 150, RIGHT, details(paper, look))
    body(sheet, paper, look, 240)


def banner(sheet: Sheet, paper: Paper, look: Look) -> None:
    """A coloured bar over the page's width that carries the name and the title."""
    sheet.box(0, 0, sheet.width, 78, fill=sheet.colour)
    sheet.text(LEFT, 47, paper.seller.name, 17, True, ink="#ffffff")
    sheet.text(RIGHT, 47, title(paper), 15, align="right", ink="#ffffff")
    sheet.lines(LEFT, 104, company_lines(paper.seller, paper.language)[1:])
    pairs(sheet, 350, 104, RIGHT, details(paper, look))
    buyer(sheet, paper, LEFT, 170)
    body(sheet, paper, look, 268)


def window(sheet: Sheet, paper: Paper, look: Look) -> None:
    """A business letter: the sender in one small line above the window, the logo on the right."""
    seller = paper.seller
    sheet.logo(RIGHT - 34, 40, "bars")
    sheet.lines(RIGHT, 92, company_lines(seller, paper.language), 8.5, "right")
    sheet.text(LEFT, 124, f"{seller.name} · {seller.street} · {seller.city}", 7, ink="#666666")
    sheet.rule(LEFT, 128, 290, 0.4)
    buyer(sheet, paper, LEFT, 142)
    sheet.text(LEFT, 252, title(paper), 16, True)
    pairs(sheet, 350, 228, RIGHT, details(paper, look))
    body(sheet, paper, look, 292)


def centred(sheet: Sheet, paper: Paper, look: Look) -> None:
    """Everything of the seller in the middle, thin rules above and below."""
    sheet.logo(sheet.width / 2 - 15, 34, "roof", 30)
    sheet.text(sheet.width / 2, 86, paper.seller.name, 16, True, "center")
    sheet.text(
        sheet.width / 2,
        102,
        " · ".join(company_lines(paper.seller, paper.language)[1:]),
        8.5,
        align="center",
    )
    sheet.rule(LEFT, 112, RIGHT)
    sheet.text(sheet.width / 2, 138, title(paper), 14, align="center", ink=sheet.colour)
    buyer(sheet, paper, LEFT, 170)
    pairs(sheet, 350, 180, RIGHT, details(paper, look))
    body(sheet, paper, look, 268)


def form(sheet: Sheet, paper: Paper, look: Look) -> None:
    """A printed form: seller, buyer and details each in a box."""
    sheet.text(LEFT, 60, title(paper), 18, True)
    sheet.logo(RIGHT - 30, 36, "roof", 30)
    for left, width in ((LEFT, 245), (LEFT + 253, RIGHT - LEFT - 253)):
        sheet.box(left, 78, width, 84, ink="#555555")
    sheet.lines(LEFT + 8, 98, company_lines(paper.seller, paper.language), 9.5)
    buyer(sheet, paper, LEFT + 261, 93)
    sheet.box(LEFT, 170, RIGHT - LEFT, 56, ink="#555555")
    pairs(sheet, LEFT + 8, 186, LEFT + 237, details(paper, look))
    body(sheet, paper, look, 256)


def slip(sheet: Sheet, paper: Paper, look: Look) -> None:
    """A small invoice on a card of A6, set large: little text."""
    right, words = sheet.width - 20, words_of(paper)
    sheet.logo(20, 18, "bars", 22)
    sheet.lines(50, 27, company_lines(paper.seller, paper.language), 7.5)
    sheet.text(20, 88, title(paper), 13, True, ink=sheet.colour)
    pairs(sheet, 20, 106, right, details(paper, look), 8.5)
    if paper.buyer:
        sheet.text(20, 156, f"{words['to']}: {paper.buyer.name}", 8)
        sheet.text(20, 168, f"{words['tax_id']} {paper.buyer.tax_id}", 8)
    small_rows(sheet, paper, look, 192)


def till(sheet: Sheet, paper: Paper, look: Look) -> None:
    """A till's roll: everything centred above the rows."""
    middle = sheet.width / 2
    sheet.text(middle, 30, paper.seller.name, 9, True, "center")
    sheet.lines(middle, 44, company_lines(paper.seller, paper.language)[1:], 7.5, "center")
    sheet.text(middle, 86, words_of(paper)["receipt"], 10, True, "center")
    pairs(sheet, 20, 104, sheet.width - 20, details(paper, look), 7.5)
    y = small_rows(sheet, paper, look, 142)
    sheet.text(middle, y + 12, words_of(paper)["thanks"], 7.5, align="center")


def counter(sheet: Sheet, paper: Paper, look: Look) -> None:
    """A shop's receipt with its mark, set to the left."""
    sheet.logo(sheet.width - 46, 18, "ring", 26)
    sheet.text(20, 30, paper.seller.name, 10, True, ink=sheet.colour)
    sheet.lines(20, 44, company_lines(paper.seller, paper.language)[1:], 7.5)
    sheet.rule(20, 74, sheet.width - 20, 1.2, sheet.colour)
    pairs(sheet, 20, 90, sheet.width - 20, details(paper, look), 8)
    small_rows(sheet, paper, look, 130)


def small_rows(sheet: Sheet, paper: Paper, look: Look, y: float) -> float:
    """Each row in two lines: the name, then `2 x 3.40` and the amount; under them the totals."""
    right = sheet.width - 20
    sheet.rule(20, y - 11, right)
    for line in paper.lines:
        sheet.text(20, y, line.description, 8)
        quantity = number_formats.number(Decimal(plain(line.quantity)), look.marks)
        sheet.text(
            28, y + 10, f"{quantity} x {number_formats.number(line.unit_price, look.marks)}", 8
        )
        sheet.text(right, y + 10, number_formats.number(line.amount, look.marks), 8, align="right")
        y += 24
    sheet.rule(20, y - 7, right)
    pairs(sheet, 20, y + 6, right, sums(paper, look), 8.5)
    sheet.text(20, y + 48, CURRENCIES[paper.language], 7, ink="#555555")
    return y + 48


LAYOUTS: dict[str, tuple[Layout, str]] = {
    "classic": (classic, "sans"),
    "banner": (banner, "sans"),
    "window": (window, "sans"),
    "centred": (centred, "serif"),
    "form": (form, "sans"),
    "slip": (slip, "sans"),
    "till": (till, "mono"),
    "counter": (counter, "sans"),
}
"""Each layout and the family it is set in."""


def size(layout: str, rows: int) -> tuple[float, float]:
    """Width and height in points: A4, or a card or roll as long as its rows."""
    heights = {"slip": 270.0, "till": 240.0, "counter": 210.0}
    return (236.0, heights[layout] + 24 * rows) if layout in heights else A4
