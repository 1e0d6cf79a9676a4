"""What in a reference is not the document: its envelope, and a pipeline's notes to itself.

{"status": "ok", "result": {"data": {"Номер": "17", "confidence": 0.9}}}: the fields sit in
`result.data`, and `confidence` is no field.
"""

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.fields.nothing import is_null
from vlm_lab.fields.roles import split_key
from vlm_lab.fields.wrapper_keys import holds_value, is_remark
from vlm_lab.scaffold.overlay import Node

MAX_ENVELOPE_DEPTH = 6  # levels of wrapping that anybody uses
MIN_ENVELOPE_SHARE = 0.9  # share of references that must have the envelope

# Keys that hold a pipeline's own notes wherever they stand, beside those about one value
# (`wrapper_keys`), and keys that do so only beside or above all fields. What stands here is never
# scored, so that the words are few.
TECHNICAL_KEY = re.compile(
    r"page ?(index|no|num|number)|ocr ?text|raw ?(text|response|ocr)|full ?text"
    r"|processed ?at|processing ?(time|date|ms|seconds)|trace ?id|request ?id"
    r"|file ?(name|path|size|hash)|source ?file|sha ?256|md5"
    r"|модель ?распознавания|имя ?файла|путь ?к ?файлу"
    r"|обработан\w*|(дата|время) ?обработки"
)
TECHNICAL_TOP_KEY = re.compile(
    r"status|state|ok|success|errors?|warnings?|message|(schema ?)?version"
    r"|model( ?name| ?version)?|engine|pipeline|parser"
    r"|created ?at|updated ?at|extracted ?at|timestamp|time ?ms"
    r"|elapsed( ?\w+)?|duration( ?\w+)?|latency( ?\w+)?|file|path|source|uuid|job ?id"
    r"|score|tokens|pages?|page ?count|файл|статус|версия|ошибк[аи]|модель"
)
TECHNICAL_SUBTREE_KEY = re.compile(r"meta|metadata|usage|метаданные")
# Notes above the fields only.
ENVELOPE_KEY = re.compile(r"id|doc(ument)? ?id|lang|language|type|код|тип|страниц[аы]?")
ANNOTATION_KEY = re.compile(
    r"page|type|value ?type|kind|source|score|spans?|raw|text|content|label|страница|тип|источник"
)


def find_envelope(references: Sequence[Any]) -> tuple[str, ...]:
    """The keys that lead to the fields, () if those lie on top; of a list of one, `0`."""
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
    is_needed = any(our_path != their_path for our_path, their_path in path_map.items())
    return path_map if is_needed else {}


def _map_paths(node: Node, our_prefix: str, their_prefix: str) -> Iterator[tuple[str, str]]:
    for key, child in node.children.items():
        our_path, their_path = f"{our_prefix}{key}", f"{their_prefix}{key}"
        value_key = None if child.is_rows else _find_value_key(child)
        if value_key:
            list_marker = "[]" if child.children[value_key].is_list else ""
            yield our_path + list_marker, f"{their_path}.{value_key}{list_marker}"
        elif child.children:
            list_marker = "[]" if child.is_rows else ""
            yield from _map_paths(child, f"{our_path}{list_marker}.", f"{their_path}{list_marker}.")
        else:
            list_marker = "[]" if child.is_list else ""
            yield our_path + list_marker, their_path + list_marker


def _find_value_key(node: Node) -> str | None:
    """The key of the value, where all beside it are remarks about it."""
    leaf_keys = [key for key, child in node.children.items() if not child.children]
    value_keys = [key for key in leaf_keys if holds_value(key)]
    annotation_keys = [key for key in node.children if ANNOTATION_KEY.fullmatch(split_key(key))]
    if len(value_keys) == 1 and len(annotation_keys) == len(node.children) - 1:
        return value_keys[0]
    return None


def _walk_technical_keys(node: Node, prefix: str, on_top: bool) -> Iterator[str]:
    for key, child in list(node.children.items()):
        child_path = f"{prefix}{key}"
        if is_remark(key) or TECHNICAL_KEY.fullmatch(split_key(key)) or _is_bounding_box(child):
            yield glob.escape(key)
        elif on_top and _is_technical_on_top(child, split_key(key)):
            yield glob.escape(child_path)
        else:
            yield from _walk_technical_keys(child, f"{child_path}.", False)


def _is_technical_on_top(node: Node, name: str) -> bool:
    if TECHNICAL_SUBTREE_KEY.fullmatch(name):
        return True
    return not node.children and bool(TECHNICAL_TOP_KEY.fullmatch(name))


def _is_bounding_box(node: Node) -> bool:
    """Lists of four or eight numbers and nothing else: a place on a page."""
    filled_values = [value for value in node.values if not is_null(value)]
    if not filled_values or node.children:
        return False
    return all(_is_box_value(value) for value in filled_values)


def _is_box_value(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (4, 8):
        return False
    return all(type(coordinate) in (int, float) for coordinate in value)


def _find_wrapper_key(references: Sequence[Any]) -> str | None:
    """The one key that holds all that is no note, in nearly all references."""
    needed_count = MIN_ENVELOPE_SHARE * len(references)
    if sum(map(_is_list_of_one_object, references)) >= needed_count:
        return "0"
    objects = [reference for reference in references if isinstance(reference, Mapping)]
    if not objects or len(objects) < needed_count:
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
    if holding_count >= needed_count and all(map(_is_technical_key, other_keys)):
        return wrapper_key
    return None


def _is_list_of_one_object(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping)


def _can_hold_fields(value: Any) -> bool:
    """An object; or a list of one object that is no row of a table: it has something below it."""
    if isinstance(value, Mapping):
        return bool(value)
    if not _is_list_of_one_object(value):
        return False
    return any(
        isinstance(child_value, Mapping | list) and child_value for child_value in value[0].values()
    )


def _is_technical_key(key: str) -> bool:
    patterns = (TECHNICAL_KEY, TECHNICAL_TOP_KEY, TECHNICAL_SUBTREE_KEY, ENVELOPE_KEY)
    return is_remark(key) or any(pattern.fullmatch(split_key(key)) for pattern in patterns)


def _step_into(data: Any, key: str) -> Any:
    if isinstance(data, Mapping):
        return data.get(key)
    if isinstance(data, list) and key.isdigit() and int(key) < len(data):
        return data[int(key)]
    return None
