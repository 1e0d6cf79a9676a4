"""Paths into nested data: `totals.gross`, `Строки[2].Сумма`, `documents.0.data`.

Keys may have dots of their own.
"""

import re
from collections.abc import Mapping
from typing import Any

MISSING: Any = object()
_ROW_NUMBER = re.compile(r"\[(\d+)\]|(\d+)(?=$|[.\[])")


def find_value(data: Any, path: str) -> Any:
    """The value at a path, else MISSING. Of `a.b` as a key and as two, the key wins."""
    if not path:
        return data
    if isinstance(data, Mapping):
        for key, rest in _split_known_keys(data, path):
            value = find_value(data[key], rest)
            if value is not MISSING:
                return value
        return MISSING
    row_match = _ROW_NUMBER.match(path) if isinstance(data, list) else None
    if row_match is None:
        return MISSING
    index = int(row_match[1] or row_match[2])
    if index >= len(data):
        return MISSING
    return find_value(data[index], path[row_match.end() :].removeprefix("."))


def set_value(target: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a path of keys and makes objects on the way; what is none there stays."""
    keys = path.split(".")
    for key in keys[:-1]:
        child = target.setdefault(key, {})
        if not isinstance(child, dict):
            return
        target = child
    target[keys[-1]] = value


def replace_value(data: Any, path: str, value: Any) -> Any:
    """A copy of `data` with another value at a path; objects on the way are made, rows are not.
    MISSING where a row is not there."""
    if not path:
        return value
    if isinstance(data, list):
        return _replace_row_value(data, path, value)
    copied = dict(data) if isinstance(data, Mapping) else {}
    known_keys = _split_known_keys(copied, path)
    key, rest = known_keys[0] if known_keys else _split_new_key(path)
    new_child = replace_value(copied.get(key), rest, value)
    return MISSING if new_child is MISSING else {**copied, key: new_child}


def _replace_row_value(data: list[Any], path: str, value: Any) -> Any:
    row_match = _ROW_NUMBER.match(path)
    index = int(row_match[1] or row_match[2]) if row_match else len(data)
    if row_match is None or index >= len(data):
        return MISSING
    new_row = replace_value(data[index], path[row_match.end() :].removeprefix("."), value)
    return MISSING if new_row is MISSING else [*data[:index], new_row, *data[index + 1 :]]


def _split_known_keys(data: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    """The keys that a path can begin with, the longest first, each with the rest of the path."""
    matching_keys = [
        str(key) for key in data if path == key or path.startswith((f"{key}.", f"{key}["))
    ]
    matching_keys.sort(key=len, reverse=True)
    return [(key, path[len(key) :].removeprefix(".")) for key in matching_keys]


def _split_new_key(path: str) -> tuple[str, str]:
    key, _, rest = path.partition(".")
    return key, rest
