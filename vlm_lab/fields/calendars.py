"""Dates of East Asia: year, month, day with their signs (`2024年3月5日`), Japanese eras
(`令和6年3月5日`, `R6.3.5`), the Chinese republic's years (`民國113年`), and Chinese numerals.
"""

import re
from datetime import date as Date

# The year before an era's first, by its name and by the letter that forms print.
ERAS = {
    "明治": 1867,
    "大正": 1911,
    "昭和": 1925,
    "平成": 1988,
    "令和": 2018,
    "s": 1925,
    "h": 1988,
    "r": 2018,
    "民國": 1911,
    "民国": 1911,
    "中華民國": 1911,
    "中华民国": 1911,
    "西暦": 0,
    "公元": 0,
}
_NUMERALS = {character: value for value, character in enumerate("零一二三四五六七八九")}
_NUMERALS |= {"〇": 0, "○": 0}
_NUMBER = r"[\d零〇○一二三四五六七八九十]{1,4}"
_ERA = "|".join(sorted(ERAS, key=len, reverse=True))
_WEEKDAY = (
    r"(?:\s?\(?(?:[日月火水木金土](?:曜日?)?|(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]"
    r"|[월화수목금토일](?:요일)?)\)?)?"
)
_LABEL = r"(?:(?:(?:发票|開立|開票)?日期|日付|発行日|請求日|开票日期|날짜|작성일자?)\s?:?\s?)?"
_WITH_SIGNS = re.compile(
    rf"{_LABEL}(?:({_ERA})\s?)?({_NUMBER}|元)\s?[年년]\s?({_NUMBER})\s?[月월]\s?({_NUMBER})\s?"
    rf"(?:[日號号일]){_WEEKDAY}"
)
_SHORT_ERA = re.compile(rf"({_ERA})\s?(\d{{1,3}}|元)([./-])(\d{{1,2}})\3(\d{{1,2}}){_WEEKDAY}")


def parse_other_calendar(text: str) -> Date | None:
    """The day of a text in one of these forms, None where it is in none."""
    if match := _WITH_SIGNS.fullmatch(text):
        era, year, month, day = match.groups()
    elif match := _SHORT_ERA.fullmatch(text):
        era, year, _, month, day = match.groups()
    else:
        return None
    year_number = 1 if year == "元" else _read_number(year)
    if era:
        year_number += ERAS[era]
    elif year_number < 1000:
        return None
    try:
        return Date(year_number, _read_number(month), _read_number(day))
    except ValueError:
        return None


def _read_number(text: str) -> int:
    """`6`, `六`, `二十三`, `二〇二四`."""
    if text.isdecimal():
        return int(text)
    tens, has_ten, ones = text.partition("十")
    if has_ten:
        return 10 * (_read_digits(tens) if tens else 1) + (_read_digits(ones) if ones else 0)
    return _read_digits(text)


def _read_digits(text: str) -> int:
    number = 0
    for character in text:
        number = 10 * number + (
            int(character) if character.isdecimal() else _NUMERALS.get(character, 0)
        )
    return number
