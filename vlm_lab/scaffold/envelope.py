"""What in a reference is not the document: the envelope around it, and a pipeline's notes to
itself.

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


def find_envelope(data: Sequence[Any]) -> tuple[str, ...]:
    """The keys that lead to the fields, () where they lie on top. A list of one object is stepped
    into as `0`."""
    keys: list[str] = []
    inner = list(data)
    while len(keys) < MAX_ENVELOPE_DEPTH:
        key = _find_wrapper_key(inner)
        if key is None:
            break
        keys.append(key)
        inner = [_step_into(each, key) for each in inner]
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
    pairs = dict(_map_paths(root, "", ""))
    return pairs if any(ours != theirs for ours, theirs in pairs.items()) else {}


def _map_paths(node: Node, ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    for key, child in node.children.items():
        our_path, their_path = f"{ours}{key}", f"{theirs}{key}"
        value = None if child.is_rows else _find_value_key(child)
        if value:
            ending = "[]" if child.children[value].is_list else ""
            yield our_path + ending, f"{their_path}.{value}{ending}"
        elif child.children:
            rows = "[]" if child.is_rows else ""
            yield from _map_paths(child, f"{our_path}{rows}.", f"{their_path}{rows}.")
        else:
            ending = "[]" if child.is_list else ""
            yield our_path + ending, their_path + ending


def _find_value_key(node: Node) -> str | None:
    """The key of the value, where all beside it are remarks about it."""
    values = [
        key
        for key, child in node.children.items()
        if VALUE_KEY.fullmatch(split_key(key)) and not child.children
    ]
    remarks = [key for key in node.children if ANNOTATION_KEY.fullmatch(split_key(key))]
    return values[0] if len(values) == 1 and len(remarks) == len(node.children) - 1 else None


def _walk_technical_keys(node: Node, path: str, on_top: bool) -> Iterator[str]:
    for key, child in list(node.children.items()):
        own = f"{path}{key}"
        if TECHNICAL_KEY.fullmatch(split_key(key)) or _is_bounding_box(child):
            yield glob.escape(key)
        elif on_top and _is_technical_on_top(child, split_key(key)):
            yield glob.escape(own)
        else:
            yield from _walk_technical_keys(child, f"{own}.", False)


def _is_technical_on_top(node: Node, name: str) -> bool:
    return bool(
        TECHNICAL_SUBTREE_KEY.fullmatch(name)
        or (not node.children and TECHNICAL_TOP_KEY.fullmatch(name))
    )


def _is_bounding_box(node: Node) -> bool:
    """Lists of four or eight numbers and nothing else: a place on a page."""
    said = [value for value in node.values if not is_null(value)]
    return bool(said) and not node.children and all(_is_box_value(value) for value in said)


def _is_box_value(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (4, 8)
        and all(type(each) in (int, float) for each in value)
    )


def _find_wrapper_key(data: Sequence[Any]) -> str | None:
    """The one key that holds all that is no note, in nearly all references."""
    if sum(
        isinstance(each, list) and len(each) == 1 and isinstance(each[0], Mapping) for each in data
    ) >= MIN_ENVELOPE_SHARE * len(data):
        return "0"
    objects = [each for each in data if isinstance(each, Mapping)]
    if not objects or len(objects) < MIN_ENVELOPE_SHARE * len(data):
        return None
    holders = {
        str(key)
        for each in objects
        for key, value in each.items()
        if _can_hold_fields(value) and not _is_technical_key(str(key))
    }
    if len(holders) != 1:
        return None
    (holder,) = holders
    others = {str(key) for each in objects for key in each} - {holder}
    present = sum(_can_hold_fields(each.get(holder)) for each in objects)
    return (
        holder
        if present >= MIN_ENVELOPE_SHARE * len(data) and all(map(_is_technical_key, others))
        else None
    )


def _can_hold_fields(value: Any) -> bool:
    """An object; or a list of exactly one that can be a document and no row of a table: it has
    something below it."""
    if isinstance(value, Mapping):
        return bool(value)
    one = value[0] if isinstance(value, list) and len(value) == 1 else None
    return isinstance(one, Mapping) and any(
        isinstance(each, Mapping | list) and each for each in one.values()
    )


def _is_technical_key(key: str) -> bool:
    return any(
        kind.fullmatch(split_key(key))
        for kind in (TECHNICAL_KEY, TECHNICAL_TOP_KEY, TECHNICAL_SUBTREE_KEY, ENVELOPE_KEY)
    )


def _step_into(data: Any, key: str) -> Any:
    if isinstance(data, Mapping):
        return data.get(key)
    return (
        data[int(key)]
        if isinstance(data, list) and key.isdigit() and int(key) < len(data)
        else None
    )
