"""Where on the page each letter of an answer is printed: what the words' attention is told while it
learns to read.

A model that is told only which letter comes next has to find by chance that this letter stands
somewhere on the page; told where to look, it reads within minutes (supervised attention: Mi, Wang
and Ittycheriah 2016, Liu et al. 2016).
"""

import json
import re
from collections.abc import Iterator, Mapping

from training.nano.rendering import Picture

DAY_FIRST = re.compile(r"(?P<day>\d\d?)[./]?(?P<month>\d\d|[^\d./]+)[./]?(?P<year>\d{4})")
YEAR_FIRST = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)")
Printed = dict[int, list[int]]


def pointed(picture: Picture, values: Mapping[str, str], answer: str) -> Printed:
    """For each character of `answer`, JSON that gives these values in this order, the letters of
    the picture to look at; a value that is printed twice has both, JSON's own characters have
    none."""
    found: Printed = {}
    at = 0
    for name, value in values.items():
        at = answer.index(json.dumps(value, ensure_ascii=False), at) + 1
        for start, end in picture.spots[name]:
            for offset, letter in alignment(name, value, picture.letters[start:end]):
                found.setdefault(at + offset, []).append(start + letter)
        at += len(value)
    return found


def alignment(name: str, value: str, shown: str) -> Iterator[tuple[int, int]]:
    """Pairs of a character in the value and the letter it is read from, in the text as it was
    printed."""
    if name == "issue_date":
        yield from date_alignment(value, shown)
    elif name in ("invoice_number", "seller.name"):
        solid = [index for index, letter in enumerate(value) if not letter.isspace()]
        yield from ((offset, index) for index, offset in enumerate(solid))
    elif name.startswith("totals."):
        digits = [index for index, letter in enumerate(shown) if letter.isdigit()]
        mark = digits[-2] - 1  # the decimal mark; those of thousands are not in the value
        yield from zip(range(len(value)), [*digits[:-2], mark, *digits[-2:]], strict=True)


def date_alignment(value: str, shown: str) -> Iterator[tuple[int, int]]:
    """Year, month and day of `2024-05-07` in any of the forms that dates are printed in; a month's
    name is read as a whole, and the zero of a short day with its only digit."""
    match = YEAR_FIRST.fullmatch(shown) or DAY_FIRST.fullmatch(shown)
    if match is None:
        raise ValueError(f"no date in {shown!r}")
    for part, offset, length in (("year", 0, 4), ("month", 5, 2), ("day", 8, 2)):
        start, end = match.span(part)
        for index in range(length):
            if end - start == length and shown[start:end].isdigit():
                yield offset + index, start + index
            else:
                yield from ((offset + index, letter) for letter in range(start, end))
