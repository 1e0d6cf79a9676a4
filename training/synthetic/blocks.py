"""What every document is composed of: blocks of text, the table of rows over pages, totals, the
footer."""

from dataclasses import dataclass
from decimal import Decimal

from training.synthetic import number_formats
from training.synthetic.canvas import Sheet
from training.synthetic.lexicon import LABELS
from training.synthetic.reference import plain
from training.synthetic.values import CURRENCIES, RATES, Company, Line, Paper

BOTTOM, LEFT, RIGHT = 742.0, 48.0, 547.0
"""Where the body of an A4 page ends, and its margins, in points."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the values are printed: the marks of `number_formats.MARKS`, CLDR's date pattern, the
    table's style."""

    marks: str = "comma"
    dates: str = "dd.MM.y"
    table: str = "rules"


def company_lines(company: Company, language: str) -> list[str]:
    tax = f"{LABELS[language]['tax_id']} {company.tax_id}"
    return [company.name, company.street, company.city, tax]


def title(paper: Paper) -> str:
    return LABELS[paper.language]["credit" if paper.kind == "credit" else "invoice"]


def details(paper: Paper, look: Look) -> list[tuple[str, str]]:
    words = LABELS[paper.language]
    name = {"credit": "credit_number", "receipt": "slip_number"}.get(paper.kind, "number")
    rows = [
        (words[name], paper.number),
        (words["date"], number_formats.day(paper.issued, look.dates, paper.language)),
    ]
    due = (
        [(words["due"], number_formats.day(paper.due, look.dates, paper.language))]
        if paper.due
        else []
    )
    return rows + due


def pairs(
    sheet: Sheet, x: float, y: float, right: float, rows: list[tuple[str, str]], size: float = 9
) -> None:
    for index, (label, value) in enumerate(rows):
        sheet.text(x, y + index * size * 1.6, label, size, ink="#555555")
        sheet.text(right, y + index * size * 1.6, value, size, bold=True, align="right")


def table(sheet: Sheet, paper: Paper, look: Look, y: float) -> float:
    """The rows, on as many pages as they need; says where the next thing may stand."""
    y = table_head(sheet, paper, look, y)
    for index, line in enumerate(paper.lines):
        if y > BOTTOM - 16:
            y = table_head(sheet, paper, look, turn(sheet, paper))
        if look.table == "bands" and index % 2:
            sheet.box(LEFT, y - 11, RIGHT - LEFT, 16, fill="#eef1f4")
        row(sheet, paper, look, y, line)
        if look.table == "grid":
            sheet.rule(LEFT, y + 5, RIGHT, 0.4, "#888888")
        y += 16
    sheet.rule(LEFT, y - 8, RIGHT)
    return y + 10


def table_head(sheet: Sheet, paper: Paper, look: Look, y: float) -> float:
    words, ink = LABELS[paper.language], "#111111"
    if look.table == "bands":
        sheet.box(LEFT, y - 13, RIGHT - LEFT, 19, fill=sheet.colour)
        ink = "#ffffff"
    sheet.text(LEFT + 4, y, words["item"], 8.5, True, ink=ink)
    for x, key in ((355, "qty"), (450, "price"), (RIGHT - 4, "amount")):
        sheet.text(x, y, words[key], 8.5, True, "right", ink)
    sheet.rule(LEFT, y + 6, RIGHT, 0.9, sheet.colour)
    return y + 21


def row(sheet: Sheet, paper: Paper, look: Look, y: float, line: Line) -> None:
    sheet.text(LEFT + 4, y, line.description)
    quantity = Decimal(plain(line.quantity))
    sheet.text(355, y, number_formats.number(quantity, look.marks), align="right")
    sheet.text(450, y, number_formats.number(line.unit_price, look.marks), align="right")
    sheet.text(RIGHT - 4, y, number_formats.number(line.amount, look.marks), align="right")


def turn(sheet: Sheet, paper: Paper) -> float:
    footer(sheet, paper)
    sheet.next_page()
    sheet.text(LEFT, 52, f"{paper.seller.name} · {title(paper)} {paper.number}", 8.5, ink="#555555")
    return 84.0


def sums(paper: Paper, look: Look) -> list[tuple[str, str]]:
    words, language = LABELS[paper.language], paper.language
    net, tax, gross = (number_formats.money(value, look.marks, language) for value in paper.totals)
    return [
        (words["net"], net),
        (f"{words['tax']} {RATES[language]}\u00a0%", tax),
        (words["gross"], gross),
    ]


def totals(sheet: Sheet, paper: Paper, look: Look, y: float) -> None:
    if y > BOTTOM - 80:
        y = turn(sheet, paper)
    rows = sums(paper, look)
    pairs(sheet, 340, y, RIGHT - 4, rows[:2])
    sheet.rule(336, y + 20, RIGHT, 1, sheet.colour)
    pairs(sheet, 340, y + 35, RIGHT - 4, rows[2:], 11)
    if paper.balance is not None:
        owed = paper.totals[2] + paper.balance
        words, values = LABELS[paper.language], (paper.balance, owed)
        printed_values = [
            number_formats.money(value, look.marks, paper.language) for value in values
        ]
        rows = list(zip((words["balance"], words["all_due"]), printed_values, strict=True))
        pairs(sheet, 300, y + 58, RIGHT - 4, rows)
    sheet.text(LEFT, y + 35, words_of(paper)["terms"], 8, ink="#555555")


def words_of(paper: Paper) -> dict[str, str]:
    return LABELS[paper.language]


def footer(sheet: Sheet, paper: Paper) -> None:
    words = words_of(paper)
    sheet.rule(LEFT, 782, RIGHT, 0.4)
    sheet.text(
        LEFT, 796, f"{words['bank']}: {paper.seller.account} · {CURRENCIES[paper.language]}", 7.5
    )
    sheet.text(
        LEFT,
        808,
        f"{paper.seller.name}, {paper.seller.street}, {paper.seller.city}",
        7.5,
        ink="#555555",
    )
    sheet.text(RIGHT, 808, f"{words['page']} {sheet.page + 1}/{sheet.pages}", 7.5, align="right")
