"""Which type the values of a field have, where no schema says so."""

import re
from collections.abc import Sequence
from typing import Any

from vlm_lab.amounts import amount
from vlm_lab.types import Conventions

_ANY = Conventions()


def guess(values: Sequence[Any]) -> str:
    """`boolean`, `amount`, `date` (ISO only) where every value that is there is of it, else `text`."""
    present = [value for value in values if value not in (None, "")]
    for name, fits in (("boolean", _is_boolean), ("date", _is_iso_date), ("amount", _is_amount)):
        if present and all(map(fits, present)):
            return name
    return "text"


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_iso_date(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value))


def _is_amount(value: Any) -> bool:
    """A number that nobody would want to be a code: no leading zero, not longer than amounts are."""
    if isinstance(value, str) and re.fullmatch(r"0\d+|\d{10,}", value.strip()):
        return False
    return amount(value, _ANY) is not None
