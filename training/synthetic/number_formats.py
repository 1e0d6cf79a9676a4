"""How figures and dates are printed: the same value has several looks, and a reader has to know
them all."""

from datetime import date
from decimal import Decimal

from babel.dates import format_date

MARKS = {"comma": (".", ","), "point": (",", "."), "nbsp": ("\u00a0", ","), "thin": ("\u202f", ",")}
SIGNS = {"en": "£{}", "de": "{}\u00a0€", "fr": "{}\u00a0€", "ru": "{}\u00a0₽"}


def number(value: Decimal, marks: str) -> str:
    """1234.56 as `1.234,56` (comma), `1,234.56` (point) or `1 234,56` (nbsp, thin); the minus is a
    hyphen."""
    group, point = MARKS[marks]
    return f"{value:,f}".replace(",", "_").replace(".", point).replace("_", group)


def money(value: Decimal, marks: str, language: str) -> str:
    printed = SIGNS[language].format(number(abs(value), marks))
    return f"-{printed}" if value < 0 else printed


def day(value: date, pattern: str, language: str) -> str:
    """A date in CLDR's pattern letters: `dd.MM.y`, `d MMMM y`, `y-MM-dd`."""
    return format_date(value, pattern, locale="en_GB" if language == "en" else language)
