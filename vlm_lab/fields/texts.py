"""Words: free text, identifiers, names, addresses, tax ids, IBANs, booleans, lists of plain values.

What is a difference of format, and therefore no reading error: Unicode forms, case, line breaks and
spaces everywhere (a space between two digits counts: `1 5` is not `15`); punctuation in names and
addresses; spaces, dots and dashes in tax ids and IBANs, and the label before them (`VAT`, `ИНН`).
Letters and digits never are, nor is a tax id's country.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from vlm_lab.fields.amounts import parse_amount
from vlm_lab.types import Conventions

MAX_CACHED_LENGTH = 200  # characters of a text that is remembered
_LOOKALIKES = {"-": "‐‑‒–—―−\ufffe", "'": "‘’‚′`´", '"': "“”„«»″", "": "\u00ad\u200b\ufeff"}
_LOOKALIKE_TABLE = {
    ord(character): plain for plain, characters in _LOOKALIKES.items() for character in characters
}

# Legal forms, printed in full or short; the form itself is part of a name and must be right.
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
_LEGAL_FORM = re.compile(r"\b(" + "|".join(sorted(LEGAL_FORMS, key=len, reverse=True)) + r")\b")
_INSIGNIFICANT_SPACE = re.compile(r"(?<!\d) | (?!\d)")
_NUMBER_LABEL = re.compile(r"(?:n[or°º]\.?|№|#)(?=\d)")
# What a tax id is called: as a key, its words apart or not, and printed before one. Before a number
# the tax's own name is a label, too, which as a key is an amount, and so are `uid` and `ein`, which
# as keys are anything.
TAX_ID_NAMES = (
    r"инн|унп|иин|бин"
    r"|(?:vat|tax) ?(?:id(?:entification)?|number|num|no|nr|reg(?:istration)?|payer)+"
    r"|ust ?id(?:ent)?(?:nr|nummer)?|steuer ?(?:id|nummer|nr)+|nif|cif|p(?:artita)? ?iva"
    r"|btw ?(?:nummer|nr|id)+|tin|cnpj|gstin|abn|siret|siren"
)
TAX_ID_LABELS = rf"{TAX_ID_NAMES}|vat|mwst|tva|iva|btw|uid|ein"
TAX_ID_ENDING = r"(?<=\d)(?:mwst|tva|iva|tpv)$"
_TAX_ID_LABEL = re.compile(rf"^(?:{TAX_ID_LABELS})(?=[a-z]{{0,3}}\d)")
_TRUE_WORDS = {"true", "yes", "ja", "oui", "да", "x", "1"}
_FALSE_WORDS = {"false", "no", "nein", "non", "нет", "0"}


def normalize_text(value: Any, conventions: Conventions) -> str | None:
    """NFKC, one kind of dash and quote, case folded, spaces only between digits."""
    return _normalize_plain_text(str(value)) if isinstance(value, str | int | float) else None


def normalize_identifier(value: Any, conventions: Conventions) -> str | None:
    """An invoice number: as text, but no space counts, nor `No.`, `Nr.`, `№` or `#` before it."""
    if not isinstance(value, str | int | float):
        return None
    plain = _normalize_plain_text(str(value)).replace(" ", "")
    return _NUMBER_LABEL.sub("", plain) or plain


def normalize_name(value: Any, conventions: Conventions) -> str | None:
    """A name without punctuation; a legal form counts, however it is written."""
    return _normalize_name_text(str(value)) if isinstance(value, str | int | float) else None


def normalize_address(value: Any, conventions: Conventions) -> str | None:
    """An address without punctuation and line breaks."""
    if not isinstance(value, str | int | float):
        return None
    return _remove_insignificant_spaces(_replace_punctuation(str(value)))


def normalize_tax_id(value: Any, conventions: Conventions) -> str | None:
    """Letters and digits: `DE 123.456.789` and `USt-IdNr. DE123456789` are `de123456789`;
    `123456789` is not."""
    code = _normalize_code(value)
    if code is None:
        return None
    unlabelled = re.sub(TAX_ID_ENDING, "", _TAX_ID_LABEL.sub("", code) or code)
    return (
        f"el{unlabelled[2:]}" if re.fullmatch(r"gr\d{9}", unlabelled) else unlabelled
    )  # VIES writes Greece so


def normalize_iban(value: Any, conventions: Conventions) -> str | None:
    """Letters and digits, without the word before them."""
    code = _normalize_code(value)
    return None if code is None else code.removeprefix("iban") or code


def parse_boolean(value: Any, conventions: Conventions) -> bool | None:
    """True or false, also as a word."""
    word = _normalize_plain_text(str(value)) if isinstance(value, str | int) else ""
    if word in _TRUE_WORDS:
        return True
    return False if word in _FALSE_WORDS else None


def normalize_list(value: Any, conventions: Conventions) -> Hashable | None:
    """A list of plain values, whatever their order: numbers as amounts, the rest as text."""
    if not isinstance(value, list):
        return None
    return frozenset(Counter(_normalize_item(item, conventions) for item in value).items())


def _normalize_item(value: Any, conventions: Conventions) -> Hashable:
    number = parse_amount(value, conventions)
    return number if number is not None else normalize_text(value, conventions) or repr(value)


def _normalize_code(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    plain = _normalize_plain_text(str(value))
    return re.sub(r"[\W_]", "", plain) or plain


def _cache_short_texts(normalize: Callable[[str], str]) -> Callable[[str], str]:
    """Alignment, comparison and error types ask for the same short texts again and again."""
    cached = lru_cache(maxsize=2048)(normalize)
    return lambda value: cached(value) if len(value) <= MAX_CACHED_LENGTH else normalize(value)


@_cache_short_texts
def _normalize_plain_text(value: str) -> str:
    return _remove_insignificant_spaces(_fold_characters(value))


@_cache_short_texts
def _normalize_name_text(value: str) -> str:
    undotted = re.sub(r"\b(\w)\.\s?(?=\w\b)", r"\1", _fold_characters(value))  # G.m.b.H., S. A.
    return _remove_insignificant_spaces(
        _LEGAL_FORM.sub(lambda match: LEGAL_FORMS[match[0]], _replace_punctuation(undotted))
    )


def _replace_punctuation(value: str) -> str:
    """Letters and digits in words; what is nothing but punctuation stays as it is."""
    folded = _fold_characters(value)
    return " ".join(re.sub(r"[\W_]+", " ", folded).split()) or folded


def _fold_characters(value: str) -> str:
    if value.isascii():
        return " ".join(value.lower().translate(_LOOKALIKE_TABLE).split())
    folded = unicodedata.normalize("NFKC", value).translate(_LOOKALIKE_TABLE).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _remove_insignificant_spaces(folded: str) -> str:
    return _INSIGNIFICANT_SPACE.sub("", folded)
