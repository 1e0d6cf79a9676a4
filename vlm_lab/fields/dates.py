"""Printed dates, in listed forms only: a parser that guesses turns wrong answers into right ones.

ISO (with a time and a zone, or without), numbers in the suite's `date_order`, day, month name and
year in the languages of the suite and in English, and the calendars of `vlm_lab.fields.calendars`.
`03.04.2024` is the third of April under `dmy`; it is never read the other way round. The day is the
one that is written, whatever the zone. Two dates in one value are none, nor is one with a word that
no list has.

A number is what spreadsheets (days since 1899-12-30) and programs (seconds, milliseconds since
1970) write.
"""

import re
from datetime import date as Date
from datetime import timedelta
from functools import lru_cache
from typing import Any

from vlm_lab.fields.calendars import parse_other_calendar
from vlm_lab.fields.date_words import DatePart, split_date
from vlm_lab.types import Conventions

MAX_LENGTH = 100  # characters: JavaScript writes 70
_ZONE_NAMES = (
    "z|utc|gmt|cet|cest|mez|mesz|eet|eest|wet|west|bst|ist|msk|мск|est|edt|cst|cdt|mst|mdt|pst|pdt"
    "|jst|kst|aest|aedt"
)
_ZONE_PHRASE = (
    rf"\((?:{_ZONE_NAMES}|[^\d()]{{0,40}}(?:time|zeit|время|heure|hora|ora|czas)[^\d()]*)\)"
)
_ZONE = (
    rf"(?:\s?(?:{_ZONE_NAMES})(?![^\W\d_]))?(?:\s?[+-]\d\d(?::?\d\d)?(?!\d))?"
    rf"(?:\[[a-z_/+-]{{1,32}}\])?(?:\s?{_ZONE_PHRASE})?"
)
_AT = r"(?:(?:at|um|à|a las|às|alle|ore|o|в|kl\.?|klo|@|om)\s)?"
_TIME = re.compile(
    rf"(?:(?<=\d)t|[\s,]+{_AT}|^)(?:[01]?\d|2[0-4])"
    r"(?::[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?|h[0-5]\d|[.][0-5]\d(?=\s?uhr))"
    rf"(?:\s?(?:[ap]\.?m\b\.?|uhr\b|hrs?\b|h\b|ч\b\.?))?{_ZONE}(?![\w:])"
)
_DATE_ZONE = r"(?:z|\s?(?:utc|gmt)|\s?[+-](?:0\d|1[0-4]):?(?:00|15|30|45))?"  # XML Schema's
_ISO = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_DATE_ZONE}")
_COMPACT = re.compile(
    r"(?:d:)?((?:19|20)\d\d)(\d\d)(\d\d)(?:t?\d{4}(?:\d\d)?(?:z|[+-]\d\d'?\d\d'?)?)?"
)
_NUMERIC = re.compile(r"\d\s?[./\- ]\s?\d{1,2}\s?[./\- ]\s?\d")
_PROGRAM_NUMBER = re.compile(
    r"/date\((\d{9,13})(?:[+-]\d{4})?\)/|(\d{5}(?:\.\d{1,12})?|\d{10}|\d{13})"
)
_BUDDHIST_ERA = re.compile(r"พ\.?\s?ศ")
BUDDHIST_YEARS = range(2443, 2643)  # 1900 to 2099
# Numbers that stand for a day from 1970 to 2099 -> how many make up a day, and since when.
_SPREADSHEET_EPOCH, _PROGRAM_EPOCH = Date(1899, 12, 30), Date(1970, 1, 1)
_DAY_NUMBERS = (
    (25_569, 73_051, 1, _SPREADSHEET_EPOCH),
    (10**8, 4_102_444_800, 86_400, _PROGRAM_EPOCH),
    (10**11, 4_102_444_800 * 10**3, 86_400 * 10**3, _PROGRAM_EPOCH),
    (10**14, 4_102_444_800 * 10**6, 86_400 * 10**6, _PROGRAM_EPOCH),
    (10**17, 4_102_444_800 * 10**9, 86_400 * 10**9, _PROGRAM_EPOCH),
)
_YYYYMMDD = range(19_000_101, 21_000_000)  # as a number it is no day count


def parse_date(value: Any, conventions: Conventions) -> Date | None:
    """The day that is printed, None where the text is none of the listed forms."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return read_date_number(value)
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    text = " ".join(value.casefold().split())
    return _parse_text(text, conventions.date_order, conventions.languages)


def read_date_number(number: float) -> Date | None:
    """The day that a spreadsheet or a program means by a number."""
    for lowest, highest, units_a_day, epoch in _DAY_NUMBERS:
        if lowest <= number < highest and number not in _YYYYMMDD:
            return epoch + timedelta(days=int(number // units_a_day))
    return None


@lru_cache(maxsize=1024)
def _parse_text(text: str, date_order: str, languages: tuple[str, ...]) -> Date | None:
    if match := _PROGRAM_NUMBER.fullmatch(text):
        return read_date_number(float(match[1] or match[2]))
    if match := _COMPACT.fullmatch(text):
        return _make_date(match[1], match[2], match[3])
    untimed = _TIME.sub(" ", text, count=1).strip()
    if match := _ISO.fullmatch(untimed):
        return _make_date(match[1], match[2], match[3])
    if date := parse_other_calendar(untimed):
        return date
    parts = split_date(untimed, languages)
    if parts is None or len(parts) != 3:
        return None
    is_buddhist = "th" in languages or bool(_BUDDHIST_ERA.search(untimed))
    if [part.month for part in parts].count(None) == 3:
        if not _NUMERIC.search(untimed):
            return None
        digits = [part.digits for part in parts]
        return _make_ordered_date(digits, date_order, is_buddhist)
    return _make_named_date(parts, is_buddhist)


def _make_named_date(parts: list[DatePart], is_buddhist: bool) -> Date | None:
    """Day, month, year; month, day, year; year, month, day; or, in Latvian, year, day, month."""
    first, second, third = parts
    if second.month and first.digits and third.digits:
        if len(first.digits) == 4:
            return _make_date(first.digits, str(second.month), third.digits, is_buddhist)
        return _make_date(third.digits, str(second.month), first.digits, is_buddhist)
    if first.month and second.digits and third.digits:
        return _make_date(third.digits, str(first.month), second.digits, is_buddhist)
    if third.month and len(first.digits) == 4 and second.digits:
        return _make_date(first.digits, str(third.month), second.digits, is_buddhist)
    return None


def _make_ordered_date(digits: list[str], date_order: str, is_buddhist: bool) -> Date | None:
    first, second, third = digits
    if len(first) == 4 or (date_order == "ymd" and len(third) < 4):
        return _make_date(first, second, third, is_buddhist)
    if date_order == "mdy":
        return _make_date(third, first, second, is_buddhist)
    return _make_date(third, second, first, is_buddhist)


def _make_date(year: str, month: str, day: str, is_buddhist: bool = False) -> Date | None:
    """Two-digit years are those from 1970 to 2069."""
    if len(year) not in (2, 4) or len(month) > 2 or len(day) > 2:
        return None
    full_year = int(year)
    if len(year) == 2:
        full_year += 1900 if full_year >= 70 else 2000
    if is_buddhist and full_year in BUDDHIST_YEARS:
        full_year -= 543
    try:
        return Date(full_year, int(month), int(day))
    except ValueError:
        return None
