"""A short text -> the one number in it, its sign, and what stands around it.

`1.234,56`, `1'234.56`, `(12.00)`, `12,00-`, `35€99`, `1٬234٫50`. Of a value with one mark and three
digits behind it (`1.234`, `60,000`) the form does not say whether that mark is a decimal one: the
number is then read in both ways, the first by the document's convention, else as thousands, by far
the more frequent on invoices. What stands before the mark may decide: `0.780`, `1234.567` and
`01.234` have decimals.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from vlm_lab.fields.currencies import find_meanings

MAX_LENGTH = 64  # characters; no printed amount is longer
ARABIC_DECIMAL_MARK = "٫"
SIGNIFICANT_DIGITS = 14  # of a float, which has 15 to 17: what is behind them is noise
MIN_NOISY_DECIMALS = 12  # of a number as text, before its last digits are taken for a float's noise
_NUMBER = re.compile(r"\d(?:[\d.,٫]| (?=\d)|'(?=\d))*|[.,٫]\d+")
_NO_CENTS = re.compile(r"(?<=\d)[.,/]\s?[-=]{1,2}(?!\d)")  # 12,- 12.== 12/- are 12.00
_CENTS_ABOVE = re.compile(r"(?<=\d)\^(?=\d\d(?!\d))")  # 12⁵⁰
# 1.234.567 and 7,08,000
_INTEGER = re.compile(r"\d+|\d{1,3}(?P<group>[.,' ])(?:\d{2,3}(?P=group))*\d{3}")
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
# A currency where the decimal mark should be: 35€99, 1 234 руб. 56 коп., 12 zł 50 gr.
_CENTS_BEHIND_CURRENCY = re.compile(
    r"(?P<whole>\d[\d.,' ]*?) ?(?P<currency>[^\W\d_]{1,4}\.?|[$€£¥₽₴₺₹₪₩]) ?(?P<cents>\d\d)"
    r"(?: ?(?:ct|cts|c|cent|cents|коп|копеек|копейки|копейка|к|gr|h|hal|st"
    r"|öre|øre|bani|kuruş|p)\.?)?"
    r"(?=[\s)-]*$)"
)
# Stand beside a number on a receipt, without a meaning of their own here.
_IGNORED_MARKS = str.maketrans("", "", "()@*+-")


class PrintedNumber(NamedTuple):
    """A number, its other reading where its form allows two, and the words around it."""

    number: Decimal
    other_reading: Decimal | None = None
    before: str = ""
    after: str = ""

    @property
    def rest(self) -> str:
        """All words around the number."""
        return f"{self.before} {self.after}".strip()


def split_number(text: str, decimal_mark: str = "") -> PrintedNumber | None:
    """The one number of a folded text. `decimal_mark` is the document's: "." or ",", ".," where
    either is one, "" where nothing is known."""
    return _split_short_text(text, decimal_mark) if len(text) <= MAX_LENGTH else None


def convert_json_number(value: Any) -> Decimal | None:
    """A JSON number without a float's noise: 0.1 + 0.2 is 0.3."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    text = f"{value:.{SIGNIFICANT_DIGITS}g}" if isinstance(value, float) else str(value)
    try:
        number = Decimal(text)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def find_decimal_mark(text: str) -> str:
    """The mark that has decimals behind it in a printed number: "." or ","; "" where none surely
    has. `1,343,000` shows none: a page may group by both marks, but has one for decimals."""
    match = _NUMBER.search(text) if len(text) <= MAX_LENGTH else None
    digits = match[0].rstrip(".,") if match else ""
    marks = [character for character in digits if character in ".,"]
    if not marks or _AMBIGUOUS.fullmatch(digits) or _read_digits(digits, "") is None:
        return ""
    return marks[-1] if marks.count(marks[-1]) == 1 else ""


@lru_cache(maxsize=1024)
def _split_short_text(text: str, decimal_mark: str) -> PrintedNumber | None:
    cleaned = _NO_CENTS.sub("", " ".join(text.split()))
    cleaned = _CENTS_ABOVE.sub(".", cleaned)
    cleaned = _CENTS_BEHIND_CURRENCY.sub(_join_cents, cleaned, count=1)
    match = _NUMBER.search(cleaned)
    if match is None:
        return None
    before, after = cleaned[: match.start()], cleaned[match.end() :]
    readings = _read_digits(match[0].rstrip(".,"), decimal_mark)
    if readings is None or any(map(str.isdigit, before)):
        return None
    number, other_reading = readings
    if _is_negative(before, after):
        number, other_reading = -number, None if other_reading is None else -other_reading
    return PrintedNumber(number, other_reading, _clean_words(before), _clean_words(after))


def _clean_words(words: str) -> str:
    return " ".join(words.translate(_IGNORED_MARKS).split())


def _join_cents(match: re.Match[str]) -> str:
    """`35€99` as `35.99 €`; what has decimals already stays as it is."""
    whole = re.sub(r"[.,' ]", "", match["whole"])
    is_integer = _INTEGER.fullmatch(match["whole"].strip())
    is_currency = bool(find_meanings(match["currency"].strip(".").casefold()))
    if not (is_integer and is_currency):
        return match[0]
    return f"{whole}{ARABIC_DECIMAL_MARK}{match['cents']} {match['currency']}"


def _is_negative(before: str, after: str) -> bool:
    return (
        before.strip().startswith("-")
        or before.endswith("-")
        or after.strip().startswith("-")
        or after.endswith("-")
        or ("(" in before and ")" in after)
    )


def _read_digits(digits: str, decimal_mark: str) -> tuple[Decimal, Decimal | None] | None:
    """Digits with their separators -> number and other reading. The last dot or comma is the
    decimal one unless it groups thousands; groups of other than two or three digits are none."""
    if _AMBIGUOUS.fullmatch(digits):
        whole, fraction = digits[:-4], digits[-3:]
        thousands, decimals = Decimal(whole + fraction), Decimal(f"{whole}.{fraction}")
        is_decimal = digits[-4] in decimal_mark
        return (decimals, thousands) if is_decimal else (thousands, decimals)
    if ARABIC_DECIMAL_MARK in digits:
        position = digits.rfind(ARABIC_DECIMAL_MARK)
    else:
        position = max(digits.rfind("."), digits.rfind(","))
    if position < 0 or digits.count(digits[position]) > 1:
        position = len(digits)
    whole, fraction = digits[:position] or "0", digits[position + 1 :]
    if not _INTEGER.fullmatch(whole) or not (fraction.isdecimal() or not fraction):
        return None
    return _drop_noise(re.sub(r"\D", "", whole), fraction), None


def _drop_noise(whole: str, fraction: str) -> Decimal:
    number = Decimal(f"{whole}.{fraction}")
    if len(fraction) < MIN_NOISY_DECIMALS:
        return number
    return convert_json_number(float(number)) or number
