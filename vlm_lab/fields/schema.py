"""JSON Schema -> the fields that are scored; without a schema, the fields that a reference shows.

A field is a leaf: `totals.gross`, `line_items[].amount` (a cell of a list's rows), `tags[]` (a list
of plain values, compared as a whole). Its type is what `x-vlm-lab` says (`{"type": "amount",
"tolerance": "0.01"}`, or just `"amount"`), else the schema's `format`, else its JSON type;
`vlm_lab.fields` knows the types.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.fields.comparison import resolve_field_type
from vlm_lab.fields.inference import infer_field_type
from vlm_lab.sanitize import quote_value, shorten
from vlm_lab.types import Field

SCHEMA_KEYWORD = "x-vlm-lab"
TYPES_BY_FORMAT = {"date": "date", "date-time": "date", "decimal": "amount"}
TYPES_BY_JSON_TYPE = {
    "number": "amount",
    "integer": "amount",
    "boolean": "boolean",
    "string": "text",
}
# Formats that llguidance (vLLM, llama.cpp) and OpenAI's structured outputs both compile.
GRAMMAR_FORMATS = (
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
)
DECIMAL_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"
NAMED_SCHEMA_KEYWORDS = (
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
)
BRANCHING_KEYWORDS = ("anyOf", "oneOf", "allOf")
VALUE_KEYWORDS = ("enum", "const", "default", "examples", "required")
MAX_SCHEMA_DEPTH = 32  # a schema that refers to itself ends here at the latest
MAX_SCHEMA_NODES = 20_000  # where it does so in two places, each level doubles them


def collect_schema_fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The leaves of a JSON Schema in its own order; local `$ref`s are followed, a `null` beside a
    type is left out."""
    visits = iter(range(MAX_SCHEMA_NODES))
    fields_by_path = {field.path: field for field in _iterate_fields(schema, schema, "", 0, visits)}
    return tuple(fields_by_path.values())


def collect_reference_fields(reference: Mapping[str, Any]) -> tuple[Field, ...]:
    """The leaves of a reference; a type is inferred where all values are of it, else it is text."""
    values_by_path: dict[str, list[Any]] = {}
    for path, value in flatten_json(reference):
        values_by_path.setdefault(path, []).append(value)
    return tuple(
        Field(path, "list" if path.endswith("[]") else infer_field_type(field_values, path))
        for path, field_values in values_by_path.items()
    )


def build_prompt_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as a prompt shows it: without `$schema` and the keys that only we read."""
    rewritten: dict[str, Any] = _rewrite_schema(schema, _remove_own_keywords)
    return rewritten


def build_grammar_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that a server compiles to a grammar: as a prompt shows it, with no `format` that
    is ours or that engines refuse; a decimal is a pattern."""
    prompt_schema = build_prompt_schema(schema)
    rewritten: dict[str, Any] = _rewrite_schema(prompt_schema, _replace_unknown_format)
    return rewritten


def hash_schema(schema: Mapping[str, Any]) -> str:
    """sha256 of a schema, whatever the order of its keys: what a run keeps of it."""
    return sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()


def find_unknown_paths(reference: Mapping[str, Any], fields: Sequence[Field]) -> list[str]:
    """The paths of a reference's leaves that no field has: a typo in one of the two, or a part
    nobody asks for. Rows or an object that are empty in one document are known by what is in
    them."""
    known_paths = {field.path for field in fields}
    parts = {part for path in known_paths for part in _list_parents(path)}
    reference_paths = dict.fromkeys(
        path for path, value in flatten_json(reference) if value or path not in parts
    )
    return [path for path in reference_paths if path not in known_paths]


def _list_parents(path: str) -> Iterator[str]:
    """`rows[].tax.rate`: `rows[]`, `rows` and `rows[].tax`."""
    names = path.split(".")
    for count in range(1, len(names)):
        parent = ".".join(names[:count])
        yield parent
        yield parent.removesuffix("[]")


def flatten_json(value: Any) -> Iterator[tuple[str, Any]]:
    """(path, value) of each leaf; rows of a list share their paths. A list without objects is one
    leaf, `tags[]`. A key may be empty: `.a` is no `a`. A loop and no recursion: data may be nested
    deeper than Python calls."""
    stack = [("", value)]
    is_root = True
    while stack:
        path, node = stack.pop()
        if isinstance(node, Mapping):
            prefix = "" if is_root else f"{path}."
            stack += [(f"{prefix}{key}", child) for key, child in reversed(list(node.items()))]
        elif isinstance(node, list) and any(isinstance(item, Mapping | list) for item in node):
            stack += [(f"{path}[]", item) for item in reversed(node)]
        else:
            yield f"{path}[]" if isinstance(node, list) else path, node
        is_root = False


def _rewrite_schema(
    node: Any, rewrite_node: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Any:
    """A schema with each schema in it rewritten; a property may be named as a keyword is."""
    if isinstance(node, list):
        return [_rewrite_schema(item, rewrite_node) for item in node]
    if not isinstance(node, Mapping):
        return node
    rewritten = {}
    for key, value in rewrite_node(node).items():
        if key in NAMED_SCHEMA_KEYWORDS and isinstance(value, Mapping):
            rewritten[key] = {
                name: _rewrite_schema(subschema, rewrite_node) for name, subschema in value.items()
            }
        elif key in VALUE_KEYWORDS:
            rewritten[key] = value
        else:
            rewritten[key] = _rewrite_schema(value, rewrite_node)
    return rewritten


def _remove_own_keywords(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: value for key, value in node.items() if key != "$schema" and not key.startswith("x-")
    }


def _replace_unknown_format(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "format" not in node or node["format"] in GRAMMAR_FORMATS:
        return node
    without_format = {key: value for key, value in node.items() if key != "format"}
    if node["format"] == "decimal":
        return {"pattern": DECIMAL_PATTERN, **without_format}
    return without_format


def _iterate_fields(
    node: Any, root: Mapping[str, Any], path: str, depth: int, visits: Iterator[int]
) -> Iterator[Field]:
    """The fields below a node; `visits` counts the nodes of the whole schema."""
    if next(visits, None) is None:
        raise UserError(
            f"unfolds to more than {MAX_SCHEMA_NODES:,} parts: "
            "a $ref leads to itself, or to others that each lead to several"
        )
    node = _resolve_node(node, root)
    if depth > MAX_SCHEMA_DEPTH:
        return
    if isinstance(node.get("properties"), Mapping):
        for key, subschema in node["properties"].items():
            child_path = f"{path}.{key}" if path else str(key)
            yield from _iterate_fields(subschema, root, child_path, depth + 1, visits)
    elif "items" in node:
        items = _resolve_node(node["items"], root)
        if "properties" in items or "items" in items:
            yield from _iterate_fields(items, root, f"{path}[]", depth + 1, visits)
        else:
            yield _build_field(node, f"{path}[]", "list")
    elif path:
        json_type = TYPES_BY_JSON_TYPE.get(_find_json_type(node), "text")
        yield _build_field(node, path, TYPES_BY_FORMAT.get(str(node.get("format")), json_type))


def _build_field(node: Mapping[str, Any], path: str, default_type: str) -> Field:
    annotation = node.get(SCHEMA_KEYWORD, {})
    annotation = {"type": annotation} if isinstance(annotation, str) else annotation
    if not isinstance(annotation, Mapping) or not annotation.keys() <= {"type", "tolerance"}:
        raise UserError(
            f"{shorten(path)}: {SCHEMA_KEYWORD} must be a type or "
            f'{{"type": ..., "tolerance": ...}} (got {quote_value(annotation)})'
        )
    field_type = str(annotation.get("type", default_type))
    return _check_field(Field(path, field_type, str(annotation.get("tolerance", "0"))))


def _check_field(field: Field) -> Field:
    """The field, if its type and tolerance can be used: a typo ends the run before it begins."""
    try:
        resolve_field_type(field.type)
        is_tolerance_valid = Decimal(field.tolerance) >= 0
    except UserError as error:
        raise UserError(f"{shorten(field.path)}: {error}") from None
    except InvalidOperation:
        is_tolerance_valid = False
    if not is_tolerance_valid:
        raise UserError(
            f"{shorten(field.path)}: tolerance must be a number from 0 on "
            f"(got {quote_value(field.tolerance)})"
        )
    return field


def _find_json_type(node: Mapping[str, Any]) -> str:
    declared = node.get("type", "string")
    json_types = declared if isinstance(declared, list) else [declared]
    return next((str(json_type) for json_type in json_types if json_type != "null"), "string")


def _resolve_node(node: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`node` with its local `$ref` followed and the first branch taken that is not null; {} where
    that leads nowhere."""
    for _ in range(MAX_SCHEMA_DEPTH):
        if not isinstance(node, Mapping):
            return {}
        reference = node.get("$ref")
        branches = _get_branches(node)
        if isinstance(reference, str):
            siblings = {key: value for key, value in node.items() if key != "$ref"}
            node = {**_resolve_reference(reference, root), **siblings}
        elif branches:
            branch: Any = next((branch for branch in branches if branch != {"type": "null"}), {})
            siblings = {key: value for key, value in node.items() if key not in BRANCHING_KEYWORDS}
            node = {**branch, **siblings} if isinstance(branch, Mapping) else siblings
        else:
            return node
    return {}


def _get_branches(node: Mapping[str, Any]) -> list[Any]:
    """The first list of alternatives that has any; [] where there is none."""
    branchings = [node.get(key) for key in BRANCHING_KEYWORDS]
    return next((each for each in branchings if isinstance(each, list) and each), [])


def _resolve_reference(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for segment in reference.removeprefix("#").split("/")[1:]:
        key = segment.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}
