"""The text of a JSON file, as pipelines write it -> its values and what was odd about it.

NaN and Infinity are read as null; of a key that an object has twice the last value counts, as every
JSON library has it; several values may follow each other, a line each or not.
"""

import ast
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

BETWEEN_VALUES = " \t\r\n,\x1e"  # blanks, commas, and the record separator of JSON text sequences
MAX_TEXT_JSON = 2_000_000  # characters of a text that is itself read as JSON


@dataclass(slots=True)
class ParsedFile:
    """The values of a file in their order; how many were NaN, and keys that came twice."""

    values: list[Any] = field(default_factory=list)
    nan_count: int = 0
    repeated_keys: list[str] = field(default_factory=list)


def parse_values(text: str) -> ParsedFile:
    """ValueError where something is no JSON or nothing is there, RecursionError where it is nested
    too deeply."""
    parsed = ParsedFile()

    def count_nan(_: str) -> None:
        parsed.nan_count += 1

    def parse_float(digits: str) -> float | None:
        number = float(digits)
        if math.isinf(number):  # 1e999
            parsed.nan_count += 1
            return None
        return number

    def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) < len(pairs):
            parsed.repeated_keys += _find_changed_keys(pairs)
        return built

    decoder = json.JSONDecoder(
        parse_constant=count_nan, parse_float=parse_float, object_pairs_hook=build_object
    )
    position = _skip_separators(text, 0)
    while position < len(text) or not parsed.values:
        value, position = decoder.raw_decode(text, position)
        parsed.values.append(value)
        position = _skip_separators(text, position)
    return parsed


def parse_nested_text(value: Any) -> Any:
    """A text that is an object or a list in JSON, or in Python as pandas prints it into a table, as
    what it says; all else as it is."""
    if not isinstance(value, str) or len(value) > MAX_TEXT_JSON:
        return value
    stripped = value.strip()
    if not stripped.startswith(("{", "[")):
        return value
    try:
        (parsed_value,) = parse_values(stripped).values
        return parsed_value
    except (ValueError, RecursionError):
        return _parse_python_literal(stripped, value)


def measure_depth(value: Any) -> int:
    """How many objects and lists lie in each other; a loop, for data of any depth."""
    depth, level = 0, [value]
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        children = [node.values() if isinstance(node, dict) else node for node in level]
        level = list(chain.from_iterable(children))
    return depth


def _parse_python_literal(text: str, otherwise: Any) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return otherwise


def _find_changed_keys(pairs: Sequence[tuple[str, Any]]) -> list[str]:
    """Keys that come twice with different values."""
    counts = Counter(key for key, _ in pairs)
    last_values = dict(pairs)
    changed = [
        key for key, value in pairs if counts[key] > 1 and not _is_same(value, last_values[key])
    ]
    return list(dict.fromkeys(changed))


def _is_same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _skip_separators(text: str, position: int) -> int:
    while position < len(text) and text[position] in BETWEEN_VALUES:
        position += 1
    return position
