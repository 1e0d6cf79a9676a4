"""The fields -> the template that NuExtract's models fill in: a JSON object with a type's name
where a value belongs.

Values are asked for as they are printed, dates alone as ISO 8601: a number that a model rewrites is
one that it may rewrite wrongly, and how printed ones are read is known here.
"""

from collections.abc import Sequence
from typing import Any

from vlm_lab.types import Field

VERBATIM = "verbatim-string"
TYPES = {"date": "date-time", "boolean": ["true", "false"]}  # a list of words is a choice


def build_extraction_template(fields: Sequence[Field]) -> dict[str, Any]:
    """`totals.net` is in an object, `rows[].amount` in the one object of a list, `tags[]` a list of
    one type's name."""
    template: dict[str, Any] = {}
    for scored_field in fields:
        *parents, leaf = scored_field.path.split(".")
        node = template
        for name in parents:
            node = _enter_part(node, name)
        is_list = leaf.endswith("[]")
        value: Any = [VERBATIM] if is_list else TYPES.get(scored_field.type, VERBATIM)
        node[leaf.removesuffix("[]")] = value
    return template


def _enter_part(node: dict[str, Any], name: str) -> dict[str, Any]:
    """The object or the row of that name, made where it is the first of its fields."""
    key = name.removesuffix("[]")
    known = node.get(key)
    part = known[0] if isinstance(known, list) else known
    if not isinstance(part, dict):
        part = {}
        node[key] = [part] if name.endswith("[]") else part
    return part
