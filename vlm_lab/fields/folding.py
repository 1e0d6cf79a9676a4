"""A printed text -> the same text in plain characters: the one folding that every type reads.

Full-width and compatibility forms (NFKC), digits of any script, marks that cannot be seen (bidi,
zero width, soft hyphen), and the many dashes, quotes and spaces become one of each. Case, letters
and words stay. Raised digits stay apart from those before them: `10⁵` is not `105`.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any

MAX_CACHED_LENGTH = 200  # characters of a text that is remembered
_PLAIN_CHARACTERS = {
    "-": "‐‑‒–—―−﹣－\ufffe",
    "'": "‘’‚‛′`´ʼ＇٬",  # the last one groups Arabic thousands
    '"': "“”„‟«»″〝〞",
    ",": "،",  # Arabic comma, which is no separator of numbers
}
_PLAIN_BY_CODE = {
    ord(character): plain
    for plain, characters in _PLAIN_CHARACTERS.items()
    for character in characters
}
_PLAIN_BY_CODE[ord("№")] = " No "  # which NFKC would glue to what follows: `№17`
_PLAIN_BY_CODE[ord("٪")] = "%"
_RAISED_DIGITS = re.compile(r"(?<=\d)[⁰¹²³⁴-⁹₀-₉①-⓿❶-➓]+")
_VULGAR_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")


def fold_value(value: Any) -> Any:
    """The value with its text folded, or the texts in it where it is a list of plain values."""
    if isinstance(value, str):
        return fold_text(value)
    if isinstance(value, list):
        return [fold_text(item) if isinstance(item, str) else item for item in value]
    return value


def fold_text(text: str) -> str:
    """The text in plain characters; lines and case stay."""
    if text.isascii():
        return text
    return _fold_short_text(text) if len(text) <= MAX_CACHED_LENGTH else _fold_characters(text)


def _fold_characters(text: str) -> str:
    separated = _RAISED_DIGITS.sub(lambda match: f"^{match[0]}", text)
    separated = _VULGAR_FRACTION.sub(" ", separated)
    compatible = unicodedata.normalize("NFKC", separated.translate(_PLAIN_BY_CODE))
    plain = compatible.translate(_PLAIN_BY_CODE)
    return "".join(map(_fold_character, plain)) if not plain.isascii() else plain


def _fold_character(character: str) -> str:
    """A digit of any script as ours; nothing for a mark that cannot be seen."""
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return "" if category == "Cf" else character


_fold_short_text = lru_cache(maxsize=1024)(_fold_characters)
