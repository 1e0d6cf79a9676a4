"""Which type the values of a field have, where no schema says so."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from vlm_lab.fields.amounts import amount, quantity
from vlm_lab.types import Conventions

_ANY = Conventions()
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CODE = re.compile(r"0\d+|\d{10,}|\d+ ?-")
SHORTEST_CODE = 5  # digits of a number whose lost zeros anybody would miss


def guess(values: Sequence[Any]) -> str:
    """`boolean`, `amount`, `date` (ISO only), `quantity` (of pieces: `2`, `2 x`) where all values are, else `text`."""
    present = [value for value in values if value not in (None, "")]
    return next((name for name, fits in GUESSES if present and all(map(fits, present))), "text")


def is_number_code(value: Any) -> bool:
    """A JSON number with so many digits that it is a code."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 10 ** (SHORTEST_CODE - 1)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_iso_date(value: Any) -> bool:
    return isinstance(value, str) and bool(_ISO_DATE.fullmatch(value))


def _is_amount(value: Any) -> bool:
    """A number that nobody would want to be a code: no leading zero, no dash after it, not longer than amounts are."""
    return not (isinstance(value, str) and _CODE.fullmatch(value.strip())) and amount(value, _ANY) is not None


def _is_pieces(value: Any) -> bool:
    read = None if isinstance(value, str) and _CODE.fullmatch(value.strip()) else quantity(value, _ANY)
    return read is not None and read[1] == ""


GUESSES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("boolean", _is_boolean),
    ("date", _is_iso_date),
    ("amount", _is_amount),
    ("quantity", _is_pieces),
)
