"""Fields -> the tree that a reply should be: which keys are objects, tables, lists and values.

Keys are held by their letters and digits (`invoicenumber`), as scoring finds them, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from vlm_lab.fields.flattening import reduce_spelling
from vlm_lab.types import Field

NodeKind = Literal["object", "table", "list", "value", "mixed"]
_LIST_MARKS = re.compile(r"(?:\[\])+$")
# Types whose values are numbers: of any other a number is the digits that it was written with.
NUMBER_TYPES = ("amount", "quantity")


@dataclass(slots=True)
class SchemaNode:
    """What is wanted under one key. An object has its keys as `children`, a table its columns;
    `name` is the key as the schema spells it, `path` the schema's path. What references have in
    several shapes is `mixed` and taken as it comes."""

    kind: NodeKind
    name: str = ""
    path: str = ""
    is_number: bool = False
    children: dict[str, "SchemaNode"] = field(default_factory=dict)

    def find_child(self, key: object) -> "SchemaNode | None":
        """The child that a reply's key stands for, however it is spelled."""
        return self.children.get(reduce_spelling(key)) if isinstance(key, str) else None

    def has_child(self, key: str) -> bool:
        """Whether a reply's key is one of the children."""
        return reduce_spelling(key) in self.children

    def count_known(self, keys: Mapping[str, object]) -> int:
        """How many of these keys are children."""
        return sum(self.find_child(key) is not None for key in keys)


@lru_cache(maxsize=64)
def build_schema_tree(fields: tuple[Field, ...]) -> SchemaNode:
    """The root object of these fields."""
    root = SchemaNode("object")
    for scored_field in fields:
        _add_field(root, scored_field)
    return root


def _add_field(root: SchemaNode, scored_field: Field) -> None:
    node = root
    segments = scored_field.path.split(".")
    for position, segment in enumerate(segments, 1):
        name = _LIST_MARKS.sub("", segment)
        is_last = position == len(segments)
        kind: NodeKind = "table" if segment.endswith("[]") else "object"
        if is_last:
            kind = "list" if segment.endswith("[]") else "value"
        path = ".".join(segments[:position])
        child = SchemaNode(kind, name, path, is_last and scored_field.type in NUMBER_TYPES)
        node = node.children.setdefault(reduce_spelling(name), child)
        if (
            segment.endswith("[][]")
            or (node.kind, node.name) != (kind, name)
            or (is_last and node is not child)
        ):
            node.kind = "mixed"
