"""Printed numbers: amounts, quantities, currencies. `1.234,56`, `1'234.56`, `1 234,56 руб.`,
`(12.00)`, `12,00-`.

One separator with exactly three digits after it (`1.234`, `60,000`) is read as thousands, unless
what stands before it cannot head a group (`0.780`, `.780`, `1234.567`, `01.234`). Nothing in such a
value decides, and thousands is by far the more frequent on invoices. Where the other side of a
comparison is unambiguous it decides: see `is_same_amount`.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from vlm_lab.types import Conventions

Quantity = tuple[Decimal, str]
MAX_LENGTH = 64  # characters; no printed amount is longer

# Signs and words printed for a currency -> ISO 4217. A bare $ is read as USD and a bare kr as SEK:
# the commonest.
CURRENCY_SIGNS = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "us$": "USD", "usd$": "USD", "£": "GBP",
    "¥": "JPY", "円": "JPY", "cn¥": "CNY", "元": "CNY", "rmb": "CNY", "₽": "RUB", "руб": "RUB",
    "р": "RUB", "рублей": "RUB", "рубль": "RUB", "rub": "RUB", "rur": "RUB", "zł": "PLN",
    "zl": "PLN", "kr": "SEK", "fr": "CHF", "sfr": "CHF", "₴": "UAH", "грн": "UAH", "₸": "KZT",
    "тг": "KZT", "₹": "INR", "rs": "INR", "₩": "KRW", "₺": "TRY", "tl": "TRY", "₪": "ILS",
    "฿": "THB", "₫": "VND", "kč": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN", "br": "BYN",
    "rp": "IDR", "rm": "MYR", "r$": "BRL", "a$": "AUD", "c$": "CAD", "ca$": "CAD", "nz$": "NZD",
    "s$": "SGD", "hk$": "HKD", "mx$": "MXN", "nt$": "TWD", "₱": "PHP", "₦": "NGN", "chf": "CHF",
}  # fmt: skip

# ISO 4217, current codes.
_CURRENCY_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
CURRENCY_CODES = frozenset(_CURRENCY_CODES.split())

_PIECE_UNITS = (
    "x × * pcs pc pce pieces piece ea each st stk stck stück stuck szt шт ud un u unit units item "
    "items 個"
)
PIECE_UNITS = frozenset(_PIECE_UNITS.split())
_MINUS_SIGNS = str.maketrans("−–—‐‑", "-----")
_NUMBER = re.compile(r"\d(?:[\d.,]| (?=\d)|['’٬](?=\d))*|[.,]\d+")
_NO_CENTS = re.compile(r"(?<=\d)[.,]\s?-{1,2}(?!\d)")  # 12,- and 12.-- are 12.00
# 1.234.567 and 7,08,000
_INTEGER = re.compile(r"\d+|\d{1,3}(?P<group>[.,' ’٬])(?:\d{2,3}(?P=group))*\d{3}")
_AMBIGUOUS_NUMBER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
# Stand beside a number on a receipt, without a meaning of their own here.
_IGNORED_MARKS = str.maketrans("", "", "()@*+-")


def parse_amount(value: Any, conventions: Conventions) -> Decimal | None:
    """The number that is printed; its currency, on either side, is another field's matter."""
    if isinstance(value, str):
        number_and_rest = _split_number(value)
        if number_and_rest is None:
            return None
        number, rest = number_and_rest
        return number if _has_only_currencies(rest) else None
    return _convert_json_number(value)


def parse_quantity(value: Any, conventions: Conventions) -> Quantity | None:
    """Number and unit; pieces (`2 x`, `2 Stk.`, `2 шт`) are no unit, `2 kg` has one."""
    if isinstance(value, str):
        number_and_rest = _split_number(value)
        if number_and_rest is None:
            return None
        number, rest = number_and_rest
        unit = rest.casefold().strip(". ")
        return number, "" if unit in PIECE_UNITS else unit
    json_number = _convert_json_number(value)
    return None if json_number is None else (json_number, "")


def parse_currency(value: Any, conventions: Conventions) -> str | None:
    """The ISO 4217 code of a code, sign or printed word."""
    if not isinstance(value, str):
        return None
    word = value.strip().strip(".").casefold()
    code = CURRENCY_SIGNS.get(word) or word.upper()
    return code if code in CURRENCY_CODES else None


def find_printed_currency(value: Any) -> str:
    """The ISO 4217 code of what is printed beside an amount (`12,00 €`), "" where that is none."""
    number_and_rest = _split_number(value) if isinstance(value, str) else None
    if number_and_rest is None:
        return ""
    return parse_currency(number_and_rest[1], Conventions()) or ""


def is_same_amount(
    expected: Any, actual: Any, tolerance: str, expected_number: Decimal, actual_number: Decimal
) -> bool:
    """Whether two amounts are equal within the tolerance; one that is ambiguous (`1.234`) is read
    as the other needs it."""
    max_difference = _parse_tolerance(tolerance)
    if abs(expected_number - actual_number) <= max_difference:
        return True
    is_expected_ambiguous = is_ambiguous_number(expected)
    is_actual_ambiguous = is_ambiguous_number(actual)
    if is_expected_ambiguous == is_actual_ambiguous:
        return False
    if is_expected_ambiguous:
        expected_number /= 1000
    else:
        actual_number /= 1000
    return abs(expected_number - actual_number) <= max_difference


def is_same_quantity(
    expected: Any,
    actual: Any,
    tolerance: str,
    expected_quantity: Quantity,
    actual_quantity: Quantity,
) -> bool:
    """Whether numbers are equal as amounts are; a unit that only one side has is no difference,
    another unit is."""
    expected_number, expected_unit = expected_quantity
    actual_number, actual_unit = actual_quantity
    if expected_unit and actual_unit and expected_unit != actual_unit:
        return False
    return is_same_amount(expected, actual, tolerance, expected_number, actual_number)


def is_ambiguous_number(value: Any) -> bool:
    """Whether a printed number could be thousands or have three decimals."""
    if not isinstance(value, str):
        return False
    match = _NUMBER.search(value)
    return bool(match and _AMBIGUOUS_NUMBER.fullmatch(match[0]))


@lru_cache(maxsize=64)
def _parse_tolerance(text: str) -> Decimal:
    return Decimal(text)


def _split_number(text: str) -> tuple[Decimal, str] | None:
    """The one number in a short text with its sign, and what stands around it."""
    return _split_short_text(text) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=2048)
def _split_short_text(text: str) -> tuple[Decimal, str] | None:
    cleaned = _NO_CENTS.sub("", " ".join(text.translate(_MINUS_SIGNS).split()))
    match = _NUMBER.search(cleaned)
    if match is None:
        return None
    before, after = cleaned[: match.start()], cleaned[match.end() :]
    number = _parse_decimal(match[0].rstrip(".,"))
    if number is None or any(character.isdigit() for character in before + after):
        return None
    rest = " ".join(f"{before} {after}".translate(_IGNORED_MARKS).split())
    return -number if _is_negative(before, after) else number, rest


def _is_negative(before: str, after: str) -> bool:
    return (
        before.strip().startswith("-")
        or before.endswith("-")
        or after.strip().startswith("-")
        or ("(" in before and ")" in after)
    )


@lru_cache(maxsize=256)
def _has_only_currencies(rest: str) -> bool:
    """Whether only currencies (or nothing) stand around a number: `12 Stück` is no amount."""
    words = [word.strip(".,:=/").casefold() for word in rest.split()]
    return all(
        not word or word in CURRENCY_SIGNS or word.upper() in CURRENCY_CODES for word in words
    )


def _convert_json_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def _parse_decimal(digits: str) -> Decimal | None:
    """Digits with their separators -> number. The last dot or comma is the decimal one unless it
    groups thousands; groups of other than two or three digits are no number."""
    decimal_position = max(digits.rfind("."), digits.rfind(","))
    if (
        decimal_position < 0
        or digits.count(digits[decimal_position]) > 1
        or _AMBIGUOUS_NUMBER.fullmatch(digits)
    ):
        decimal_position = len(digits)
    whole, fraction = digits[:decimal_position] or "0", digits[decimal_position + 1 :]
    if not _INTEGER.fullmatch(whole) or not (fraction.isdecimal() or not fraction):
        return None
    return Decimal(re.sub(r"\D", "", whole) + "." + fraction)
