"""Which type the values of a field have, where no schema says so; a key helps where numbers alone
do not tell (`tax_rate`)."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from vlm_lab.fields.amounts import parse_amount
from vlm_lab.fields.folding import fold_value
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.percents import parse_percent
from vlm_lab.fields.quantities import parse_quantity
from vlm_lab.fields.roles import is_percent_name
from vlm_lab.types import Conventions

_DEFAULT_CONVENTIONS = Conventions()
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.{0,40})?(?:Z|[+-]\d\d:\d\d)?")
_CODE_LIKE = re.compile(r"0\d+|\d{10,}|\d+ ?-")
MIN_CODE_DIGITS = 5  # digits of a number whose lost zeros anybody would miss
MAX_PERCENT = 100


def infer_field_type(values: Sequence[Any], key: str = "") -> str:
    """`boolean`, `percent`, `amount`, `date` (ISO only), `quantity` (of pieces: `2`, `2 x`) where
    all values are, else `text`."""
    given_values = [value for value in values if not says_nothing(value)]
    if not given_values:
        return "text"
    if is_percent_name(key) and all(map(is_plausible_percent, given_values)):
        return "percent"
    for name, is_of_type in TYPE_TESTS:
        if all(map(is_of_type, given_values)):
            return name
    return "text"


def is_plausible_percent(value: Any) -> bool:
    """Whether a value is a rate from nothing to a whole."""
    rate = parse_percent(value, _DEFAULT_CONVENTIONS)
    return rate is not None and abs(rate) <= MAX_PERCENT


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


def _is_signed_percent(value: Any) -> bool:
    has_sign = isinstance(value, str) and "%" in fold_value(value)
    return has_sign and parse_percent(value, _DEFAULT_CONVENTIONS) is not None


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
    ("percent", _is_signed_percent),
    ("amount", _is_amount),
    ("quantity", _is_piece_count),
)
