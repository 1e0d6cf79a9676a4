"""What a model writes in place of a value: the format or the type that was asked for.

`YYYY-MM-DD`, `string`, `<number>` and `{{total}}` are copied from a prompt and were read off no
page. Words for nothing are `vlm_lab.fields.nothing`'s.
"""

import re
from functools import lru_cache
from typing import Any

MAX_PLACEHOLDER_LENGTH = 60  # characters
_TYPE = (
    r"(?:string|str|number|numeric|float|double|int|integer|decimal|bool|boolean|date(?:time)?"
    r"|iso[ -]?(?:8601|4217|date)(?: (?:date|code))?)"
)
_YEAR, _MONTH, _DAY = (
    "y{2,4}|j{2,4}|a{2,4}|г{2,4}|r{4}",
    "m{1,2}|м{1,2}",
    "d{1,2}|t{1,2}|j{2}|д{1,2}|g{2}",
)
_DATE_PART = rf"(?:{_YEAR}|{_MONTH}|{_DAY})"
_FORMAT_WORD = (
    r"(?:your|the|insert|enter|fill|in|of|or|null|if|any|here|value|text|name|number|date|amount"
    r"|currency|total|address|description|code|invoice|seller|buyer|quantity|price|tax|id|string)"
)
_PLACEHOLDER = re.compile(
    "|".join(
        (
            rf"{_TYPE}(?:\s*(?:\||/|,|\bor\b)\s*(?:{_TYPE}|null|none))*(?:\s*\([^()]*\))?",
            rf"(?:{_YEAR})[-./ ](?:{_MONTH})(?:[-./ ](?:{_DAY}))?(?:t?hh:mm(?::ss)?z?)?",
            rf"(?:{_DAY}|{_MONTH})[-./ ](?:{_DAY}|{_MONTH})[-./ ](?:{_YEAR})",
            r"0000-00-00|00[./]00[./]0000",
            r"<[^<>]*>|\$?\{[^{}]*\}|\{\{[^{}]*\}\}",
            rf"\[{_FORMAT_WORD}(?:[ _-]{_FORMAT_WORD})*\]",
            r"\.{3,}|…|_{2,}|[x#*]{3,}|[x#]+(?:[-.,/][x#]+)+",
        )
    ),
    re.IGNORECASE,
)


def is_placeholder(value: Any) -> bool:
    """Whether a text is a format or a type in place of a value."""
    if not isinstance(value, str) or len(value) > MAX_PLACEHOLDER_LENGTH:
        return False
    return _matches_placeholder(value)


@lru_cache(maxsize=1024)
def _matches_placeholder(text: str) -> bool:
    return _PLACEHOLDER.fullmatch(text.strip()) is not None
