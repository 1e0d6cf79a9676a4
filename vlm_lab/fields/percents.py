"""Percent: rates of taxes and discounts. `19 %`, `19` and `0.19` are one rate.

With a sign a number is what it says: `0.5 %` is half a percent. Without one, what is between 0 and
1 is a fraction, and from 1 on it is percent. The reference decides where that leaves a doubt: `0.5`
is what it asks for by `0.5 %` and by `50 %`, but half a percent with its sign is never fifty.
"""

import re
from decimal import Decimal
from typing import Any, NamedTuple

from vlm_lab.fields.amounts import EITHER_MARK, parse_tolerance
from vlm_lab.fields.folding import fold_text
from vlm_lab.fields.printed_numbers import convert_json_number, split_number
from vlm_lab.types import Conventions, Field

_SIGN = re.compile(
    r"%|\b(?:percent|per cent|pct|prozent|v\.? ?h|pour ?cent|por ?ciento|por ?cento|per ?cento"
    r"|procent|proc|процент(?:ов|а)?|відсотк\w{0,3}|yüzde)\b\.?"
)
_PER_MILLE = re.compile(r"‰|\b(?:per mill?e|promille)\b")
# What a rate is a rate of, as it is printed beside it.
_RATE_WORDS = (
    "vat gst hst pst tax mwst ust tva iva btw ндс пдв kdv moms mva dph ptu áfa alv φπα sales"
    " discount rate rabatt skonto remise descuento sconto скидка ставка taux"
)
TAX_WORDS = frozenset(_RATE_WORDS.split())


class Rate(NamedTuple):
    """A rate as it is written: its number, and whether a sign says that this is percent."""

    number: Decimal
    has_sign: bool

    @property
    def percent(self) -> Decimal:
        """The rate in percent; without a sign, what is below 1 is a fraction."""
        is_fraction = not self.has_sign and 0 < abs(self.number) < 1
        return self.number * 100 if is_fraction else self.number


def parse_percent(value: Any, conventions: Conventions) -> Decimal | None:
    """The rate in percent."""
    rate = _read_rate(value, conventions)
    return None if rate is None else rate.percent


def is_same_percent(
    field: Field,
    expected: Any,
    actual: Any,
    expected_conventions: Conventions,
    actual_conventions: Conventions,
) -> bool:
    """Whether two rates are one; a reply without a sign may be written as the reference's number or
    as its fraction."""
    expected_rate = _read_rate(expected, expected_conventions)
    actual_rate = _read_rate(actual, actual_conventions)
    if expected_rate is None or actual_rate is None:
        return False
    readings = {actual_rate.percent}
    if not actual_rate.has_sign and expected_rate.has_sign:
        readings.add(actual_rate.number)
    max_difference = parse_tolerance(field.tolerance)
    return any(abs(expected_rate.percent - reading) <= max_difference for reading in readings)


def _read_rate(value: Any, conventions: Conventions) -> Rate | None:
    if not isinstance(value, str):
        number = convert_json_number(value)
        return None if number is None else Rate(number, has_sign=False)
    text = fold_text(value).casefold()
    printed = split_number(text, EITHER_MARK)  # nobody prints a rate in thousands
    if printed is None:
        return None
    has_sign = bool(_SIGN.search(printed.rest))
    is_per_mille = bool(_PER_MILLE.search(printed.rest))
    rest = _PER_MILLE.sub(" ", _SIGN.sub(" ", printed.rest))
    if any(word.strip(".:") not in TAX_WORDS for word in rest.split()):
        return None
    number = printed.number / 10 if is_per_mille else printed.number
    return Rate(number, has_sign or is_per_mille)
