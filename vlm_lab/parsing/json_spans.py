"""Text -> where objects and lists stand in it, closed or cut off. One pass over the text, however
hostile; nothing here raises.

A bracket in a string opens nothing. Of a structure that is cut off it is known what was complete,
and which brackets would close that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 32  # levels; no document is nested deeper, and Python's own recursion ends near 1000
MAX_UNCLOSED_STRUCTURES = 8  # without an end that are tried: "{" in prose, then the answer
STRUCTURE_START = re.compile(r"\{|\[(?=\s*[{\[])")
JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonSpan:
    """Where an object or list stands in a text. `end` is None where it is cut off: then
    `text[start:complete_end] + closing_brackets` is what was complete."""

    start: int
    end: int | None
    depth: int
    complete_end: int = 0
    closing_brackets: str = ""


def find_json_spans(text: str) -> Iterator[JsonSpan]:
    """The outermost brackets of a text; those in strings open nothing."""
    position, unclosed_count = 0, 0
    while unclosed_count < MAX_UNCLOSED_STRUCTURES:
        opening = STRUCTURE_START.search(text, position)
        if opening is None:
            return
        span = _scan_structure(text, opening.start())
        yield span
        unclosed_count += span.end is None
        position = span.end or opening.end()
        if span.end is None and span.complete_end > opening.end():
            return


def _scan_structure(text: str, start: int) -> JsonSpan:
    """From an opening bracket to its end; most structures have one."""
    closing_brackets: list[str] = []
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text, start):
        lexeme = token[0]
        if lexeme in "{[":
            closing_brackets.append("}" if lexeme == "{" else "]")
            depth = max(depth, len(closing_brackets))
        elif lexeme in "}]":
            if closing_brackets.pop() != lexeme:
                return JsonSpan(start, _find_last_bracket(text, start), depth)
            if not closing_brackets:
                return JsonSpan(start, token.end(), depth)
    return _scan_unclosed(text, start, depth)


def _scan_unclosed(text: str, start: int, depth: int) -> JsonSpan:
    """A structure without an end: after each complete value what would close it is kept."""
    stack: list[str] = []
    complete_end, closing_brackets, previous_lexeme = start + 1, "", ""
    for token in JSON_TOKEN.finditer(text, start):
        lexeme = token[0]
        is_complete = True
        if lexeme in ("{", "["):
            stack.append("}" if lexeme == "{" else "]")
        elif lexeme in ("}", "]"):
            stack.pop()
        elif lexeme != ",":
            is_complete = _is_closed_string(lexeme) and _is_value_position(
                previous_lexeme, stack[-1]
            )
        if is_complete:
            complete_end = token.start() if lexeme == "," else token.end()
            closing_brackets = _build_closing_brackets(stack)
        previous_lexeme = lexeme
    return JsonSpan(start, None, depth, complete_end, closing_brackets)


def _build_closing_brackets(stack: list[str]) -> str:
    return "".join(reversed(stack)) if len(stack) <= MAX_DEPTH else ""


def _is_closed_string(lexeme: str) -> bool:
    return len(lexeme) > 1 and lexeme[0] == lexeme[-1] == '"'


def _is_value_position(previous_lexeme: str, closing_bracket: str) -> bool:
    return previous_lexeme == ":" or (closing_bracket == "]" and previous_lexeme in ("[", ","))


def _find_last_bracket(text: str, start: int) -> int:
    """The end of a structure whose brackets do not match: the last closing one in the text."""
    return max(text.rfind("}"), text.rfind("]"), start) + 1
