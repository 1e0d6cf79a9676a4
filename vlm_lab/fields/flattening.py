"""Nested data -> its leaves and its tables, under the paths that fields have (`menu[].sub[].name`).

A record is a document or one row of a list. A list with objects in it is a table, whose rows are
records of their own; a list of plain values is one leaf, `tags[]`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from vlm_lab.fields.nothing import says_nothing
from vlm_lab.types import Field

MAX_KEY_DOTS = 4  # in a key that is a path: ten thousand dots must not become as many levels


@dataclass(frozen=True, slots=True)
class FlatRecord:
    """Leaves and tables by path; paths are from the document's root, without row numbers.
    `renamed_paths` are the leaves that stood under a key of another spelling."""

    values_by_path: dict[str, Any] = field(default_factory=dict)
    rows_by_path: dict[str, list[Any]] = field(default_factory=dict)
    renamed_paths: set[str] = field(default_factory=set)


def flatten_document(value: Mapping[str, Any], table_paths: frozenset[str]) -> FlatRecord:
    """The record of a whole document. An object at one of `table_paths` is a table of one row."""
    record = FlatRecord()
    _flatten_mapping(value, "", record, table_paths)
    return record


def flatten_row(row: Any, table: str, table_paths: frozenset[str]) -> FlatRecord:
    """The record of one row of `table`; a row may be a plain value or a list, too."""
    record = FlatRecord()
    if isinstance(row, Mapping):
        _flatten_mapping(row, f"{table}[].", record, table_paths)
    else:
        _flatten_value(row, f"{table}[]", record, table_paths)
    return record


def collect_table_paths(fields: Iterable[Field]) -> frozenset[str]:
    """Where the fields say that tables are: `a` and `a[].b` for a field `a[].b[].c`; `tags[]` is no
    table."""
    table_paths = set()
    for path in (scored_field.path for scored_field in fields):
        position = path.find("[]")
        while position >= 0 and position + 2 < len(path):
            table_paths.add(path[:position])
            position = path.find("[]", position + 2)
    return frozenset(table_paths)


@lru_cache(maxsize=64)
def index_by_spelling(paths: tuple[str, ...]) -> dict[str, str]:
    """Paths by their letters and digits alone, with the dots between keys and, where no two paths
    are the same then, without them (`seller_name` for `seller.name`)."""
    paths_by_joined: dict[str, list[str]] = {}
    for path in paths:
        paths_by_joined.setdefault(reduce_spelling(path).replace(".", ""), []).append(path)
    unique_paths = {
        joined: same_paths[0]
        for joined, same_paths in paths_by_joined.items()
        if len(same_paths) == 1
    }
    return unique_paths | {reduce_spelling(path): path for path in sorted(paths, reverse=True)}


def match_key_spelling(record: FlatRecord, known_paths: tuple[str, ...]) -> FlatRecord:
    """The record with `invoiceNumber` or `Invoice number` moved to the known path `invoice_number`,
    if that is free; a plain value moves to a list of plain values as a list of one, the one value
    of a list to a field that is none."""
    contents: tuple[dict[str, Any], ...] = (record.values_by_path, record.rows_by_path)
    for values_or_rows in contents:
        for path in sorted(path for path in values_or_rows if path not in known_paths):
            known_path, value = _find_known_path(
                path, values_or_rows[path], index_by_spelling(known_paths)
            )
            if known_path and known_path not in values_or_rows:
                del values_or_rows[path]
                values_or_rows[known_path] = value
                record.renamed_paths.add(known_path)
    return record


def _find_known_path(
    path: str, value: Any, paths_by_spelling: Mapping[str, str]
) -> tuple[str | None, Any]:
    """The known path that a leaf's or a table's path stands for, and the value in its shape."""
    spelling = reduce_spelling(path)
    if spelling in paths_by_spelling:
        return paths_by_spelling[spelling], value
    if not isinstance(value, list):
        return paths_by_spelling.get(f"{spelling}[]"), None if says_nothing(value) else [value]
    if len(value) == 1 and not isinstance(value[0], Mapping | list):
        return paths_by_spelling.get(spelling.removesuffix("[]")), value[0]
    return None, value


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
    dotted_keys = sorted(key for key in value if 0 < key.count(".") <= MAX_KEY_DOTS)
    unflattened = {
        key: _unflatten_value(child, key) for key, child in value.items() if key not in dotted_keys
    }
    for path in dotted_keys:
        keys = path.split(".")
        keys = keys[1:] if keys[0] == parent else keys
        _set_default_value(unflattened, keys, _unflatten_value(value[path], keys[-1]))
    return unflattened


def _set_default_value(target: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        child = target.setdefault(key, {})
        if not isinstance(child, dict):
            return
        target = child
    target.setdefault(keys[-1], value)


@lru_cache(maxsize=4096)
def reduce_spelling(path: str) -> str:
    """A path without what spellings of a key differ in: case, underscores, spaces."""
    return re.sub(r"[^\w.\[\]]|_", "", path).casefold()


def _flatten_mapping(
    value: Mapping[str, Any], prefix: str, record: FlatRecord, table_paths: frozenset[str]
) -> None:
    for key, child in value.items():
        _flatten_value(child, f"{prefix}{key}", record, table_paths)


def _flatten_value(value: Any, path: str, record: FlatRecord, table_paths: frozenset[str]) -> None:
    if isinstance(value, list):
        if path in table_paths or any(isinstance(item, Mapping | list) for item in value):
            record.rows_by_path[path] = value
        else:
            record.values_by_path[f"{path}[]"] = value
    elif not isinstance(value, Mapping):
        record.values_by_path.setdefault(path, value)
    elif path in table_paths:
        record.rows_by_path[path] = [value]
    else:
        _flatten_mapping(value, f"{path}.", record, table_paths)
