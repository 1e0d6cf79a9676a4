"""Figures as Python formats them -> as a language writes them: decimal mark, thousands, per cent.

The language is that of a gettext catalogue; one that names none is English, in which a figure stays
as it is. Sent to workers in other interpreters: valid on Python 3.9.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import NullTranslations
from typing import Any

SOURCE_LANGUAGE = "en"  # what the code itself is written in; it needs no catalogue


def get_language(catalogue: NullTranslations) -> str:
    """`ru`"""
    return str(catalogue.info().get("language", SOURCE_LANGUAGE))


def localize_figure(text: str, catalogue: NullTranslations) -> str:
    """`1,234.50` -> `1 234,50`; `95%` -> `95 %`"""
    language = get_language(catalogue)
    if language == SOURCE_LANGUAGE:
        return text
    marks, percent = _load_symbols(language)
    return text.translate(marks).replace("%", percent)


def localize_argument(value: Any, catalogue: NullTranslations) -> Any:
    """A figure that a sentence formats by its own rules (`{value:.3f}`), written as its language
    writes figures; anything else as it is."""
    if get_language(catalogue) == SOURCE_LANGUAGE or isinstance(value, bool):
        return value
    return _Figure(value, catalogue) if isinstance(value, (int, float)) else value


class _Figure:
    """A number that formats itself in a language."""

    def __init__(self, value: float, catalogue: NullTranslations) -> None:
        self._value, self._catalogue = value, catalogue

    def __format__(self, specification: str) -> str:
        return localize_figure(format(self._value, specification), self._catalogue)


@lru_cache(maxsize=8)
def _load_symbols(language: str) -> tuple[dict[int, str], str]:
    """What stands for a full stop and a comma in an English figure, and for its per cent sign."""
    from babel import Locale
    from babel.numbers import get_decimal_symbol, get_group_symbol

    pattern = Locale.parse(language).percent_formats[None].pattern
    percent = pattern[pattern.rindex("0") + 1 :]
    marks = {ord("."): get_decimal_symbol(language), ord(","): get_group_symbol(language)}
    # Of spaces only the plain one is text that a terminal shows (vlm_lab.sanitize).
    plain_marks = {key: _make_spaces_plain(mark) for key, mark in marks.items()}
    return plain_marks, _make_spaces_plain(percent)


def _make_spaces_plain(symbol: str) -> str:
    return "".join(" " if character.isspace() else character for character in symbol)
