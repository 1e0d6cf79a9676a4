"""Words: free text, identifiers, names, addresses, tax ids, IBANs, booleans, lists of plain values.

What is a difference of format, and therefore no reading error: Unicode forms, spaces, line breaks and case everywhere;
punctuation in names and addresses; spaces, dots and dashes in numbers that are codes. Letters and digits never are.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from vlm_lab.amounts import amount
from vlm_lab.types import Conventions

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−\ufffe"), "-") | dict.fromkeys(map(ord, "‘’‚′`´"), "'")
_DASHES |= dict.fromkeys(map(ord, "“”„«»″"), '"') | {0xAD: None, 0x200B: None, 0xFEFF: None}

# Legal forms that are printed in full or short; the form itself is part of a name and must be right.
LEGAL_FORMS = {
    "общество с ограниченной ответственностью": "ооо",
    "публичное акционерное общество": "пао",
    "акционерное общество": "ао",
    "индивидуальный предприниматель": "ип",
    "gesellschaft mit beschränkter haftung": "gmbh",
    "aktiengesellschaft": "ag",
    "société à responsabilité limitée": "sarl",
    "société anonyme": "sa",
    "limited liability company": "llc",
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
}
_FORMS = re.compile(r"\b(" + "|".join(sorted(LEGAL_FORMS, key=len, reverse=True)) + r")\b")
_TRUE, _FALSE = {"true", "yes", "ja", "oui", "да", "x", "1"}, {"false", "no", "nein", "non", "нет", "0"}


def text(value: Any, conventions: Conventions) -> str | None:
    """NFKC, one kind of dash and quote, one space, case folded."""
    return _plain(str(value)) if isinstance(value, str | int | float) else None


def identifier(value: Any, conventions: Conventions) -> str | None:
    """An invoice number: as text, but spaces do not count."""
    return _plain(str(value)).replace(" ", "") if isinstance(value, str | int | float) else None


def name(value: Any, conventions: Conventions) -> str | None:
    """A name without punctuation; a legal form counts, however it is written."""
    return _name(value) if isinstance(value, str) else text(value, conventions)


def address(value: Any, conventions: Conventions) -> str | None:
    """An address without punctuation and line breaks."""
    return _words(value) if isinstance(value, str) else text(value, conventions)


def code(value: Any, conventions: Conventions) -> str | None:
    """A tax id or an IBAN: letters and digits alone, so `DE 123.456.789` is `DE123456789`."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return re.sub(r"[\W_]", "", _plain(str(value)))


def boolean(value: Any, conventions: Conventions) -> bool | None:
    """True or false, also as a word."""
    word = _plain(str(value)) if isinstance(value, str | int) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def values(value: Any, conventions: Conventions) -> Hashable | None:
    """A list of plain values, whatever their order: numbers as amounts, the rest as text."""
    if not isinstance(value, list):
        return None
    return frozenset(Counter(_item(each, conventions) for each in value).items())


def _item(value: Any, conventions: Conventions) -> Hashable:
    number = amount(value, conventions)
    return number if number is not None else text(value, conventions) or repr(value)


@lru_cache(maxsize=16384)
def _plain(value: str) -> str:
    if value.isascii():
        return " ".join(value.lower().split())
    folded = unicodedata.normalize("NFKC", value).translate(_DASHES).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


@lru_cache(maxsize=16384)
def _words(value: str) -> str:
    """Letters and digits in words; what is nothing but punctuation stays as it is."""
    plain = _plain(value)
    return " ".join(re.sub(r"[\W_]+", " ", plain).split()) or plain


@lru_cache(maxsize=16384)
def _name(value: str) -> str:
    dotless = re.sub(r"\b(\w)\.\s?(?=\w\b)", r"\1", _plain(value))  # G.m.b.H., S. A.
    return _FORMS.sub(lambda found: LEGAL_FORMS[found[0]], _words(dotless))
