"""The fields of a suite -> the places of one document's values, and values -> a nested reference.

`line_items[].amount` has a place in each row, `line_items[0].amount`; how many rows a list has is
known by its own place: `{"line_items": 2}`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.fields.paths import MISSING, set_value
from vlm_lab.types import Field

ROW_NUMBER = re.compile(r"\[\d+\]")
LIST_SUFFIX = "[]"  # of a field that is a list of plain values
RowCounts = Mapping[str, int]


def generalize_path(path: str) -> str:
    """The field's path of a place: `rows[].name` of `rows[2].name`."""
    return ROW_NUMBER.sub("[]", path)


def list_places(fields: Sequence[Field], row_counts: RowCounts) -> Iterator[tuple[str, Field]]:
    """The place of every value, row by row, in the order of the schema."""
    yield from _list_places([(field.path, field) for field in fields], row_counts, "")


def build_values(
    fields: Sequence[Field], row_counts: RowCounts, get_value: Callable[[str], Any]
) -> dict[str, Any]:
    """Nested data with what `get_value` says of each place; MISSING leaves the key out."""
    return _build_values([(field.path, field) for field in fields], row_counts, get_value, "")


Columns = Sequence[tuple[str, Field]]  # paths below the document, or below a row


def _list_places(
    columns: Columns, row_counts: RowCounts, prefix: str
) -> Iterator[tuple[str, Field]]:
    for path, cells in _group_by_table(columns):
        if isinstance(cells, Field):
            yield f"{prefix}{path}", cells
            continue
        for number in range(row_counts.get(f"{prefix}{path}", 0)):
            yield from _list_places(cells, row_counts, f"{prefix}{path}[{number}].")


def _build_values(
    columns: Columns, row_counts: RowCounts, get_value: Callable[[str], Any], prefix: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path, cells in _group_by_table(columns):
        if isinstance(cells, Field):
            value = get_value(f"{prefix}{path}")
            if value is not MISSING:
                set_value(values, path.removesuffix(LIST_SUFFIX), value)
            continue
        rows = [
            _build_values(cells, row_counts, get_value, f"{prefix}{path}[{number}].")
            for number in range(row_counts.get(f"{prefix}{path}", 0))
        ]
        set_value(values, path, rows)
    return values


def _group_by_table(columns: Columns) -> Iterator[tuple[str, Field | Columns]]:
    """Each value with its field; each list, once, with the columns of its rows."""
    seen: set[str] = set()
    for path, field in columns:
        table, separator, _ = path.partition("[].")
        if not separator:
            yield path, field
        elif table not in seen:
            seen.add(table)
            start = f"{table}[]."
            yield (
                table,
                [(cell[len(start) :], kind) for cell, kind in columns if cell.startswith(start)],
            )
