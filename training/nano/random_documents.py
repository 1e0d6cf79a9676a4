"""Slips and receipts with invented words: sellers, streets and goods that no list has, so that
nothing can be learnt by heart. The samples that ship keep their own companies, which are never
drawn here.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from training.synthetic.blocks import Look
from training.synthetic.values import TAX_IDS, Company, Paper, bank_account, document_number, paper

KINDS = {"slip": "slip", "till": "receipt", "counter": "receipt"}
LOOKS = {
    "en": (("point",), ("dd/MM/y", "d MMMM y", "y-MM-dd")),
    "de": (("comma",), ("dd.MM.y", "d. MMMM y")),
    "fr": (("nbsp", "thin"), ("dd/MM/y", "d MMMM y")),
}
ONSETS = ["b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n",
          "p", "pr", "qu", "r", "s", "sch", "sh", "st", "t", "th", "tr", "v", "w", "y",
          "z"]  # fmt: skip
NUCLEI = ["a", "e", "i", "o", "u"] * 5 + ["ai", "ea", "ie", "ou", "ä", "ö", "ü", "é", "è", "â", "ê"]
CODAS = [
    "",
    "",
    "l",
    "m",
    "n",
    "nd",
    "ng",
    "r",
    "rn",
    "rs",
    "s",
    "st",
    "t",
    "ck",
    "x",
    "d",
    "lk",
    "ff",
    "ß",
]
FORMS = {
    "en": ("Ltd", "Ltd", "plc", "LLP"),
    "de": ("GmbH", "GmbH", "AG", "KG"),
    "fr": ("SARL", "SAS", "SA"),
}
LOWER, ACCENTED = "abcdefghijklmnopqrstuvwxyz", "äöüßéèàâêçëîïôùûœ"
STREETS = {
    "en": ("{} Lane", "{} Road", "{} Yard", "{} Wharf"),
    "de": ("{}weg", "Am {}", "{}kai", "{}stieg"),
    "fr": ("rue des {}", "quai {}", "avenue du {}", "chemin {}"),
}

Spell = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything about one document that is drawn by chance: values, layout and look."""

    paper: Paper
    layout: str
    look: Look
    colour: str


def word(chance: random.Random) -> str:
    """Two or three syllables: `Drauben`, `Kéthoust`."""
    parts = (
        chance.choice(options)
        for _ in range(chance.choice((2, 2, 3)))
        for options in (ONSETS, NUCLEI, CODAS)
    )
    return "".join(parts).capitalize()[:13]


def odd(chance: random.Random) -> str:
    """Two to thirteen letters in no order, at times the same few again: `Xaütge`, `Tattetae`.
    Nothing but reading them one by one helps, while syllables can be guessed."""
    known = chance.choice((LOWER, LOWER, LOWER + ACCENTED, "".join(chance.sample(LOWER, 4))))
    return "".join(chance.choices(known, k=chance.randrange(2, 14))).capitalize()


def any_word(chance: random.Random) -> str:
    """What training prints names of; examinations keep to `word`."""
    return chance.choice((word, odd))(chance)


def wish(
    chance: random.Random, layouts: tuple[str, ...] = tuple(KINDS), spell: Spell = word
) -> Wish:
    """One document: language, layout, one to four rows, marks, dates and a dark colour. `spell`
    makes the words of its names."""
    language, layout = chance.choice(tuple(LOOKS)), chance.choice(layouts)
    marks, dates = (chance.choice(choices) for choices in LOOKS[language])
    colour = dark(chance)
    drawn = invented(chance, language, KINDS[layout], chance.randrange(1, 5), spell)
    return Wish(drawn, layout, Look(marks, dates), colour)


def dark(chance: random.Random) -> str:
    """A colour that can be read on white."""
    return "#" + "".join(f"{chance.randrange(16, 144):02x}" for _ in range(3))


def invented(
    chance: random.Random, language: str, kind: str, rows: int, spell: Spell = word
) -> Paper:
    drawn = paper(chance, language, kind, rows)
    issued = date(2019, 1, 1) + timedelta(days=chance.randrange(9 * 365))
    return replace(
        drawn,
        number=document_number(chance, kind, issued.year),
        issued=issued,
        due=issued + timedelta(days=chance.choice((14, 30))) if drawn.due else None,
        seller=company(chance, language, spell),
        buyer=company(chance, language, spell) if drawn.buyer else None,
        lines=tuple(replace(line, description=goods(chance)) for line in drawn.lines),
    )


def company(chance: random.Random, language: str, spell: Spell = word) -> Company:
    first, second = spell(chance), spell(chance)
    form = chance.choice(FORMS[language])
    name = chance.choice(
        (f"{first} {form}", f"{first} & {second} {form}", f"{first} {second} {form}")
    )
    street = f"{chance.randrange(1, 240)} {chance.choice(STREETS[language]).format(word(chance))}"
    city = CITIES[language](chance)
    return Company(name, street, city, TAX_IDS[language](chance), bank_account(chance, language))


def goods(chance: random.Random) -> str:
    tail = chance.choice(
        ("", "", f", {chance.randrange(2, 60)} cm", f" {chance.randrange(2, 900)}")
    )
    return f"{word(chance)} {word(chance).lower()}{tail}"


def british_city(chance: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    area = "".join(chance.sample(letters, 2))
    return (
        f"{word(chance)} {area}{chance.randrange(1, 30)} "
        f"{chance.randrange(1, 10)}{''.join(chance.sample(letters, 2))}"
    )


def continental_city(chance: random.Random) -> str:
    return f"{chance.randrange(1000, 99999):05d} {word(chance)}"


CITIES: dict[str, Callable[[random.Random], str]] = {
    "en": british_city,
    "de": continental_city,
    "fr": continental_city,
}
