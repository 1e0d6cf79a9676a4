"""Printed dates, in listed formats only: a parser that guesses turns wrong answers into right ones.

ISO (with a time or without), numbers in the suite's `date_order`, and day, month name, year in the
languages of the suite and in English. `03.04.2024` is the third of April under `dmy`; it is never
read the other way round.
"""

import re
from datetime import date as Date
from functools import lru_cache
from typing import Any

from vlm_lab.types import Conventions

MAX_LENGTH = 64  # characters
_TIME = r"(?:,?[T ]\s?(?:\w{1,4} )?\d{1,2}:\d\d.*)?"
_YEAR_WORD = r"(?:\s*(?:г|года|р|року)\b\.?)?"
_YEAR = r"'?(\d{4}|\d\d)" + _YEAR_WORD
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})" + _TIME)
_COMPACT = re.compile(r"(19\d\d|20\d\d)(\d\d)(\d\d)")
_NUMERIC = re.compile(
    r"(\d{1,4})\s?[./\- ]\s?(\d{1,2})\s?[./\- ]\s?(\d{1,4})\.?" + _YEAR_WORD + _TIME
)
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]" + _TIME)
_WEEKDAY = r"(?:[^\W\d]+[.,]*\s+)?"
_DAY = r"(\d{1,2})(?:\.|st|nd|rd|th|º|er)?[\s\-/]*(?:de\s)?"
_DAY_FIRST = re.compile(_WEEKDAY + _DAY + r"([^\W\d]+)[.,]*[\s\-/]*(?:del?\s)?" + _YEAR + _TIME)
_MONTH_FIRST = re.compile(
    _WEEKDAY + r"([^\W\d]+)\.?[\s\-/]*(\d{1,2})(?:st|nd|rd|th)?(?:,\s?|[\s\-/])" + _YEAR + _TIME
)


def parse_date(value: Any, conventions: Conventions) -> Date | None:
    """The day that is printed, None where the text is none of the listed formats."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    return _parse_listed_formats(" ".join(value.split()), conventions)


@lru_cache(maxsize=2048)
def _parse_listed_formats(text: str, conventions: Conventions) -> Date | None:
    for pattern in (_ISO, _COMPACT, _EAST_ASIAN):
        if match := pattern.fullmatch(text):
            return _make_date(*match.groups())
    if match := _NUMERIC.fullmatch(text):
        return _make_ordered_date(match[1], match[2], match[3], conventions.date_order)
    month_numbers = _build_month_numbers(conventions.languages)
    folded = text.casefold()
    if (match := _DAY_FIRST.fullmatch(folded)) and match[2] in month_numbers:
        return _make_date(match[3], str(month_numbers[match[2]]), match[1])
    if (match := _MONTH_FIRST.fullmatch(folded)) and match[1] in month_numbers:
        return _make_date(match[3], str(month_numbers[match[1]]), match[2])
    return None


def _make_ordered_date(first: str, second: str, third: str, date_order: str) -> Date | None:
    if len(first) == 4:
        return _make_date(first, second, third)
    if date_order == "mdy":
        return _make_date(third, first, second)
    if date_order == "ymd" and len(third) < 4:
        return _make_date(first, second, third)
    return _make_date(third, second, first)


def _make_date(year: str, month: str, day: str) -> Date | None:
    """Two-digit years are those from 1970 to 2069."""
    if len(year) not in (2, 4):
        return None
    full_year = int(year)
    if len(year) == 2:
        full_year += 1900 if full_year >= 70 else 2000
    try:
        return Date(full_year, int(month), int(day))
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _build_month_numbers(languages: tuple[str, ...]) -> dict[str, int]:
    """Month names, full and short, in Babel's tables; a suite's language that Babel lacks has
    none."""
    from babel import Locale, UnknownLocaleError

    month_numbers: dict[str, int] = {}
    for language in dict.fromkeys((*languages, "en")):
        try:
            month_table = Locale.parse(language.replace("-", "_")).months
        except (UnknownLocaleError, ValueError):
            continue
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, month_name in month_table[context][width].items():
                    month_numbers.setdefault(month_name.casefold().rstrip("."), number)
    return month_numbers
