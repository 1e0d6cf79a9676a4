"""Nested data -> its leaves and its tables, under the paths that fields have (`menu[].sub[].name`).

A part is a document or one row of a list. A list with objects in it is a table, whose rows are parts of their own; a
list of plain values is one leaf, `tags[]`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from vlm_lab.types import Field

SAYS_NOTHING = frozenset({"", "null", "none", "n/a", "na", "not available", "not found", "unknown", "-", "--", "—"})
MOST_DOTS = 4  # in a key that is a path: ten thousand dots must not become as many levels


@dataclass(frozen=True, slots=True)
class Part:
    """Leaves and tables by path; paths are from the document's root, without row numbers. `respelled` are the leaves
    that stood under a key of another spelling."""

    leaves: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[Any]] = field(default_factory=dict)
    respelled: set[str] = field(default_factory=set)


def document_part(value: Mapping[str, Any], tables: frozenset[str]) -> Part:
    """The part that is the whole document. An object at one of `tables` is a table of one row."""
    part = Part()
    _keys(value, "", part, tables)
    return part


def row_part(row: Any, table: str, tables: frozenset[str]) -> Part:
    """The part that is one row of `table`; a row may be a plain value or a list, too."""
    part = Part()
    if isinstance(row, Mapping):
        _keys(row, f"{table}[].", part, tables)
    else:
        _value(row, f"{table}[]", part, tables)
    return part


def table_paths(fields: Iterable[Field]) -> frozenset[str]:
    """Where the fields say that tables are: `a` and `a[].b` for a field `a[].b[].c`; `tags[]` is no table."""
    found = set()
    for each in fields:
        at = each.path.find("[]")
        while at >= 0 and at + 2 < len(each.path):
            found.add(each.path[:at])
            at = each.path.find("[]", at + 2)
    return frozenset(found)


@lru_cache(maxsize=64)
def spellings(paths: tuple[str, ...]) -> dict[str, str]:
    """Paths by their letters and digits alone."""
    return {_squashed(path): path for path in reversed(paths)}


def respell(part: Part, paths: tuple[str, ...]) -> Part:
    """The part with `invoiceNumber` or `Invoice number` moved to the known path `invoice_number`, if that is free; a
    plain value moves to a list of plain values as a list of one, the one value of a list to a field that is none."""
    held: tuple[dict[str, Any], ...] = (part.leaves, part.tables)
    for place in held:
        for path in [path for path in place if path not in paths]:
            known, value = _known(path, place[path], spellings(paths))
            if known and known not in place:
                del place[path]
                place[known] = value
                part.respelled.add(known)
    return part


def _known(path: str, value: Any, known: Mapping[str, str]) -> tuple[str | None, Any]:
    """The known path that a leaf's or a table's path stands for, and the value in that one's shape."""
    squashed = _squashed(path)
    if squashed in known:
        return known[squashed], value
    if not isinstance(value, list):
        return known.get(f"{squashed}[]"), None if says_nothing(value) else [value]
    if len(value) == 1 and not isinstance(value[0], Mapping | list):
        return known.get(squashed.removesuffix("[]")), value[0]
    return None, value


def is_empty(value: Any) -> bool:
    """Whether a reference says nothing here: null, "", spaces, []."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def says_nothing(value: Any) -> bool:
    """Whether a prediction says nothing here; models write `N/A` where they mean null."""
    return is_empty(value) or (isinstance(value, str) and len(value) < 16 and value.strip().lower() in SAYS_NOTHING)


def nested(value: Any) -> Any:
    """Dotted keys as paths: {"menu.nm": 1} -> {"menu": {"nm": 1}}. A key that repeats its parent's is not nested
    again ({"menu": [{"menu.nm": 1}]} -> {"menu": [{"nm": 1}]}); of two values for one path the nested one stays."""
    return _nested(value, "")


def _nested(value: Any, parent: str) -> Any:
    if isinstance(value, list):
        return [_nested(item, parent) for item in value]
    if not isinstance(value, Mapping):
        return value
    paths = sorted(key for key in value if 0 < key.count(".") <= MOST_DOTS)
    result = {key: _nested(inner, key) for key, inner in value.items() if key not in paths}
    for path in paths:
        keys = path.split(".")
        keys = keys[1:] if keys[0] == parent else keys
        _put(result, keys, _nested(value[path], keys[-1]))
    return result


def _put(target: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target.setdefault(keys[-1], value)


def _squashed(path: str) -> str:
    return re.sub(r"[^\w.\[\]]|_", "", path).casefold()


def _keys(value: Mapping[str, Any], prefix: str, part: Part, tables: frozenset[str]) -> None:
    for key, inner in value.items():
        _value(inner, f"{prefix}{key}", part, tables)


def _value(value: Any, path: str, part: Part, tables: frozenset[str]) -> None:
    if isinstance(value, list):
        if path in tables or any(isinstance(item, Mapping | list) for item in value):
            part.tables[path] = value
        else:
            part.leaves[f"{path}[]"] = value
    elif not isinstance(value, Mapping):
        part.leaves.setdefault(path, value)
    elif path in tables:
        part.tables[path] = [value]
    else:
        _keys(value, f"{path}.", part, tables)
