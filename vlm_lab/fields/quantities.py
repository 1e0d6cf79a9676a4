"""Quantities: a number and its unit. Which way round `1,500` is read, the other side of a
comparison decides: quantities have three decimals as often as thousands.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from vlm_lab.fields.amounts import has_common_reading, parse_tolerance
from vlm_lab.fields.folding import fold_text
from vlm_lab.fields.printed_numbers import PrintedNumber, convert_json_number, split_number
from vlm_lab.fields.units import find_unit
from vlm_lab.types import Conventions, Field

TIMES_SIGNS = ("", "x", "×")
Quantity = tuple[Decimal, str]
_FRACTION = re.compile(r"(?:(\d{1,6}) )?(\d{1,2})⁄(\d{1,2})(?!\d)")  # 1½, folded


class _PrintedQuantity(NamedTuple):
    """A number with its unit; whether one says that these are pieces, which is no unit."""

    number: PrintedNumber
    unit: str = ""
    says_pieces: bool = False


def parse_quantity(value: Any, conventions: Conventions) -> Quantity | None:
    """Number and unit; pieces (`2 x`, `2 Stk.`, `2 C62`) are no unit, `2 kg` has one."""
    quantity = _read_quantity(value, conventions)
    return None if quantity is None else (quantity.number.number, quantity.unit)


def is_same_quantity(
    field: Field,
    expected: Any,
    actual: Any,
    expected_conventions: Conventions,
    actual_conventions: Conventions,
) -> bool:
    """Whether the numbers have a reading in common; a unit that only one side has is no difference,
    another unit is."""
    first = _read_quantity(expected, expected_conventions)
    second = _read_quantity(actual, actual_conventions)
    if first is None or second is None:
        return False
    if first.unit != second.unit and (_has_unit(first) and _has_unit(second)):
        return False
    return has_common_reading(first.number, second.number, parse_tolerance(field.tolerance))


def _has_unit(quantity: _PrintedQuantity) -> bool:
    return bool(quantity.unit or quantity.says_pieces)


def _read_quantity(value: Any, conventions: Conventions) -> _PrintedQuantity | None:
    if not isinstance(value, str):
        json_number = convert_json_number(value)
        return None if json_number is None else _PrintedQuantity(PrintedNumber(json_number))
    text = _FRACTION.sub(_write_decimal, fold_text(value))
    number = split_number(text, conventions.decimal_mark)
    if number is None:
        return None
    unit_before, unit_after = find_unit(number.before), find_unit(number.after)
    if unit_before is None or (unit_before and unit_after):  # `not 2`, `kg 2 l`
        return None
    if unit_after is None:
        unit_after = number.after.casefold().strip(". ")
        if any(map(str.isdigit, unit_after)):
            return None
    unit = unit_before or unit_after
    says_pieces = not unit and number.rest.casefold() not in TIMES_SIGNS
    return _PrintedQuantity(number, unit, says_pieces)


def _write_decimal(match: re.Match[str]) -> str:
    whole, numerator, denominator = match.groups()
    if not int(denominator):
        return match[0]
    number = int(whole or 0) + Fraction(int(numerator), int(denominator))
    return f"{float(number):.4f}".rstrip("0")
