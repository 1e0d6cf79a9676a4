"""References -> the same in plain shapes, as a schema should ask for them.

{"items": {"item": [{...}]}} becomes {"items": [{...}]}, {"amount": {"value": 12, "currency":
"EUR"}} becomes {"amount": "12 EUR"}. Which keys are meant is seen in all references together:
XML leaves one object where there is one row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.scaffold.overlay import Node, overlay_references
from vlm_lab.suite.shapes import NUMBERED_ROW, describe_shapes, fit_to_fields, unwrap_value
from vlm_lab.types import Field

ROW_NAMES = ("item", "row", "element", "entry", "line", "record", "position", "строка", "позиция")

JOINED_TYPE = "joined"  # of a field that was an object, until its type is guessed


def simplify_shapes(
    references: Sequence[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The references in the shapes in which most is said with least, and the paths at which an
    object became one value."""
    fields = dict.fromkeys(_find_plain_fields(overlay_references(references), ""))
    shapes = describe_shapes(tuple(fields))
    joined_paths = tuple(field.path for field in fields if field.type == JOINED_TYPE)
    return [fit_to_fields(reference, shapes) for reference in references], joined_paths


def _find_plain_fields(node: Node, path: str) -> Iterator[Field]:
    for key, child in node.children.items():
        yield from _find_fields_at(key, child, f"{path}.{key}" if path else key)


def _find_fields_at(key: str, node: Node, path: str) -> Iterator[Field]:
    if _is_wrapped_value(node):
        yield Field(path, JOINED_TYPE)
        return
    row_nodes = _find_row_nodes(key, node)
    if row_nodes:
        for row_node in row_nodes:
            yield from _find_row_fields(row_node, f"{path}[]")
    elif node.children:
        yield from _find_plain_fields(node, path)
    else:
        yield Field(f"{path}[]", "list") if node.is_list else Field(path)


def _is_wrapped_value(node: Node) -> bool:
    if not node.children or node.is_rows:
        return False
    return not isinstance(unwrap_value(_build_sample(node)), Mapping)


def _find_row_fields(node: Node, path: str) -> Iterator[Field]:
    if node.children:
        yield from _find_plain_fields(node, path)
    else:
        yield Field(path, "list")


def _find_row_nodes(key: str, node: Node) -> list[Node]:
    """The nodes of a list's rows: of the list itself, of an object around it, of objects under
    numbers; none where the node is no list."""
    children = {name: child for name, child in node.children.items() if not name.startswith("@")}
    objects = {name: child for name, child in children.items() if child.children}
    if len(children) == 1 and objects:
        ((name, child),) = objects.items()
        if node.is_rows or child.is_rows or _is_singular(name, key):
            return _find_row_nodes(name, child) or [child]
    if objects and len(objects) == len(children):
        numbers = [NUMBERED_ROW.fullmatch(name) for name in objects]
        if all(numbers) and not node.is_rows:
            return list(objects.values())
    if len(children) == 1 and not objects and not node.is_rows:
        (child,) = children.values()
        return [child] if child.is_list else []
    return [node] if node.is_rows else []


def _is_singular(name: str, plural: str) -> bool:
    """`tax` of `taxes`, `Position` of `Positionen`, `lineItem` of `lineItems`; `item` of any."""
    folded_name, folded_plural = name.casefold(), plural.casefold()
    if folded_name.rpartition(":")[2] in ROW_NAMES:
        return True
    return folded_plural != folded_name and folded_plural.startswith(folded_name[:-1] or "?")


def _build_sample(node: Node) -> Any:
    """An object with the keys of all that were seen at a node."""
    if not node.children:
        return [] if node.is_list else "1"
    sample = {key: _build_sample(child) for key, child in node.children.items()}
    return [sample] if node.is_rows else sample
