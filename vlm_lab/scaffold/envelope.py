"""What in a reference is not the document: the envelope around it, and a pipeline's notes to itself.

{"status": "ok", "result": {"data": {"Номер": "17", "confidence": 0.9}}}: the fields sit in `result.data`, and
`confidence` is no field.
"""

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.fields.flattening import is_empty
from vlm_lab.fields.roles import words
from vlm_lab.scaffold.overlay import Node

DEEPEST = 6  # levels of wrapping that anybody uses
USUAL = 0.9  # share of references that must have the envelope

# Keys that hold a pipeline's own notes wherever they stand, and those that do so only beside or above all fields.
ANYWHERE = re.compile(
    r"confidences?|conf|probabilit(y|ies)|logprobs?|b?box(es)?|bounding ?box(es)?|bounding ?poly(gon)?|polygons?|coords"
    r"|coordinates|page ?(index|no|num|number)|ocr ?text|raw ?(text|response|ocr)|full ?text|processed ?at|trace ?id"
    r"|processing ?(time|date|ms|seconds)|file ?(name|path|size|hash)|source ?file|sha ?256|md5|request ?id"
    r"|модель ?распознавания|уверенность|достоверность|координаты|имя ?файла|путь ?к ?файлу|обработан\w*"
    r"|(дата|время) ?обработки"
)
ON_TOP = re.compile(
    r"status|state|ok|success|errors?|warnings?|message|(schema ?)?version|model( ?name| ?version)?|engine|pipeline"
    r"|parser|created ?at|updated ?at|extracted ?at|timestamp|elapsed( ?\w+)?|duration( ?\w+)?|time ?ms|file|path"
    r"|latency( ?\w+)?|source|uuid|job ?id|score|tokens|pages?|page ?count|файл|статус|версия|ошибк[аи]|модель"
)
WITH_ALL_BELOW = re.compile(r"meta|metadata|usage|метаданные")
ENVELOPE = re.compile(r"id|doc(ument)? ?id|lang|language|type|код|тип|страниц[аы]?")  # notes above the fields only
VALUE = re.compile(r"value|значение|wert|valeur")
REMARK = re.compile(r"page|type|value ?type|kind|source|score|spans?|raw|text|content|label|страница|тип|источник")


def find_envelope(data: Sequence[Any]) -> tuple[str, ...]:
    """The keys that lead to the fields, () where they lie on top. A list of one object is stepped into as `0`."""
    keys: list[str] = []
    inner = list(data)
    while len(keys) < DEEPEST:
        key = _wrapper(inner)
        if key is None:
            break
        keys.append(key)
        inner = [_step(each, key) for each in inner]
    return tuple(keys)


def unwrapped(data: Any, keys: Iterable[str]) -> Any:
    """The value that `keys` lead to, None where they lead nowhere."""
    for key in keys:
        data = _step(data, key)
    return data


def technical(root: Node) -> list[str]:
    """Patterns for suite.yaml's `ignore`, each once."""
    return list(dict.fromkeys(_technical(root, "", True)))


def value_map(root: Node) -> dict[str, str]:
    """suite.yaml's `map` for references in which a field is an object around its value, {"value": "17", "page": 1};
    {} where none is."""
    pairs = dict(_pairs(root, "", ""))
    return pairs if any(ours != theirs for ours, theirs in pairs.items()) else {}


def _pairs(node: Node, ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    for key, child in node.children.items():
        our_path, their_path = f"{ours}{key}", f"{theirs}{key}"
        value = None if child.is_rows else _value_key(child)
        if value:
            ending = "[]" if child.children[value].is_list else ""
            yield our_path + ending, f"{their_path}.{value}{ending}"
        elif child.children:
            rows = "[]" if child.is_rows else ""
            yield from _pairs(child, f"{our_path}{rows}.", f"{their_path}{rows}.")
        else:
            ending = "[]" if child.is_list else ""
            yield our_path + ending, their_path + ending


def _value_key(node: Node) -> str | None:
    """The key of the value, where all beside it are remarks about it."""
    values = [key for key, child in node.children.items() if VALUE.fullmatch(words(key)) and not child.children]
    remarks = [key for key in node.children if REMARK.fullmatch(words(key))]
    return values[0] if len(values) == 1 and len(remarks) == len(node.children) - 1 else None


def _technical(node: Node, path: str, on_top: bool) -> Iterator[str]:
    for key, child in list(node.children.items()):
        own = f"{path}{key}"
        if ANYWHERE.fullmatch(words(key)) or _is_box(child):
            yield glob.escape(key)
        elif on_top and _is_on_top(child, words(key)):
            yield glob.escape(own)
        else:
            yield from _technical(child, f"{own}.", False)


def _is_on_top(node: Node, name: str) -> bool:
    return bool(WITH_ALL_BELOW.fullmatch(name) or (not node.children and ON_TOP.fullmatch(name)))


def _is_box(node: Node) -> bool:
    """Lists of four or eight numbers and nothing else: a place on a page."""
    said = [value for value in node.values if not is_empty(value)]
    return bool(said) and not node.children and all(_is_corners(value) for value in said)


def _is_corners(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (4, 8) and all(type(each) in (int, float) for each in value)


def _wrapper(data: Sequence[Any]) -> str | None:
    """The one key that holds all that is no note, in nearly all references."""
    if sum(isinstance(each, list) and len(each) == 1 and isinstance(each[0], Mapping) for each in data) >= USUAL * len(
        data
    ):
        return "0"
    objects = [each for each in data if isinstance(each, Mapping)]
    if not objects or len(objects) < USUAL * len(data):
        return None
    holders = {str(key) for each in objects for key, value in each.items() if _holds(value) and not _is_note(str(key))}
    if len(holders) != 1:
        return None
    (holder,) = holders
    others = {str(key) for each in objects for key in each} - {holder}
    present = sum(_holds(each.get(holder)) for each in objects)
    return holder if present >= USUAL * len(data) and all(map(_is_note, others)) else None


def _holds(value: Any) -> bool:
    """An object; or a list of exactly one that can be a document and no row of a table: it has something below it."""
    if isinstance(value, Mapping):
        return bool(value)
    one = value[0] if isinstance(value, list) and len(value) == 1 else None
    return isinstance(one, Mapping) and any(isinstance(each, Mapping | list) and each for each in one.values())


def _is_note(key: str) -> bool:
    return any(kind.fullmatch(words(key)) for kind in (ANYWHERE, ON_TOP, WITH_ALL_BELOW, ENVELOPE))


def _step(data: Any, key: str) -> Any:
    if isinstance(data, Mapping):
        return data.get(key)
    return data[int(key)] if isinstance(data, list) and key.isdigit() and int(key) < len(data) else None
