"""Rows of a list -> what alignment compares of them: the cells that say something, and of a whole
row a text that is equal for equal data."""

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.fields.flattening import FlatRecord, flatten_row
from vlm_lab.scoring.cells import Cell, ColumnMatcher, Row, make_cell
from vlm_lab.scoring.scoring_state import ScoringState
from vlm_lab.types import Conventions, Field


def make_row(state: ScoringState, row: FlatRecord, conventions: Conventions) -> Row:
    """What alignment compares, of the cells that say something; of a list inside the row all that
    it holds."""
    cells: Row = {}
    for path, value in row.values_by_path.items():
        if path in state.fields_by_path and not state.says_nothing(path, value):
            cells[path] = make_cell(state.fields_by_path[path], value, conventions)
    for path, rows in row.rows_by_path.items():
        if path not in state.table_paths:
            continue
        if description := _describe_rows(state, path, rows, conventions):
            cells[path] = Cell(description, description, description)
    return cells


def make_matcher(state: ScoringState, path: str) -> ColumnMatcher:
    """How a column's cells are compared; a list inside a row by its description."""
    scored_field = state.fields_by_path.get(path, Field(path))
    return ColumnMatcher(scored_field, state.expected_conventions, state.actual_conventions)


def _describe_rows(
    state: ScoringState, table: str, rows: Sequence[Any], conventions: Conventions
) -> str:
    """A text that is equal for rows with equal values, whatever the order of rows and keys; "" for
    rows without a cell that says something."""
    descriptions = []
    for row in rows:
        cells = make_row(state, flatten_row(row, table, state.table_paths), conventions)
        items = sorted(
            f"{path.rpartition('.')[2]}:{cell.canonical}" for path, cell in cells.items()
        )
        descriptions.append(", ".join(items))
    return "; ".join(sorted(filter(None, descriptions)))


def serialize_unordered(value: Any) -> str:
    """A text that is equal for equal data, whatever the order of keys and rows."""
    if isinstance(value, Mapping):
        items = sorted(f"{key!r}:{serialize_unordered(child)}" for key, child in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(serialize_unordered, value))) + "]"
    return repr(value)
