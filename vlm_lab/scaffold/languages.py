"""Which languages references are written in, which way round their dates are, and which decimal
mark their documents have.

By letters that few languages share and by month words. A guess that a person checks: it decides
which month words are read, and which script the OCR baseline looks for.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

from vlm_lab.fields.own_conventions import find_common_mark
from vlm_lab.types import Conventions

LANGUAGE_LETTERS = {
    "uk": re.compile(r"[іїєґ]"),
    "ru": re.compile(r"[а-яё]{3}"),
    "de": re.compile(r"[äöüß]"),
    "fr": re.compile(r"[éèêëàçœ]"),
    "es": re.compile(r"[ñ¿¡]"),
    "pt": re.compile(r"[ãõ]"),
    "pl": re.compile(r"[łąęśż]"),
    "tr": re.compile(r"[ğış]"),
    "ja": re.compile(r"[぀-ヿ]"),
    "ko": re.compile(r"[가-힯]"),
    "zh": re.compile(r"[一-鿿]"),
    "el": re.compile(r"[α-ω]{3}"),
}
# A language's letters are evidence for these, too.
COVERED_LANGUAGES = {"ja": ("zh",), "uk": ("ru",)}
MONTH_LANGUAGES = ("en", "ru", "de", "fr", "es", "it", "nl", "pt", "pl")
MIN_LANGUAGE_SHARE = 0.05  # share of references with a language's letters
WORD_DATE_PATTERN = re.compile(
    r"\b\d{1,2}\.?\s+(?:de\s+)?([^\W\d]{3,})\.?,?\s+(?:de\s+)?\d{4}"
    r"|\b([^\W\d]{3,})\.?\s+\d{1,2},?\s+\d{4}"
)
NUMERIC_DATE_PATTERN = re.compile(r"\b(\d{1,2})[./\-](\d{1,2})[./\-](?:\d{4}|\d\d)\b")
DateOrder = Literal["dmy", "mdy", "ymd"]


def guess_conventions(references: Sequence[Any]) -> Conventions:
    """Languages, the most frequent first, and the order of day and month."""
    language_counts: Counter[str] = Counter()
    order_counts: Counter[str] = Counter()
    for reference in references:
        texts = list(_collect_texts(reference))
        language_counts.update(_detect_languages(" ".join(texts).casefold()))
        order_counts.update(_detect_date_orders(texts))
    frequent_languages = [
        language
        for language, count in language_counts.most_common()
        if count >= MIN_LANGUAGE_SHARE * len(references)
    ]
    order: DateOrder = "mdy" if order_counts["mdy"] > order_counts["dmy"] else "dmy"
    return Conventions(order, tuple(frequent_languages) or ("en",))


def guess_decimal_mark(amounts: Sequence[Any], languages: Sequence[str]) -> Literal["", ".", ","]:
    """The mark that amounts show, else the languages'; "" where neither tells. `1234.56` is how
    programs write, whatever the page shows; English is what languages without letters of their own
    are taken for."""
    mark = find_common_mark(amounts)
    if mark == ",":
        return ","
    is_printed = any(isinstance(amount, str) and "," in amount for amount in amounts)
    if mark == "." and is_printed:
        return "."
    language_marks = {_get_decimal_symbol(language) for language in languages}
    if language_marks == {","}:
        return ","
    return "." if language_marks == {"."} and "en" not in languages else ""


def _get_decimal_symbol(language: str) -> str:
    from babel.numbers import get_decimal_symbol

    return get_decimal_symbol(language)


def _detect_languages(text: str) -> set[str]:
    languages = {language for language, letters in LANGUAGE_LETTERS.items() if letters.search(text)}
    languages -= {
        covered_language
        for language in languages
        for covered_language in COVERED_LANGUAGES.get(language, ())
    }
    for match in WORD_DATE_PATTERN.finditer(text):
        word = match[1] or match[2]
        languages.update(
            language for language in MONTH_LANGUAGES if word in _get_month_words(language)
        )
    if not languages and re.search(r"[a-z]{3}", text):
        languages.add("en")
    return languages


@lru_cache(maxsize=32)
def _get_month_words(language: str) -> frozenset[str]:
    from babel import Locale

    months = Locale.parse(language).months["format"]
    return frozenset(
        word.casefold().rstrip(".")
        for width in ("wide", "abbreviated")
        for word in months[width].values()
    )


def _detect_date_orders(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        for day, month in NUMERIC_DATE_PATTERN.findall(text[:64]):
            if int(day) > 12 >= int(month):
                yield "dmy"
            elif int(month) > 12 >= int(day):
                yield "mdy"


def _collect_texts(value: Any) -> Iterator[str]:
    """The values, without the keys: those are the pipeline's words, not the document's."""
    if isinstance(value, dict):
        for child_value in value.values():
            yield from _collect_texts(child_value)
    elif isinstance(value, list):
        for child_value in value:
            yield from _collect_texts(child_value)
    elif isinstance(value, str):
        yield value
