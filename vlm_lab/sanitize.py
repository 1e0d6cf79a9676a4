"""Text from outside (replies, file names, errors) -> text that a terminal may show."""

import re
import unicodedata
from typing import Any

from vlm_lab.messages import Message

_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_QUOTED = 200  # characters of a value that a sentence quotes


def terminal_safe(text: str) -> str:
    """The text without any escape sequence, line break or direction mark."""
    # The same judgement, letter by letter in C: a report has a million texts.
    if text.isprintable():
        return text
    return "".join(
        character if _is_safe(character) else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def terminal_safe_lines(text: str) -> str:
    """As `terminal_safe`, line by line."""
    return "\n".join(map(terminal_safe, text.split("\n")))


def make_message_safe(message: Message) -> Message:
    """A sentence whose figures, alone, in lists or in sentences within it, are safe texts."""
    figures = {key: _make_figure_safe(value) for key, value in message.figures.items()}
    return Message(message.kind, figures)


def _make_figure_safe(value: Any) -> Any:
    if isinstance(value, str):
        return terminal_safe(value)
    if isinstance(value, Message):
        return make_message_safe(value)
    return [*map(_make_figure_safe, value)] if isinstance(value, list | tuple) else value


def quote_value(value: Any) -> str:
    """A value as Python writes it, for a sentence that says what came: short, and safe for a
    terminal."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists
        text = f"a {type(value).__name__} too large to be shown"
    return terminal_safe(shorten(text))


def shorten(text: str) -> str:
    """The text, or its beginning where a sentence would grow too long."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def is_utf8(text: str) -> bool:
    """Whether it has no half of a character, such as stands for a byte of another encoding in the
    name of a file."""
    return not _SURROGATE.search(text)


def replace_surrogates(value: Any) -> Any:
    """JSON's values without halves of characters, which its escapes can spell and no file could
    hold."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value) if not value.isascii() else value
    if isinstance(value, dict):
        return {replace_surrogates(key): replace_surrogates(item) for key, item in value.items()}
    return [replace_surrogates(item) for item in value] if isinstance(value, list) else value


def _is_safe(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"
