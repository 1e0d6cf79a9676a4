"""Text from outside (replies, file names, errors) -> text that a terminal may show."""

import unicodedata


def terminal_safe(text: str) -> str:
    """Text from outside made safe for a terminal: no escape sequence, line break or direction mark
    survives."""
    if (
        text.isprintable()
    ):  # the same judgement, letter by letter in C: a report has a million texts
        return text
    return "".join(
        c if unicodedata.category(c)[0] not in "CZ" or c == " " else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
