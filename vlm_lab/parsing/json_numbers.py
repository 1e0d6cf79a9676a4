"""Numbers of a reply as it writes them: a digit that a model wrote is never lost to a number.

`2024.10` may be an invoice number and `004471` one with its zeros. A JSON number keeps its text for
as long as nobody knows what it is; what is no JSON number (`004471`, `1,234.56` without quotes) is
a text.
"""

import math
import re
from typing import Any

from vlm_lab.parsing.json_spans import JSON_TOKEN

MAX_INTEGER_DIGITS = 30  # longer ones are texts: nothing is computed with them
NUMBER_MARK = "\ue000"  # before what was no string in the text, in a repaired structure
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
# From a digit to what ends a value; after a key a comma goes on where a digit follows it.
_BARE_VALUE = re.compile(r"[-+]?\.?\d(?:[^\s\"{}\[\],:]|[,:](?=\d)| (?=[^\s\"{}\[\],/#]|/(?!/)))*")
_BARE_ITEM = re.compile(r"[-+]?\.?\d[^\s\"{}\[\],:]*(?=\s*[,\]])")


class PrintedFloat(float):
    """A number with a fraction or an exponent, and its digits as they were written."""

    text: str

    def __new__(cls, text: str) -> "PrintedFloat":
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type["PrintedFloat"], tuple[str]]:
        return PrintedFloat, (self.text,)


def parse_integer(literal: str) -> int | str:
    """A JSON integer; its text where that is too long to compute with, or -0."""
    return literal if len(literal) > MAX_INTEGER_DIGITS or literal == "-0" else int(literal)


def parse_float(literal: str) -> float | str:
    """A JSON number with a point or an exponent; its text where it is too large to be one."""
    number = float(literal)
    if not math.isfinite(number):
        return literal
    return number if repr(number) == literal else PrintedFloat(literal)


def mark_bare_numbers(text: str) -> str:
    """Broken JSON with each number that has no quotes in quotes, behind NUMBER_MARK: what repairs
    it then keeps its digits."""
    pieces, position, previous = [], 0, ""
    for token in JSON_TOKEN.finditer(text):
        if token.start() < position:
            continue
        lexeme = token[0]
        if previous in (":", "[", ",") and lexeme[0] not in '"{}[],:':
            pattern = _BARE_VALUE if previous == ":" else _BARE_ITEM
            number = pattern.match(text, token.start())
            if number:
                pieces += [text[position : token.start()], f'"{NUMBER_MARK}{number[0]}"']
                position = number.end()
                previous = '"'
                continue
        previous = lexeme
    return "".join([*pieces, text[position:]])


def restore_numbers(value: Any) -> Any:
    """A repaired structure with its marked texts as numbers where they are JSON's, else as
    texts."""
    if isinstance(value, dict):
        return {
            str(key).replace(NUMBER_MARK, ""): restore_numbers(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [restore_numbers(item) for item in value]
    if not isinstance(value, str) or NUMBER_MARK not in value:
        return value
    literal = value.replace(NUMBER_MARK, "")
    if not value.startswith(NUMBER_MARK) or not _JSON_NUMBER.fullmatch(literal):
        return literal
    is_integer = literal.removeprefix("-").isdecimal()
    return parse_integer(literal) if is_integer else parse_float(literal)
