"""Nested data -> its leaves and its tables, under the paths that fields have (`menu[].sub[].name`).

A part is a document or one row of a list. A list with objects in it is a table, whose rows are
parts of their own; a list of plain values is one leaf, `tags[]`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from vlm_lab.types import Field

NULL_WORDS = frozenset(
    {"", "null", "none", "n/a", "na", "not available", "not found", "unknown", "-", "--", "—"}
)
MAX_KEY_DOTS = 4  # in a key that is a path: ten thousand dots must not become as many levels


@dataclass(frozen=True, slots=True)
class FlatRecord:
    """Leaves and tables by path; paths are from the document's root, without row numbers.
    `respelled` are the leaves that stood under a key of another spelling."""

    values_by_path: dict[str, Any] = field(default_factory=dict)
    rows_by_path: dict[str, list[Any]] = field(default_factory=dict)
    renamed_paths: set[str] = field(default_factory=set)


def flatten_document(value: Mapping[str, Any], tables: frozenset[str]) -> FlatRecord:
    """The part that is the whole document. An object at one of `tables` is a table of one row."""
    part = FlatRecord()
    _flatten_mapping(value, "", part, tables)
    return part


def flatten_row(row: Any, table: str, tables: frozenset[str]) -> FlatRecord:
    """The part that is one row of `table`; a row may be a plain value or a list, too."""
    part = FlatRecord()
    if isinstance(row, Mapping):
        _flatten_mapping(row, f"{table}[].", part, tables)
    else:
        _flatten_value(row, f"{table}[]", part, tables)
    return part


def collect_table_paths(fields: Iterable[Field]) -> frozenset[str]:
    """Where the fields say that tables are: `a` and `a[].b` for a field `a[].b[].c`; `tags[]` is no
    table."""
    found = set()
    for each in fields:
        at = each.path.find("[]")
        while at >= 0 and at + 2 < len(each.path):
            found.add(each.path[:at])
            at = each.path.find("[]", at + 2)
    return frozenset(found)


@lru_cache(maxsize=64)
def index_by_spelling(paths: tuple[str, ...]) -> dict[str, str]:
    """Paths by their letters and digits alone."""
    return {_reduce_spelling(path): path for path in reversed(paths)}


def match_key_spelling(part: FlatRecord, paths: tuple[str, ...]) -> FlatRecord:
    """The part with `invoiceNumber` or `Invoice number` moved to the known path `invoice_number`,
    if that is free; a plain value moves to a list of plain values as a list of one, the one value
    of a list to a field that is none."""
    held: tuple[dict[str, Any], ...] = (part.values_by_path, part.rows_by_path)
    for place in held:
        for path in [path for path in place if path not in paths]:
            known, value = _find_known_path(path, place[path], index_by_spelling(paths))
            if known and known not in place:
                del place[path]
                place[known] = value
                part.renamed_paths.add(known)
    return part


def _find_known_path(path: str, value: Any, known: Mapping[str, str]) -> tuple[str | None, Any]:
    """The known path that a leaf's or a table's path stands for, and the value in that one's
    shape."""
    squashed = _reduce_spelling(path)
    if squashed in known:
        return known[squashed], value
    if not isinstance(value, list):
        return known.get(f"{squashed}[]"), None if is_null_like(value) else [value]
    if len(value) == 1 and not isinstance(value[0], Mapping | list):
        return known.get(squashed.removesuffix("[]")), value[0]
    return None, value


def is_null(value: Any) -> bool:
    """Whether a reference says nothing here: null, "", spaces, []."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def is_null_like(value: Any) -> bool:
    """Whether a prediction says nothing here; models write `N/A` where they mean null."""
    return is_null(value) or (
        isinstance(value, str) and len(value) < 16 and value.strip().lower() in NULL_WORDS
    )


def unflatten_dotted_keys(value: Any) -> Any:
    """Dotted keys as paths: {"menu.nm": 1} -> {"menu": {"nm": 1}}. A key that repeats its parent's
    is not nested again ({"menu": [{"menu.nm": 1}]} -> {"menu": [{"nm": 1}]}); of two values for one
    path the nested one stays."""
    return _unflatten_value(value, "")


def _unflatten_value(value: Any, parent: str) -> Any:
    if isinstance(value, list):
        return [_unflatten_value(item, parent) for item in value]
    if not isinstance(value, Mapping):
        return value
    paths = sorted(key for key in value if 0 < key.count(".") <= MAX_KEY_DOTS)
    result = {key: _unflatten_value(inner, key) for key, inner in value.items() if key not in paths}
    for path in paths:
        keys = path.split(".")
        keys = keys[1:] if keys[0] == parent else keys
        _set_default_value(result, keys, _unflatten_value(value[path], keys[-1]))
    return result


def _set_default_value(target: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target.setdefault(keys[-1], value)


def _reduce_spelling(path: str) -> str:
    return re.sub(r"[^\w.\[\]]|_", "", path).casefold()


def _flatten_mapping(
    value: Mapping[str, Any], prefix: str, part: FlatRecord, tables: frozenset[str]
) -> None:
    for key, inner in value.items():
        _flatten_value(inner, f"{prefix}{key}", part, tables)


def _flatten_value(value: Any, path: str, part: FlatRecord, tables: frozenset[str]) -> None:
    if isinstance(value, list):
        if path in tables or any(isinstance(item, Mapping | list) for item in value):
            part.rows_by_path[path] = value
        else:
            part.values_by_path[f"{path}[]"] = value
    elif not isinstance(value, Mapping):
        part.values_by_path.setdefault(path, value)
    elif path in tables:
        part.rows_by_path[path] = [value]
    else:
        _flatten_mapping(value, f"{path}.", part, tables)
