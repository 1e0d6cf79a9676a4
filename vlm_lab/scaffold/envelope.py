"""What in a reference is not the document: its envelope, and a pipeline's notes to itself.

{"status": "ok", "result": {"data": {"Номер": "17", "confidence": 0.9}}}: the fields sit in
`result.data`, and `confidence` is no field.
"""

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.fields.flattening import is_null
from vlm_lab.fields.roles import split_key
from vlm_lab.scaffold.overlay import Node

MAX_ENVELOPE_DEPTH = 6  # levels of wrapping that anybody uses
MIN_ENVELOPE_SHARE = 0.9  # share of references that must have the envelope

# Keys that hold a pipeline's own notes wherever they stand, and those that do so only beside or
# above all fields.
TECHNICAL_KEY = re.compile(
    r"confidences?|conf|probabilit(y|ies)|logprobs?|b?box(es)?|bounding ?box(es)?|bounding ?poly(gon)?|polygons?|coords"
    r"|coordinates|page ?(index|no|num|number)|ocr ?text|raw ?(text|response|ocr)|full ?text|processed ?at|trace ?id"
    r"|processing ?(time|date|ms|seconds)|file ?(name|path|size|hash)|source ?file|sha ?256|md5|request ?id"
    r"|модель ?распознавания|уверенность|достоверность|координаты|имя ?файла|путь ?к ?файлу|обработан\w*"
    r"|(дата|время) ?обработки"
)
TECHNICAL_TOP_KEY = re.compile(
    r"status|state|ok|success|errors?|warnings?|message|(schema ?)?version|model( ?name| ?version)?|engine|pipeline"
    r"|parser|created ?at|updated ?at|extracted ?at|timestamp|elapsed( ?\w+)?|duration( ?\w+)?|time ?ms|file|path"
    r"|latency( ?\w+)?|source|uuid|job ?id|score|tokens|pages?|page ?count|файл|статус|версия|ошибк[аи]|модель"
)
TECHNICAL_SUBTREE_KEY = re.compile(r"meta|metadata|usage|метаданные")
ENVELOPE_KEY = re.compile(
    r"id|doc(ument)? ?id|lang|language|type|код|тип|страниц[аы]?"
)  # notes above the fields only
VALUE_KEY = re.compile(r"value|значение|wert|valeur")
ANNOTATION_KEY = re.compile(
    r"page|type|value ?type|kind|source|score|spans?|raw|text|content|label|страница|тип|источник"
)


def find_envelope(references: Sequence[Any]) -> tuple[str, ...]:
    """The keys that lead to the fields, () if they lie on top; a list of one object has the key `0`."""
    keys: list[str] = []
    current_level = list(references)
    while len(keys) < MAX_ENVELOPE_DEPTH:
        key = _find_wrapper_key(current_level)
        if key is None:
            break
        keys.append(key)
        current_level = [_step_into(value, key) for value in current_level]
    return tuple(keys)


def unwrap_envelope(data: Any, keys: Iterable[str]) -> Any:
    """The value that `keys` lead to, None where they lead nowhere."""
    for key in keys:
        data = _step_into(data, key)
    return data


def find_technical_keys(root: Node) -> list[str]:
    """Patterns for suite.yaml's `ignore`, each once."""
    return list(dict.fromkeys(_walk_technical_keys(root, "", True)))


def build_value_map(root: Node) -> dict[str, str]:
    """suite.yaml's `map` for references in which a field is an object around its value, {"value":
    "17", "page": 1}; {} where none is."""
    path_map = dict(_map_paths(root, "", ""))
    return (
        path_map if any(our_path != their_path for our_path, their_path in path_map.items()) else {}
    )


def _map_paths(node: Node, our_prefix: str, their_prefix: str) -> Iterator[tuple[str, str]]:
    for key, child in node.children.items():
        our_path, their_path = f"{our_prefix}{key}", f"{their_prefix}{key}"
        value_key = None if child.is_rows else _find_value_key(child)
        if value_key:
            ending = "[]" if child.children[value_key].is_list else ""
            yield our_path + ending, f"{their_path}.{value_key}{ending}"
        elif child.children:
            rows = "[]" if child.is_rows else ""
            yield from _map_paths(child, f"{our_path}{rows}.", f"{their_path}{rows}.")
        else:
            ending = "[]" if child.is_list else ""
            yield our_path + ending, their_path + ending


def _find_value_key(node: Node) -> str | None:
    """The key of the value, where all beside it are remarks about it."""
    value_keys = [
        key
        for key, child in node.children.items()
        if VALUE_KEY.fullmatch(split_key(key)) and not child.children
    ]
    annotation_keys = [key for key in node.children if ANNOTATION_KEY.fullmatch(split_key(key))]
    return (
        value_keys[0]
        if len(value_keys) == 1 and len(annotation_keys) == len(node.children) - 1
        else None
    )


def _walk_technical_keys(node: Node, prefix: str, on_top: bool) -> Iterator[str]:
    for key, child in list(node.children.items()):
        child_path = f"{prefix}{key}"
        if TECHNICAL_KEY.fullmatch(split_key(key)) or _is_bounding_box(child):
            yield glob.escape(key)
        elif on_top and _is_technical_on_top(child, split_key(key)):
            yield glob.escape(child_path)
        else:
            yield from _walk_technical_keys(child, f"{child_path}.", False)


def _is_technical_on_top(node: Node, name: str) -> bool:
    return bool(
        TECHNICAL_SUBTREE_KEY.fullmatch(name)
        or (not node.children and TECHNICAL_TOP_KEY.fullmatch(name))
    )


def _is_bounding_box(node: Node) -> bool:
    """Lists of four or eight numbers and nothing else: a place on a page."""
    filled_values = [value for value in node.values if not is_null(value)]
    return (
        bool(filled_values)
        and not node.children
        and all(_is_box_value(value) for value in filled_values)
    )


def _is_box_value(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (4, 8)
        and all(type(coordinate) in (int, float) for coordinate in value)
    )


def _find_wrapper_key(references: Sequence[Any]) -> str | None:
    """The one key that holds all that is no note, in nearly all references."""
    if sum(
        isinstance(reference, list) and len(reference) == 1 and isinstance(reference[0], Mapping)
        for reference in references
    ) >= MIN_ENVELOPE_SHARE * len(references):
        return "0"
    objects = [reference for reference in references if isinstance(reference, Mapping)]
    if not objects or len(objects) < MIN_ENVELOPE_SHARE * len(references):
        return None
    wrapper_keys = {
        str(key)
        for reference in objects
        for key, value in reference.items()
        if _can_hold_fields(value) and not _is_technical_key(str(key))
    }
    if len(wrapper_keys) != 1:
        return None
    (wrapper_key,) = wrapper_keys
    other_keys = {str(key) for reference in objects for key in reference} - {wrapper_key}
    holding_count = sum(_can_hold_fields(reference.get(wrapper_key)) for reference in objects)
    return (
        wrapper_key
        if holding_count >= MIN_ENVELOPE_SHARE * len(references)
        and all(map(_is_technical_key, other_keys))
        else None
    )


def _can_hold_fields(value: Any) -> bool:
    """An object; or a list of one object that is no row of a table: it has something below it."""
    if isinstance(value, Mapping):
        return bool(value)
    only_item = value[0] if isinstance(value, list) and len(value) == 1 else None
    return isinstance(only_item, Mapping) and any(
        isinstance(child_value, Mapping | list) and child_value
        for child_value in only_item.values()
    )


def _is_technical_key(key: str) -> bool:
    return any(
        pattern.fullmatch(split_key(key))
        for pattern in (TECHNICAL_KEY, TECHNICAL_TOP_KEY, TECHNICAL_SUBTREE_KEY, ENVELOPE_KEY)
    )


def _step_into(data: Any, key: str) -> Any:
    if isinstance(data, Mapping):
        return data.get(key)
    return (
        data[int(key)]
        if isinstance(data, list) and key.isdigit() and int(key) < len(data)
        else None
    )
