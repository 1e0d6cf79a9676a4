"""How a value may be printed on a page: as it is, a number with its groups and decimal comma, a
date in words."""

from collections.abc import Mapping
from datetime import date
from typing import Any

MIN_PRINTED_LENGTH = 4  # letters and digits: codes (EUR, DE) are often printed otherwise
GROUP_SEPARATORS = ("", ",", ".", " ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", "'")


def list_printed_forms(value: Any, conventions: Mapping[str, Any]) -> list[str]:
    """The likeliest first; nothing for a value so short that every page has it somewhere.

    `conventions`: the suite's `date_order` and `languages`.
    """
    text = "" if value is None else str(value)
    forms = [text, *_list_amount_forms(text), *_list_date_forms(text, conventions)]
    return list(dict.fromkeys(form for form in forms if len(form) > 2))


def keep_letters(text: str) -> str:
    """Letters and digits alone: spaces, commas and signs differ from page to page."""
    return "".join(filter(str.isalnum, text.casefold()))


def is_printed(value: Any, page_letters: str, conventions: Mapping[str, Any]) -> bool | None:
    """Whether a page has a value in any of its forms, by the page's letters and digits alone; None
    for a value so short that every page has it somewhere."""
    if len(keep_letters(str(value))) < MIN_PRINTED_LENGTH:
        return None
    forms = map(keep_letters, list_printed_forms(value, conventions))
    return any(form in page_letters for form in forms if form)


def _list_amount_forms(text: str) -> list[str]:
    whole, _, cents = text.lstrip("-").partition(".")
    if not (
        whole.isascii() and whole.isdigit() and len(whole) < 16 and (not cents or cents.isdecimal())
    ):
        return []
    grouped_numbers = [f"{int(whole):,}".replace(",", grouped) for grouped in GROUP_SEPARATORS]
    if not cents and len(whole) < 3:
        return []
    decimal_parts = dict.fromkeys((cents.ljust(2, "0"), cents or "00"))
    return [
        f"{grouped}{decimal_point}{decimals}"
        for decimals in decimal_parts
        for decimal_point in ",."
        for grouped in grouped_numbers
        if grouped[-4:-3] != decimal_point
    ]


def _list_date_forms(text: str, conventions: Mapping[str, Any]) -> list[str]:
    from babel.core import UnknownLocaleError
    from babel.dates import format_date

    try:
        day = date.fromisoformat(text)
    except ValueError:
        return []
    pattern = "%m{0}%d{0}%Y" if conventions["date_order"] == "mdy" else "%d{0}%m{0}%Y"
    forms = [day.strftime(pattern.format(separator)) for separator in "./-"]
    for language in conventions["languages"]:
        try:
            forms += [format_date(day, length, language) for length in ("long", "medium", "short")]
        except (UnknownLocaleError, ValueError):
            continue
    return forms
