"""Data as a model shaped it -> data in the schema's shape, and whether that took unwrapping.

Known keys are looked up where the schema has them. What lies under unknown keys is searched for the
part that matches the most of the schema's paths: an envelope, a tool call, pages, an object in a
string. Values are never changed, only moved; what matches nothing stays where it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.schema import flatten_json
from vlm_lab.parsing.fitted_value import (
    MAX_SEARCH_DEPTH,
    FittedValue,
    merge_disjoint,
    merge_pages,
)
from vlm_lab.parsing.row_shapes import fit_rows, fit_table
from vlm_lab.parsing.schema_tree import SchemaNode, build_schema_tree
from vlm_lab.parsing.value_shapes import fit_list, fit_value
from vlm_lab.parsing.wrappers import (
    collect_numbered,
    decode_text,
    expand_indexed_keys,
    read_key_value_list,
)
from vlm_lab.types import Field

MAX_VISITS = 50_000  # objects and lists that are looked at: a hostile reply has more
MIN_HOISTED_SHARE = 0.8  # of an unknown object's leaves that are the schema's, beside known keys


def fit_to_fields(value: Any, fields: Iterable[Field]) -> FittedValue:
    """A reply's data (dicts and lists, as JSON gives them) as the fields' schema wants it; without
    `paths` nothing in it is known."""
    return _Fitting().fit_object(value, build_schema_tree(tuple(fields)), 0)


class _Fitting:
    """One walk over one reply, which ends after MAX_VISITS steps at the latest."""

    def __init__(self) -> None:
        self.visits = 0

    def fit(self, value: Any, node: SchemaNode, depth: int) -> FittedValue:
        """What is under a known key, as that key wants it."""
        if node.kind == "mixed":
            return FittedValue(value, frozenset([node.path]))
        if node.kind == "value":
            return fit_value(value, node)
        if node.kind == "list":
            return fit_list(value, node)
        if node.kind == "table":
            return fit_table(value, node, depth, self.fit_object)
        return self.fit_object(value, node, depth)

    def fit_object(self, value: Any, node: SchemaNode, depth: int) -> FittedValue:
        """An object: its known keys where they are, else what of its insides matches the most."""
        self.visits += 1
        if depth > MAX_SEARCH_DEPTH or self.visits > MAX_VISITS:
            return FittedValue(value)
        if isinstance(value, str):
            decoded = decode_text(value)
            fitted = (
                FittedValue(value) if decoded is None else self.fit_object(decoded, node, depth + 1)
            )
            return fitted.mark_reshaped() if fitted.paths else FittedValue(value)
        if isinstance(value, list):
            return self._fit_list_as_object(value, node, depth)
        if not isinstance(value, dict):
            return FittedValue(value)
        known, unknown = self._fit_members(value, node, depth)
        inner = [(key, self.fit_object(child, node, depth + 1)) for key, child in unknown]
        found = [(key, fitted) for key, fitted in inner if fitted.paths]
        return _hoist(value, known, found) if found else known

    def _fit_members(
        self, value: dict[str, Any], node: SchemaNode, depth: int
    ) -> tuple[FittedValue, list[tuple[str, Any]]]:
        """The object with its known keys as they are wanted, and what could hold more of them."""
        members: dict[str, Any] = {}
        unknown: list[tuple[str, Any]] = []
        paths: set[str] = set()
        expanded = expand_indexed_keys(value, node.has_child)
        reshaped = expanded is not value
        for key, child in expanded.items():
            child_node = node.find_child(key)
            if child_node is None:
                members[key] = child
                if _may_hold_object(child):
                    unknown.append((key, child))
            elif child_node.kind == "value" and isinstance(child, str | int | None):
                members[key] = child
                paths.add(child_node.path)
            else:
                fitted = self.fit(child, child_node, depth)
                members[key] = fitted.value
                paths |= fitted.paths
                reshaped |= fitted.reshaped
        return FittedValue(members, frozenset(paths), reshaped), unknown

    def _fit_list_as_object(self, items: list[Any], node: SchemaNode, depth: int) -> FittedValue:
        """A list where an object is wanted: of one object, of keys and values, of pages; or the
        rows of a table that stand alone."""
        objects = [item for item in items if isinstance(item, dict)]
        for record in read_key_value_list(items):
            if _is_record(record, node):
                return self.fit_object(record, node, depth + 1).mark_reshaped()
        table = _find_table_of_rows(objects, node)
        if table is not None:
            rows = fit_rows(items, table, depth + 1, self.fit_object)
            return FittedValue({table.name: rows.value}, rows.paths, True)
        pages = [
            self.fit_object(item, node, depth + 1)
            for item in items
            if isinstance(item, dict | list) or (isinstance(item, str) and "{" in item)
        ]
        known_pages = [page for page in pages if page.paths]
        # Two sellers are no pages of one.
        is_document = not node.name
        merged = merge_pages(known_pages) if is_document else merge_disjoint(known_pages)
        return FittedValue(items) if merged is None else merged.mark_reshaped()


def _is_record(record: Mapping[str, Any], node: SchemaNode) -> bool:
    """Whether keys of a list of keys and values are the schema's, also as paths."""
    first_keys = {re.split(r"[.\[]", key.lstrip("/"), maxsplit=1)[0]: None for key in record}
    return 2 * node.count_known(first_keys) >= len(first_keys) > 0


def _hoist(
    value: Mapping[str, Any], known: FittedValue, found: Sequence[tuple[str, FittedValue]]
) -> FittedValue:
    """An object with what lies inside it under unknown keys lifted to where the schema has it."""
    pages = [fitted for _, fitted in found]
    if collect_numbered(dict(found)) is not None and len(found) > 1:
        inner = merge_pages(pages)
    else:
        # Of equals the last: what follows a draft replaces it.
        ranked = sorted(enumerate(pages), key=lambda page: (len(page[1].paths), page[0]))[::-1]
        inner = merge_disjoint([page for _, page in ranked])
    if inner is None:
        return known
    if not known.paths:
        return inner.mark_reshaped()
    is_fuller = len(inner.paths) > 2 * len(known.paths) and inner.paths & known.paths
    if is_fuller and _says_something(inner.value):  # a template of nulls replaces no value
        return inner.mark_reshaped()
    extra = merge_disjoint(
        [known] + [page for (key, page) in found if _is_part_of_record(value[key], page, known)]
    )
    return known if extra is None or extra.paths == known.paths else extra.mark_reshaped()


def _says_something(value: Any) -> bool:
    return any(not says_nothing(leaf) for _, leaf in flatten_json(value))


def _is_part_of_record(raw: Any, page: FittedValue, known: FittedValue) -> bool:
    """Whether an unknown object beside known keys holds hardly anything but other known paths."""
    if len(page.paths) < 2 or page.paths & known.paths:
        return False
    if len(page.paths) > 2 * len(known.paths):
        return True
    leaf_count = len({path for path, _ in flatten_json(raw)})
    return len(page.paths) >= MIN_HOISTED_SHARE * leaf_count


def _find_table_of_rows(
    objects: Sequence[Mapping[str, Any]], node: SchemaNode
) -> SchemaNode | None:
    """The table whose columns a list's objects have, where these know more of them than of the
    object itself."""
    if len(objects) < 2:
        return None
    sample = {key: None for item in objects[:5] for key in item}
    tables = [child for child in node.children.values() if child.kind == "table"]
    best = max(tables, key=lambda table: table.count_known(sample), default=None)
    if best is None or best.count_known(sample) <= node.count_known(sample):
        return None
    return best


def _may_hold_object(value: Any) -> bool:
    if isinstance(value, str):
        return "{" in value or "[" in value
    return isinstance(value, dict | list) and bool(value)
