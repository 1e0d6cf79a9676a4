"""Amounts: one printed number, with currencies, a sign or CR and DR around it.

A document uses one decimal mark: what its own amounts show, else what the suite says (see
`vlm_lab.fields.own_conventions`). Where neither tells, three digits behind a single mark are
thousands, unless the currency has three minor digits: a thousandfold error is wrong. Unit prices
may have three decimals, and are read as the other side of a comparison needs it.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from vlm_lab.fields.currencies import count_minor_digits, find_currencies, parse_currency
from vlm_lab.fields.folding import fold_text
from vlm_lab.fields.printed_numbers import PrintedNumber, convert_json_number, split_number
from vlm_lab.fields.roles import is_unit_price
from vlm_lab.fields.units import UNITS
from vlm_lab.types import Conventions, DocumentConventions, Field

DEFAULT_LANGUAGES = Conventions().languages
EITHER_MARK = ".,"  # the decimal mark of a currency with three minor digits, where nothing tells
_CREDIT = re.compile(r"(?<![^\W\d_])(?:cr|credit)\b\.?")  # $108.43 cr is owed to the reader
_DEBIT = re.compile(r"(?<![^\W\d_])(?:dr|debit)\b\.?")
_MINUS_WORD = re.compile(r"\b(?:minus|минус)\b")
_PER_UNIT = re.compile(r"(?:/|\bper|\bpro|\bpar|\bpor|\bза)\s?(?:1\s)?([^\s/\d]{1,12}\d?)\s?$")


def parse_amount(value: Any, conventions: Conventions) -> Decimal | None:
    """The number that is printed; its currency, on either side, is another field's matter."""
    amount = _read_amount(value, conventions)
    return None if amount is None else amount.number


def find_printed_currency(value: Any) -> str:
    """The ISO 4217 code of what is printed beside an amount (`12,00 €`), "" where that is none."""
    if not isinstance(value, str):
        return ""
    amount = _read_printed_amount(fold_text(value), "", "", DEFAULT_LANGUAGES)
    return (parse_currency(amount.rest, Conventions()) or "") if amount else ""


def is_same_amount(
    field: Field,
    expected: Any,
    actual: Any,
    expected_conventions: Conventions,
    actual_conventions: Conventions,
) -> bool:
    """Whether two amounts are equal within the tolerance, and in one currency where the reference
    names one."""
    expected_amount = _read_amount(expected, expected_conventions)
    actual_amount = _read_amount(actual, actual_conventions)
    if expected_amount is None or actual_amount is None:
        return False
    if not _may_be_one_currency(expected, actual, expected_conventions):
        return False
    max_difference = parse_tolerance(field.tolerance)
    if abs(expected_amount.number - actual_amount.number) <= max_difference:
        return True
    if is_unit_price(field.path):
        return has_common_reading(expected_amount, actual_amount, max_difference)
    # A reference with three decimals is none of money with two, so that neither is its answer.
    other_reading = None if actual_conventions.decimal_mark else actual_amount.other_reading
    has_decimals = _count_decimals(expected_amount.number) > 2
    if not has_decimals or other_reading is None or expected_amount.other_reading is not None:
        return False
    return abs(expected_amount.number - other_reading) <= max_difference


def _count_decimals(number: Decimal) -> int:
    """Digits behind the decimal mark, without zeros at the end."""
    exponent = number.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def has_common_reading(
    first: PrintedNumber, second: PrintedNumber, max_difference: Decimal
) -> bool:
    """Whether two numbers are equal in any of their readings: `1,500` and `1.5`."""
    return any(
        abs(one - other) <= max_difference
        for one in (first.number, first.other_reading)
        for other in (second.number, second.other_reading)
        if one is not None and other is not None
    )


def is_ambiguous_number(value: Any) -> bool:
    """Whether a printed number could be thousands or have three decimals."""
    number = split_number(fold_text(value)) if isinstance(value, str) else None
    return number is not None and number.other_reading is not None


@lru_cache(maxsize=64)
def parse_tolerance(text: str) -> Decimal:
    """A field's tolerance as a number."""
    return Decimal(text)


def _read_amount(value: Any, conventions: Conventions) -> PrintedNumber | None:
    if not isinstance(value, str):
        number = convert_json_number(value)
        return None if number is None else PrintedNumber(number)
    currency = conventions.currency if isinstance(conventions, DocumentConventions) else ""
    return _read_printed_amount(
        fold_text(value), conventions.decimal_mark, currency, conventions.languages
    )


@lru_cache(maxsize=1024)
def _read_printed_amount(
    text: str, decimal_mark: str, currency: str, languages: tuple[str, ...]
) -> PrintedNumber | None:
    amount = split_number(text, decimal_mark)
    if amount is None:
        return None
    words, is_credit = _split_words_of_sign(_PER_UNIT.sub(_drop_known_unit, amount.rest.casefold()))
    codes = find_currencies(words, languages)
    if codes is None:
        return None
    named_codes = codes or {currency} - {""}
    if not decimal_mark and named_codes and all(map(_has_three_minor_digits, named_codes)):
        amount = split_number(text, EITHER_MARK) or amount
    if is_credit and amount.number > 0:
        other_reading = None if amount.other_reading is None else -amount.other_reading
        return PrintedNumber(-amount.number, other_reading, words)
    return amount._replace(before="", after=words)


def _has_three_minor_digits(code: str) -> bool:
    return count_minor_digits(code) == 3


def _split_words_of_sign(rest: str) -> tuple[str, bool]:
    """What is no word of a sign, and whether one says that the amount is a credit."""
    without_credit = _CREDIT.sub(" ", rest)
    is_credit = without_credit != rest or bool(_MINUS_WORD.search(rest))
    return " ".join(_MINUS_WORD.sub(" ", _DEBIT.sub(" ", without_credit)).split()), is_credit


def _drop_known_unit(match: re.Match[str]) -> str:
    return " " if match[1].strip(".") in UNITS else match[0]


def _may_be_one_currency(expected: Any, actual: Any, conventions: Conventions) -> bool:
    """Whether the reply's currency may be the reference's: the one beside the amount, else the one
    that the document has. A reply without one is at odds with none."""
    expected_codes = _find_printed_currencies(expected, conventions.languages)
    if not expected_codes and isinstance(conventions, DocumentConventions):
        expected_codes = frozenset({conventions.currency} - {""})
    actual_codes = _find_printed_currencies(actual, conventions.languages)
    return not expected_codes or not actual_codes or bool(expected_codes & actual_codes)


def _find_printed_currencies(
    value: Any, languages: tuple[str, ...] = DEFAULT_LANGUAGES
) -> frozenset[str]:
    if not isinstance(value, str):
        return frozenset()
    amount = _read_printed_amount(fold_text(value), "", "", languages)
    return find_currencies(amount.rest, languages) or frozenset() if amount else frozenset()
