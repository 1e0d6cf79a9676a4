"""Sheets full of print to learn letters from: five times as many on a page as an invoice has, for
the same arithmetic.

Set in the layouts' fonts, sizes and inks, and treated as their paper is; what they say means
nothing.
"""

import random

from training.nano.random_documents import FORMS, any_word, company, dark
from training.nano.rendering import Picture, photographed
from training.synthetic.canvas import Sheet

WIDTH, MARGIN = 236.0, 8.0
INKS = ("#111111", "#111111", "#333333", "#666666")


def practice(chance: random.Random) -> Picture:
    """One sheet: lines of words, numbers, amounts and dates from edge to edge; it asks for no
    field."""
    family = chance.choice(("sans", "sans", "mono"))
    colour = dark(chance)
    sheet = Sheet(WIDTH, chance.randrange(280, 366), family, colour)
    y = MARGIN
    while y < sheet.height - 20:
        size = chance.choice((7.5, 7.5, 8, 8.5, 8.5, 9, 10, 13))
        y += size * chance.uniform(1.15, 1.5)
        line(chance, sheet, y, size)
    return photographed(chance, sheet.finish(), tuple(sheet.placed), family)


def line(chance: random.Random, sheet: Sheet, y: float, size: float) -> None:
    bold, ink = chance.random() < 0.4, chance.choice((*INKS, sheet.colour))
    x = MARGIN + chance.uniform(0, 16)
    while True:
        text = scribble(chance)
        sheet.text(x, y, text, size, bold, ink=ink)
        x += sheet.placed[-1].width + chance.uniform(0.25, 1.2) * size
        if x > WIDTH - 40:
            break


def scribble(chance: random.Random) -> str:
    """A word or a number such as invoices have."""
    return chance.choices((number, text, oddity), (5, 4, 1.5))[0](chance)


def number(chance: random.Random) -> str:
    """Of any digits or, as easily lost count of, of two."""
    known = chance.choice(("0123456789", "0123456789", "".join(chance.sample("0123456789", 2))))
    digits = "".join(chance.choices(known, k=chance.randrange(2, 10)))
    mark = chance.choice((".", ",", "/", "-", " ", ".", ","))
    money = (
        f"{chance.choice(('', '', '£'))}{digits[:5]}"
        f"{chance.choice('.,')}{digits[-2:]}{chance.choice(('', ' €'))}"
    )
    return chance.choice(
        (money, digits, mark.join((digits[:2], digits[-2:], digits[:4])), f"INV{digits}")
    )


def text(chance: random.Random) -> str:
    name = company(chance, chance.choice(tuple(FORMS)), any_word).name
    return chance.choice(
        (any_word(chance), any_word(chance).lower(), any_word(chance).upper()[:8], name, name)
    )


def oddity(chance: random.Random) -> str:
    known = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&:%°n.,-/'+éèàüöäß"
    return "".join(chance.choices(known, k=chance.randrange(2, 8)))
