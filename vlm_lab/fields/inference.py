"""Which type the values of a field have, where no schema says so."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from vlm_lab.fields.amounts import parse_amount, parse_quantity
from vlm_lab.types import Conventions

_DEFAULT_CONVENTIONS = Conventions()
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CODE_LIKE = re.compile(r"0\d+|\d{10,}|\d+ ?-")
MIN_CODE_DIGITS = 5  # digits of a number whose lost zeros anybody would miss


def infer_field_type(values: Sequence[Any]) -> str:
    """`boolean`, `amount`, `date` (ISO only), `quantity` (of pieces: `2`, `2 x`) where all values
    are, else `text`."""
    given_values = [value for value in values if value not in (None, "")]
    if not given_values:
        return "text"
    for name, is_of_type in TYPE_TESTS:
        if all(map(is_of_type, given_values)):
            return name
    return "text"


def is_numeric_code(value: Any) -> bool:
    """A JSON number with so many digits that it is a code."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) >= 10 ** (MIN_CODE_DIGITS - 1)
    )


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_iso_date(value: Any) -> bool:
    return isinstance(value, str) and bool(_ISO_DATE.fullmatch(value))


def _is_amount(value: Any) -> bool:
    """A number that nobody would want to be a code: no leading zero, no dash after it, not longer
    than amounts are."""
    return not _is_code_like(value) and parse_amount(value, _DEFAULT_CONVENTIONS) is not None


def _is_piece_count(value: Any) -> bool:
    quantity = None if _is_code_like(value) else parse_quantity(value, _DEFAULT_CONVENTIONS)
    return quantity is not None and quantity[1] == ""


def _is_code_like(value: Any) -> bool:
    return isinstance(value, str) and bool(_CODE_LIKE.fullmatch(value.strip()))


TYPE_TESTS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("boolean", _is_boolean),
    ("date", _is_iso_date),
    ("amount", _is_amount),
    ("quantity", _is_piece_count),
)
