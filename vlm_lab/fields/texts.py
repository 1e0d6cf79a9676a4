"""Words: free text, identifiers, names, addresses, tax ids, IBANs, booleans, lists of plain values.

What is a difference of format, and therefore no reading error: Unicode forms, case, line breaks and spaces everywhere
(a space between two digits counts: `1 5` is not `15`); punctuation in names and addresses; spaces, dots and dashes in
tax ids and IBANs, and the label before them (`VAT`, `ИНН`). Letters and digits never are, nor is a tax id's country.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from vlm_lab.fields.amounts import amount
from vlm_lab.types import Conventions

LONGEST = 200  # characters of a text that is remembered
_LIKE = {"-": "‐‑‒–—―−\ufffe", "'": "‘’‚′`´", '"': "“”„«»″", "": "\u00ad\u200b\ufeff"}
_DASHES = {ord(character): plain for plain, characters in _LIKE.items() for character in characters}

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
_SPACE = re.compile(r"(?<!\d) | (?!\d)")
_NUMBER_WORD = re.compile(r"(?:n[or°º]\.?|№|#)(?=\d)")
# What a tax id is called: as a key, its words apart or not, and printed before one. Before a number the tax's own
# name is a label, too, which as a key is an amount, and so are `uid` and `ein`, which as keys are anything.
TAX_ID_NAMES = (
    r"инн|унп|иин|бин|(?:vat|tax) ?(?:id(?:entification)?|number|num|no|nr|reg(?:istration)?|payer)+"
    r"|ust ?id(?:ent)?(?:nr|nummer)?|steuer ?(?:id|nummer|nr)+|nif|cif|p(?:artita)? ?iva|btw ?(?:nummer|nr|id)+|tin"
    r"|cnpj|gstin|abn|siret|siren"
)
TAX_ID_LABELS = rf"{TAX_ID_NAMES}|vat|mwst|tva|iva|btw|uid|ein"
TAX_ID_ENDING = r"(?<=\d)(?:mwst|tva|iva|tpv)$"
_TAX_LABEL = re.compile(rf"^(?:{TAX_ID_LABELS})(?=[a-z]{{0,3}}\d)")
_TRUE, _FALSE = {"true", "yes", "ja", "oui", "да", "x", "1"}, {"false", "no", "nein", "non", "нет", "0"}


def text(value: Any, conventions: Conventions) -> str | None:
    """NFKC, one kind of dash and quote, case folded, spaces only between digits."""
    return _plain(str(value)) if isinstance(value, str | int | float) else None


def identifier(value: Any, conventions: Conventions) -> str | None:
    """An invoice number: as text, but no space counts, nor does `No.`, `Nr.`, `№` or `#` before it."""
    if not isinstance(value, str | int | float):
        return None
    plain = _plain(str(value)).replace(" ", "")
    return _NUMBER_WORD.sub("", plain) or plain


def name(value: Any, conventions: Conventions) -> str | None:
    """A name without punctuation; a legal form counts, however it is written."""
    return _name(str(value)) if isinstance(value, str | int | float) else None


def address(value: Any, conventions: Conventions) -> str | None:
    """An address without punctuation and line breaks."""
    return _squeezed(_words(str(value))) if isinstance(value, str | int | float) else None


def tax_id(value: Any, conventions: Conventions) -> str | None:
    """Letters and digits: `DE 123.456.789` and `USt-IdNr. DE123456789` are `de123456789`; `123456789` is not."""
    found = _code(value)
    if found is None:
        return None
    bare = re.sub(TAX_ID_ENDING, "", _TAX_LABEL.sub("", found) or found)
    return f"el{bare[2:]}" if re.fullmatch(r"gr\d{9}", bare) else bare  # VIES writes Greece so


def iban(value: Any, conventions: Conventions) -> str | None:
    """Letters and digits, without the word before them."""
    found = _code(value)
    return None if found is None else found.removeprefix("iban") or found


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


def _code(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    plain = _plain(str(value))
    return re.sub(r"[\W_]", "", plain) or plain


def _remembered(function: Callable[[str], str]) -> Callable[[str], str]:
    """Alignment, comparison and kinds ask for the same short texts again and again; long ones are not kept."""
    short = lru_cache(maxsize=2048)(function)
    return lambda value: short(value) if len(value) <= LONGEST else function(value)


@_remembered
def _plain(value: str) -> str:
    return _squeezed(_folded(value))


@_remembered
def _name(value: str) -> str:
    dotless = re.sub(r"\b(\w)\.\s?(?=\w\b)", r"\1", _folded(value))  # G.m.b.H., S. A.
    return _squeezed(_FORMS.sub(lambda found: LEGAL_FORMS[found[0]], _words(dotless)))


def _words(value: str) -> str:
    """Letters and digits in words; what is nothing but punctuation stays as it is."""
    folded = _folded(value)
    return " ".join(re.sub(r"[\W_]+", " ", folded).split()) or folded


def _folded(value: str) -> str:
    if value.isascii():
        return " ".join(value.lower().translate(_DASHES).split())
    folded = unicodedata.normalize("NFKC", value).translate(_DASHES).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _squeezed(folded: str) -> str:
    return _SPACE.sub("", folded)
