"""Text from outside (replies, file names, errors) -> text that a terminal may show."""

import unicodedata


def terminal_safe(text: str) -> str:
    """The text without any escape sequence, line break or direction mark."""
    # The same judgement, letter by letter in C: a report has a million texts.
    if text.isprintable():
        return text
    return "".join(
        character if _is_safe(character) else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _is_safe(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"
