"""Many references laid over each other: one tree of keys, with all values that were seen at each.

Keys are kept as they are, dots and brackets included; only `collect_columns` writes them as the
paths that fields have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.fields.nothing import is_null
from vlm_lab.fields.schema import MAX_SCHEMA_DEPTH


@dataclass(slots=True)
class Node:
    """One key: how often something was there, its plain values, and what lies below it.

    `slot_count` is how often its parent was there; `list_count` counts lists, `object_count`
    counts objects (rows of a list included).
    """

    values: list[Any] = field(default_factory=list)
    children: dict[str, "Node"] = field(default_factory=dict)
    list_count: int = 0
    object_count: int = 0
    slot_count: int = 0

    @property
    def is_list(self) -> bool:
        """A list of plain values, in at least half of the places where it is anything."""
        return not self.children and 0 < len(self.values) <= 2 * self.list_count

    @property
    def is_rows(self) -> bool:
        """A list with objects in it."""
        return bool(self.list_count and self.children)


@dataclass(frozen=True, slots=True)
class Column:
    """A leaf of the tree under its field's path, with the values that say something, how many stood
    at it empty, and how many places (documents, rows) it could have stood in."""

    path: str
    key: str
    values: tuple[Any, ...]
    empty_count: int
    slot_count: int
    in_rows: bool
    is_list: bool
    is_mixed: bool


def overlay_references(references: Sequence[Mapping[str, Any]]) -> Node:
    """The tree of all references."""
    root = Node()
    for reference in references:
        _add_value(root, reference, 0)
    _count_slots(root)
    return root


def collect_columns(node: Node, path: str = "", in_rows: bool = False) -> Iterator[Column]:
    """The leaves in the order in which they were first seen."""
    for key, child in node.children.items():
        child_path = f"{path}.{key}" if path else key
        if child.is_rows or child.is_list:
            child_path += "[]"
        if child.children:
            yield from collect_columns(child, child_path, in_rows or child.is_rows)
            continue
        filled_values = tuple(value for value in child.values if not is_null(value))
        yield Column(
            path=child_path,
            key=key,
            values=filled_values,
            empty_count=len(child.values) - len(filled_values),
            slot_count=child.slot_count,
            in_rows=in_rows,
            is_list=child.is_list,
            is_mixed=0 < child.list_count < len(child.values),
        )


def _add_value(node: Node, value: Any, depth: int) -> None:
    if depth > MAX_SCHEMA_DEPTH:
        return
    if isinstance(value, Mapping):
        node.object_count += 1
        for key, child_value in value.items():
            _add_value(node.children.setdefault(str(key), Node()), child_value, depth + 1)
    elif isinstance(value, list):
        _add_list(node, value, depth)
    else:
        node.values.append(value)


def _add_list(node: Node, value: list[Any], depth: int) -> None:
    node.list_count += 1
    if any(isinstance(item, Mapping) for item in value):
        for item in value:
            if isinstance(item, Mapping):
                _add_value(node, item, depth + 1)
    else:
        node.values.append(value)


def _count_slots(node: Node) -> None:
    for child in node.children.values():
        child.slot_count = node.object_count
        _count_slots(child)
