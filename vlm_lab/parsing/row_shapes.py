"""Tables in the schema's shape: rows out of columns, numbered members, strings, envelopes.

What is in a row is fitted as any object is, by `fit_object`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vlm_lab.parsing.fitted_value import MAX_SEARCH_DEPTH, FittedValue
from vlm_lab.parsing.schema_tree import SchemaNode
from vlm_lab.parsing.wrappers import (
    collect_numbered,
    decode_text,
    read_key_value_list,
    read_split_table,
    transpose_columns,
    zip_rows,
)

FitObject = Callable[[Any, SchemaNode, int], FittedValue]


def fit_table(value: Any, node: SchemaNode, depth: int, fit_object: FitObject) -> FittedValue:
    """A list of rows, however it is written."""
    if depth > MAX_SEARCH_DEPTH:
        return FittedValue(value)
    if isinstance(value, str):
        decoded = decode_text(value)
        return (
            FittedValue(value)
            if decoded is None
            else fit_table(decoded, node, depth + 1, fit_object).mark_reshaped()
        )
    if isinstance(value, list):
        return fit_rows(value, node, depth, fit_object)
    if not isinstance(value, dict):
        return FittedValue(value, frozenset([node.path]))
    if node.count_known(value):
        return _fit_columns(value, node, depth, fit_object)
    rows = read_split_table(value)
    if rows is None:
        rows = collect_numbered(value)
    if rows is not None and any(isinstance(row, dict | list) for row in rows):
        return fit_rows(rows, node, depth + 1, fit_object).mark_reshaped()
    return _fit_wrapped_table(value, node, depth, fit_object)


def _fit_columns(
    value: Mapping[str, Any], node: SchemaNode, depth: int, fit_object: FitObject
) -> FittedValue:
    """A dict of columns; where its values are no lists, it is the only row."""
    cells = [(child_node, value[key]) for key in value if (child_node := node.find_child(key))]
    is_columns = all(
        child_node.kind == "value"
        and (isinstance(cell, list) or (isinstance(cell, dict) and collect_numbered(cell)))
        for child_node, cell in cells
    )
    if is_columns:
        return fit_rows(transpose_columns(value), node, depth, fit_object).mark_reshaped()
    fitted = fit_object(value, node, depth)
    return FittedValue([fitted.value], fitted.paths, fitted.reshaped)


def _fit_wrapped_table(
    value: Mapping[str, Any], node: SchemaNode, depth: int, fit_object: FitObject
) -> FittedValue:
    """`{"items": [...], "count": 2}`: the member with the most known columns; else rows under
    keys of their own."""
    members = [
        fit_table(child, node, depth + 1, fit_object)
        for child in value.values()
        if isinstance(child, list | dict | str)
    ]
    best = max(members, key=lambda fitted: len(fitted.paths), default=FittedValue(value))
    if not best.paths or not isinstance(best.value, list):
        return FittedValue(value)
    if len(members) == len(value) > 1 and all(isinstance(row, dict) for row in value.values()):
        rows = [row for fitted in members if isinstance(fitted.value, list) for row in fitted.value]
        return FittedValue(rows, best.paths, True)
    return best.mark_reshaped()


def fit_rows(
    rows: Sequence[Any], node: SchemaNode, depth: int, fit_object: FitObject
) -> FittedValue:
    fitted_rows: list[Any] = []
    paths: set[str] = set() if rows else {node.path}
    reshaped = False
    has_lists = bool(rows) and all(isinstance(row, list) for row in rows)
    if has_lists and isinstance(rows[0], list):
        named = zip_rows(rows[0], rows[1:])
        if named and node.count_known(named[0]) > len(rows[0]) / 2:
            return fit_rows(named, node, depth, fit_object).mark_reshaped()
    for row in rows:
        if isinstance(row, list) and any(isinstance(cell, dict) for cell in row):
            fitted = _fit_nested_rows(row, node, depth, fit_object)
            fitted_rows += fitted.value
        else:
            is_row = isinstance(row, dict) or (isinstance(row, str) and "{" in row)
            fitted = fit_object(row, node, depth) if is_row else FittedValue(row)
            fitted_rows.append(fitted.value)
        paths |= fitted.paths
        reshaped |= fitted.reshaped
    return FittedValue(fitted_rows, frozenset(paths), reshaped)


def _fit_nested_rows(
    row: list[Any], node: SchemaNode, depth: int, fit_object: FitObject
) -> FittedValue:
    """A list among rows: the rows of a page, or a row written as keys and values."""
    for record in read_key_value_list(row):
        if node.count_known(record) > len(record) / 2:
            fitted = fit_object(record, node, depth)
            return FittedValue([fitted.value], fitted.paths, True)
    return fit_rows(row, node, depth + 1, fit_object).mark_reshaped()
