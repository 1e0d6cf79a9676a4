"""Text -> the JSON objects and lists in it, read, repaired or completed; nothing here raises.

`json.loads` alone is not enough: models put JSON into prose and fences, forget quotes, write NaN
and numbers of ten thousand digits, nest a thousand deep, encode an object as a string, and stop in
the middle.
"""

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

from vlm_lab.parsing.json_numbers import (
    mark_bare_numbers,
    parse_float,
    parse_integer,
    restore_numbers,
)
from vlm_lab.parsing.json_spans import MAX_DEPTH, STRUCTURE_START, find_json_spans

MAX_STRUCTURES = 200  # structures of one reply that are read: a hostile one holds thousands
MAX_REPAIR_LENGTH = 100_000  # characters
MAX_ENCODINGS = 4  # times that an object was written as a string
_AFTER_STRING = re.compile(r"(?:[\s\"'`]|\\+[nrt\"'])*")
_ESCAPED_QUOTE = re.compile(r'(?:\s|\\+[nrt])*\\+"')


@dataclass(frozen=True, slots=True)
class ExtractedJson:
    """One object or list that could be read, and where it begins in the text."""

    value: Any
    repaired: bool = False
    truncated: bool = False
    start: int = 0


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
        is_broken = span.end is None and is_complete and span.complete_end < text_end
        is_cut_off = span.end is None and not is_broken
        structure = text[span.start : text_end if is_broken else span.end]
        if is_cut_off:
            structure = text[span.start : span.complete_end] + span.closing_brackets
        loaded = _load_or_repair(structure)
        if loaded is not None:
            value, is_repaired = loaded
            values.append(ExtractedJson(value, is_repaired, is_cut_off, span.start))
    return values


def decode_json_string(text: str) -> str:
    """A text whose first object is written as a JSON string (`"{\\"a\\": 1}"`), decoded as often as
    it was encoded; any other as it is."""
    for _ in range(MAX_ENCODINGS):
        opening = STRUCTURE_START.search(text)
        if opening is None or not _ESCAPED_QUOTE.match(text, opening.end()):
            return text
        last_bracket = max(text.rfind("}"), text.rfind("]"))
        is_closed = last_bracket > opening.start() and _AFTER_STRING.fullmatch(
            text, last_bracket + 1
        )
        encoded = text[opening.start() : last_bracket + 1 if is_closed else None].rstrip("\\")
        try:
            text = json.loads(f'"{encoded}"', strict=False)
        except ValueError:
            return text
    return text


def _load_or_repair(text: str) -> tuple[Any, bool] | None:
    """The value, and whether the text had to be repaired; None where there is none."""
    try:
        return load_json(text), False
    except (ValueError, RecursionError):
        value = repair_broken_json(text)
        return (value, True) if isinstance(value, dict | list) and value else None


def load_json(text: str) -> Any:
    """json.loads that gives strings for NaN, Infinity and numbers too long to compute with; a
    fraction keeps its digits."""
    return json.loads(
        text, strict=False, parse_int=parse_integer, parse_float=parse_float, parse_constant=str
    )


def repair_broken_json(text: str) -> Any:
    """What json-repair makes of a broken structure, None where it makes nothing of it. Numbers
    without quotes keep their digits."""
    from json_repair import repair_json

    if len(text) > MAX_REPAIR_LENGTH or _count_open_brackets(text) > MAX_DEPTH:
        return None
    try:
        marked = mark_bare_numbers(text)
        repaired = str(repair_json(marked, skip_json_loads=True, ensure_ascii=False))
        return restore_numbers(load_json(repaired))
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
