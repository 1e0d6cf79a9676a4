"""Text -> the JSON objects in it, closed or cut off. One pass over the text, however hostile;
nothing here raises.

`json.loads` alone is not enough: models put JSON into prose and fences, forget quotes, write NaN
and numbers of ten thousand digits, nest a thousand deep, and stop in the middle.
"""

import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 32  # levels; no document is nested deeper, and Python's own recursion ends near 1000
MAX_STRUCTURES = 200  # structures of one reply that are read: a hostile one holds thousands
MAX_UNCLOSED_STRUCTURES = 8  # without an end that are tried: "{" in prose, then the answer
MAX_REPAIR_LENGTH = 100_000  # characters
_STRUCTURE_START = re.compile(r"\{|\[(?=\s*[{\[])")
JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonSpan:
    """Where an object or list stands in a text. `end` is None where it is cut off: then
    `text[start:complete_end] + closing_brackets` is what was complete."""

    start: int
    end: int | None
    depth: int
    complete_end: int = 0
    closing_brackets: str = ""


@dataclass(frozen=True, slots=True)
class ExtractedJson:
    """One object or list that could be read."""

    value: Any
    repaired: bool = False
    truncated: bool = False


def extract_json(text: str, cut_off: bool = False) -> list[ExtractedJson]:
    """What could be read, in the order of the text; nothing that is nested deeper than MAX_DEPTH.
    Where the text is not known to be `cut_off` and ends with a bracket, an open structure is broken
    (a stray quote) rather than cut."""
    values = []
    text_end = len(text.rstrip("` \n"))
    is_complete = not cut_off and text[:text_end].endswith(("}", "]"))
    for span in itertools.islice(find_json_spans(text), MAX_STRUCTURES):
        if span.depth > MAX_DEPTH:
            continue
        if span.end is None and is_complete and span.complete_end < text_end:
            extracted = _load_or_repair(text[span.start : text_end], truncated=False)
        elif span.end is None:
            completed = text[span.start : span.complete_end] + span.closing_brackets
            extracted = _load_or_repair(completed, truncated=True)
        else:
            extracted = _load_or_repair(text[span.start : span.end], truncated=False)
        if extracted:
            values.append(extracted)
    return values


def _load_or_repair(text: str, truncated: bool) -> ExtractedJson | None:
    try:
        return ExtractedJson(load_json(text), truncated=truncated)
    except (ValueError, RecursionError):
        value = repair_broken_json(text)
        if not isinstance(value, dict | list) or not value:
            return None
        return ExtractedJson(value, repaired=True, truncated=truncated)


def find_json_spans(text: str) -> Iterator[JsonSpan]:
    """The outermost brackets of a text; those in strings open nothing."""
    position, unclosed_count = 0, 0
    while unclosed_count < MAX_UNCLOSED_STRUCTURES:
        opening = _STRUCTURE_START.search(text, position)
        if opening is None:
            return
        span = _scan_structure(text, opening.start())
        yield span
        unclosed_count += span.end is None
        position = span.end or opening.end()
        if span.end is None and span.complete_end > opening.end():
            return


def load_json(text: str) -> Any:
    """json.loads that gives strings for NaN, Infinity and numbers too long to compute with."""
    return json.loads(
        text, strict=False, parse_int=_parse_integer, parse_float=_parse_float, parse_constant=str
    )


def repair_broken_json(text: str) -> Any:
    """What json-repair makes of a broken structure, None where it makes nothing of it."""
    from json_repair import repair_json

    if len(text) > MAX_REPAIR_LENGTH or _count_open_brackets(text) > MAX_DEPTH:
        return None
    try:
        return load_json(str(repair_json(text, skip_json_loads=True, ensure_ascii=False)))
    except Exception:  # a library's parser on hostile text: whatever it raises, there is no value
        return None


def _count_open_brackets(text: str) -> int:
    """The most brackets of one kind open at once. json-repair's time grows with their square."""
    deepest = 0
    for opening, closing in ("{}", "[]"):
        depth_changes = (
            (character == opening) - (character == closing)
            for character in text
            if character in (opening, closing)
        )
        deepest = max(deepest, *itertools.accumulate(depth_changes), 0)
    return deepest


def _scan_structure(text: str, start: int) -> JsonSpan:
    """From an opening bracket to its end, keeping after each complete value what would close it."""
    stack: list[str] = []
    depth, complete_end, closing_brackets, previous_lexeme = 0, start + 1, "", ""
    for token in JSON_TOKEN.finditer(text, start):
        lexeme = token[0]
        if lexeme in ("{", "["):
            stack.append("}" if lexeme == "{" else "]")
            depth = max(depth, len(stack))
            complete_end, closing_brackets = token.end(), _build_closing_brackets(stack)
        elif lexeme in ("}", "]"):
            if stack[-1] != lexeme:
                end = _find_last_bracket(text, start)
                return JsonSpan(start, end, depth, complete_end, closing_brackets)
            stack.pop()
            if not stack:
                return JsonSpan(start, token.end(), depth)
            complete_end, closing_brackets = token.end(), _build_closing_brackets(stack)
        elif lexeme == ",":
            complete_end, closing_brackets = token.start(), _build_closing_brackets(stack)
        elif _is_closed_string(lexeme) and _is_value_position(previous_lexeme, stack[-1]):
            complete_end, closing_brackets = token.end(), _build_closing_brackets(stack)
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


def _parse_integer(literal: str) -> int | str:
    return int(literal) if len(literal) <= 30 else literal


def _parse_float(literal: str) -> float | str:
    number = float(literal)
    return number if math.isfinite(number) else literal
