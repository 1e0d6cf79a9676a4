"""Paths into nested data: `totals.gross`, `Строки[2].Сумма`, `documents.0.data`; keys may have dots
of their own."""

import re
from collections.abc import Mapping
from typing import Any

MISSING: Any = object()
_ROW_NUMBER = re.compile(r"\[(\d+)\]|(\d+)(?=$|[.\[])")


def find_value(data: Any, path: str) -> Any:
    """The value at a path, MISSING where it leads nowhere. Of `a.b` as a key and as two, the key
    wins."""
    if not path:
        return data
    if isinstance(data, Mapping):
        for key, rest in _split_known_keys(data, path):
            found = find_value(data[key], rest)
            if found is not MISSING:
                return found
        return MISSING
    number = _ROW_NUMBER.match(path) if isinstance(data, list) else None
    if number is None or int(number[1] or number[2]) >= len(data):
        return MISSING
    return find_value(data[int(number[1] or number[2])], path[number.end() :].removeprefix("."))


def set_value(target: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a path of keys, making the objects on the way; what is no object on the way
    stays."""
    keys = path.split(".")
    for key in keys[:-1]:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target[keys[-1]] = value


def replace_value(data: Any, path: str, value: Any) -> Any:
    """A copy of `data` with another value at a path; objects on the way are made, rows are not.
    MISSING where a row is not there."""
    if not path:
        return value
    if isinstance(data, list):
        return _replace_row_value(data, path, value)
    kept = dict(data) if isinstance(data, Mapping) else {}
    steps = _split_known_keys(kept, path)
    key, rest = steps[0] if steps else _split_new_key(path)
    inner = replace_value(kept.get(key), rest, value)
    return MISSING if inner is MISSING else {**kept, key: inner}


def _replace_row_value(data: list[Any], path: str, value: Any) -> Any:
    number = _ROW_NUMBER.match(path)
    index = int(number[1] or number[2]) if number else len(data)
    if number is None or index >= len(data):
        return MISSING
    row = replace_value(data[index], path[number.end() :].removeprefix("."), value)
    return MISSING if row is MISSING else [*data[:index], row, *data[index + 1 :]]


def _split_known_keys(data: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    """The keys of `data` that a path can begin with, the longest first, each with the rest of the
    path."""
    fits = [str(key) for key in data if path == key or path.startswith((f"{key}.", f"{key}["))]
    return [
        (key, path[len(key) :].removeprefix(".")) for key in sorted(fits, key=len, reverse=True)
    ]


def _split_new_key(path: str) -> tuple[str, str]:
    key, _, rest = path.partition(".")
    return key, rest
