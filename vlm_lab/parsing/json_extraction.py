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
MAX_UNCLOSED_STRUCTURES = (
    8  # structures without an end that are tried: "{" in prose, then the answer
)
MAX_REPAIR_LENGTH = 100_000  # characters
_STRUCTURE_START = re.compile(r"\{|\[(?=\s*[{\[])")
JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonSpan:
    """Where an object or list stands in a text. `end` is None where it is cut off: then
    `text[start:cut] + closers` is what was complete."""

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
    """What could be read, in the order of the text. A structure nested deeper than DEEPEST is not.
    Where the text is not known to be `cut_off` and ends with a bracket, an open structure is broken
    (a stray quote) rather than cut."""
    found = []
    ending = len(text.rstrip("` \n"))
    ends_whole = not cut_off and text[:ending].endswith(("}", "]"))
    for structure in itertools.islice(find_json_spans(text), MAX_STRUCTURES):
        if structure.depth > MAX_DEPTH:
            continue
        if structure.end is None and ends_whole and structure.complete_end < ending:
            read = _load_or_repair(text[structure.start : ending], truncated=False)
        elif structure.end is None:
            read = _load_or_repair(
                text[structure.start : structure.complete_end] + structure.closing_brackets,
                truncated=True,
            )
        else:
            read = _load_or_repair(text[structure.start : structure.end], truncated=False)
        found += [read] if read else []
    return found


def _load_or_repair(text: str, truncated: bool) -> ExtractedJson | None:
    try:
        return ExtractedJson(load_json(text), truncated=truncated)
    except (ValueError, RecursionError):
        value = repair_broken_json(text)
        return (
            ExtractedJson(value, repaired=True, truncated=truncated)
            if isinstance(value, dict | list) and value
            else None
        )


def find_json_spans(text: str) -> Iterator[JsonSpan]:
    """The outermost brackets of a text. Strings are passed over, so a brace in a value opens
    nothing."""
    position, unclosed = 0, 0
    while unclosed < MAX_UNCLOSED_STRUCTURES and (
        opening := _STRUCTURE_START.search(text, position)
    ):
        structure = _scan_structure(text, opening.start())
        yield structure
        unclosed += structure.end is None
        position = structure.end or opening.end()
        if structure.end is None and structure.complete_end > opening.end():
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
    """The most brackets of one kind that stand open at once. json-repair's time grows with their
    square."""
    deepest = 0
    for opening, closing in ("{}", "[]"):
        steps = (
            (word == opening) - (word == closing) for word in text if word in (opening, closing)
        )
        deepest = max(deepest, *itertools.accumulate(steps), 0)
    return deepest


def _scan_structure(text: str, start: int) -> JsonSpan:
    """From an opening bracket to its end, remembering after each complete value what would close it
    there."""
    stack: list[str] = []
    depth, cut, closers, before = 0, start + 1, "", ""
    for token in JSON_TOKEN.finditer(text, start):
        word = token[0]
        if word in ("{", "["):
            stack.append("}" if word == "{" else "]")
            depth = max(depth, len(stack))
            cut, closers = token.end(), _build_closing_brackets(stack)
        elif word in ("}", "]"):
            if stack[-1] != word:
                return JsonSpan(start, _find_last_bracket(text, start), depth, cut, closers)
            stack.pop()
            if not stack:
                return JsonSpan(start, token.end(), depth)
            cut, closers = token.end(), _build_closing_brackets(stack)
        elif word == ",":
            cut, closers = token.start(), _build_closing_brackets(stack)
        elif (
            word[0] == '"'
            and _is_value_position(before, stack[-1])
            and len(word) > 1
            and word[-1] == '"'
        ):
            cut, closers = token.end(), _build_closing_brackets(stack)
        before = word
    return JsonSpan(start, None, depth, cut, closers)


def _build_closing_brackets(stack: list[str]) -> str:
    return "".join(reversed(stack)) if len(stack) <= MAX_DEPTH else ""


def _is_value_position(before: str, closer: str) -> bool:
    return before == ":" or (closer == "]" and before in ("[", ","))


def _find_last_bracket(text: str, start: int) -> int:
    """The end of a structure whose brackets do not match: the last closing one in the text."""
    return max(text.rfind("}"), text.rfind("]"), start) + 1


def _parse_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= 30 else digits


def _parse_float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
