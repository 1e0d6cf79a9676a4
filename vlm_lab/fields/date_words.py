"""The words that stand in a printed date: months and weekdays in the suite's languages, from Babel,
and what languages put around a day (`den`, `le`, `dne`, `5-го`, `5th`, `2024 г.`).

A word that is in none of these lists is not read over: `not 3 April 2024` is no date.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

MIN_PREFIX = 3  # letters of a month that is cut short: `sept`, `янв`
# Regions that have other months than their language has elsewhere.
OTHER_REGIONS = {"ar": ("ar_SY", "ar_DZ", "ar_MA"), "de": ("de_AT",), "pt": ("pt_PT",)}
EXTRA_MONTHS = {"de": {"mrz": 3}, "es": {"setiembre": 9}, "ru": {"мая": 5}}
# Letters and the marks that are written on them (Hebrew, Arabic, Hindi, Thai).
_LETTER = r"[^\W\d_]"
_MARKS_ON_LETTERS = (
    r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f"
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
)
_WORD = rf"{_LETTER}(?:{_LETTER}|[{_MARKS_ON_LETTERS}])*"

# What follows a day's number at once, or behind a dash: 5th, 1er, 5-го, 5η, 5-én, 5:e.
_ENDINGS = (
    "st nd rd th er re e ème eme de ste o a ro do to го ого й е я ой те ти то η ης go ego ti en én "
    "án i jén ján ten nci ncı"
)
ORDINAL_ENDINGS = frozenset(_ENDINGS.split())
_FILLERS = (
    "the of on day date dated ad ce by until till due issue issued invoice"  # English
    " der den dem am vom zum bis datum rechnungsdatum de het op"  # German, Dutch
    " le du au l fait la el del a al fecha dia día em aos data do da di il lì li addì dì"
    " ziua din d"  # French, Spanish, Portuguese, Italian, Romanian, Catalan
    " от до дата г год года р рік року від дня на"  # Russian, Ukrainian
    " r rok roku dn dnia z dne ze dna dňa dátum év"  # Polish, Czech, Slovak, Hungarian
    " m gada metų anul tarih tarihi tarihinde te ta"  # Baltic, Romanian, Turkish
    " dato pvm päiväys στις την ημερομηνία"  # Nordic, Greek
    " بتاريخ التاريخ تاريخ يوم م في ה ב תאריך מיום יום ngày năm วันที่ ค ศ พ"
)
FILLERS = frozenset(_FILLERS.split())
# Short for Sunday in Polish and Czech, and `not` as well.
_DENIALS = frozenset({"ne", "nie"})
_WEEKDAYS_WITHOUT_BABEL = frozenset({"tues", "thur", "thurs", "weds"})
_ROMAN_NUMERALS = "i ii iii iv v vi vii viii ix x xi xii"
ROMAN_MONTHS = {numeral: month for month, numeral in enumerate(_ROMAN_NUMERALS.split(), 1)}
_PLACE = re.compile(
    rf"(?:{_WORD}[ -]?){{1,3}}, ?(?=(?:den|am|le|dnia|dne|dňa|lì|li|addì|a) )"  # Berlin, den
)
_READ_OVER = frozenset(".,-/()'\"·")


@dataclass(frozen=True, slots=True)
class DateWords:
    """What the words of some languages mean in a date; a name of several words has a pattern."""

    months: dict[str, int]
    weekdays: frozenset[str]
    pattern: re.Pattern[str]

    def find_month(self, word: str) -> int | None:
        """The month of a word, without accents too (`fevrier`), and behind a Hebrew `in`."""
        return (
            self.months.get(word)
            or self.months.get(_remove_accents(word))
            or self.months.get(word.removeprefix("ב"))
        )


@dataclass(frozen=True, slots=True)
class DatePart:
    """A number as it is printed, or a month by name."""

    digits: str
    month: int | None = None
    may_be_weekday: bool = False  # `mar.` is mardi and mars


def split_date(text: str, languages: tuple[str, ...]) -> list[DatePart] | None:
    """Numbers and months of a text that has no time in it; None where a word says anything else."""
    words = collect_date_words(languages)
    parts: list[DatePart] = []
    last_number_end = -1
    place = _PLACE.match(text)
    rest = text[place.end() :] if place else text
    rest = rest.replace("tháng 0", "tháng ")  # Vietnamese months are `tháng 3`
    for match in words.pattern.finditer(rest):
        word = match[0]
        if word.isdecimal():
            parts.append(DatePart(word))
            last_number_end = match.end()
        elif month := words.find_month(word):
            parts.append(DatePart("", month, word in words.weekdays))
        elif _is_ordinal_ending(rest, last_number_end, match):
            continue
        elif word in ROMAN_MONTHS and last_number_end >= 0:
            parts.append(DatePart("", ROMAN_MONTHS[word]))
        elif word == ":" and last_number_end < 0:  # behind a label
            continue
        elif word not in _READ_OVER and word not in FILLERS and word not in words.weekdays:
            return None
    return parts[1:] if len(parts) == 4 and parts[0].may_be_weekday else parts


def _is_ordinal_ending(text: str, number_end: int, match: re.Match[str]) -> bool:
    """Whether a word, or the colon of a Swedish one, belongs to the number before it."""
    if number_end < 0 or match.start() - number_end > 1:
        return False
    if match[0] == ":":
        return text[match.end() : match.end() + 2] in ("e ", "a ")
    return match[0] in ORDINAL_ENDINGS and text[number_end : match.start()] in ("", "-", ".", ":")


@lru_cache(maxsize=64)
def collect_date_words(languages: tuple[str, ...]) -> DateWords:
    """The words of the languages and of English; of two meanings that of the first language."""
    months: dict[str, int] = {}
    weekdays = set(_WEEKDAYS_WITHOUT_BABEL)
    for locale in _list_locales(languages):
        names = list(_list_month_names(locale))
        names += EXTRA_MONTHS.get(locale.language, {}).items()
        for name, number in [*names, *_list_prefixes(names)]:
            months.setdefault(name, number)
        weekdays |= set(_list_weekdays(locale))
    for name, number in list(months.items()):
        months.setdefault(_remove_accents(name), number)
    compound_names = [name for name in months if not re.fullmatch(_WORD, name)]
    compound_names.sort(key=len, reverse=True)
    alternatives = [rf"{re.escape(name)}(?!{_LETTER}|\d)" for name in compound_names]
    pattern = re.compile("|".join([*alternatives, _WORD, r"\d+", r"\S"]))
    return DateWords(months, frozenset(weekdays - _DENIALS), pattern)


def _list_locales(languages: tuple[str, ...]) -> "Iterator[Locale]":
    """Babel's tables of each language; one that Babel lacks has none."""
    from babel import Locale, UnknownLocaleError

    for language in dict.fromkeys((*languages, "en")):
        for name in (language, *OTHER_REGIONS.get(language, ())):
            try:
                yield Locale.parse(name.replace("-", "_"))
            except (UnknownLocaleError, ValueError):
                continue


def _list_month_names(locale: "Locale") -> Iterator[tuple[str, int]]:
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in locale.months[context][width].items():
                folded = unicodedata.normalize("NFKC", name).casefold()
                if not folded.strip(".").isdecimal():
                    yield folded.rstrip("."), number


def _list_prefixes(names: list[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The beginnings that only one month has: `сент`, not `jui`."""
    numbers_by_prefix: dict[str, set[int]] = {}
    for name, number in names:
        if name.isalpha():
            for length in range(MIN_PREFIX, len(name)):
                numbers_by_prefix.setdefault(name[:length], set()).add(number)
    for prefix, numbers in numbers_by_prefix.items():
        if len(numbers) == 1:
            yield prefix, min(numbers)


def _list_weekdays(locale: "Locale") -> Iterator[str]:
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated", "short"):
            for name in locale.days[context].get(width, {}).values():
                folded = unicodedata.normalize("NFKC", name).casefold()
                yield from re.findall(_WORD, folded)


def _remove_accents(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word)
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare)
