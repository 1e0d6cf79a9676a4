"""YAML read strictly: safe tags only, no key twice, and every complaint names file, line and key.

The line numbers come from the composed nodes, which PyYAML throws away once it has built the values.
"""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from vlm_lab.errors import UserError

T = TypeVar("T")
Key = str | int


@dataclass(frozen=True, slots=True)
class Source:
    """A YAML file: its values, and the nodes that know their lines."""

    path: Path
    data: Any
    root: yaml.Node | None

    def line(self, keys: Sequence[Key]) -> int:
        """The line (from 1) of the value at `keys`, or of the nearest value around it."""
        node, line = self.root, 1
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            line, node = found
        return line

    def error(self, keys: Sequence[Key], message: str) -> UserError:
        """`models.yaml:12: models[2].revison: message`"""
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
        return UserError(f"{self.path}:{self.line(keys)}: {place + ': ' if place else ''}{message}")


def read_yaml(path: Path) -> Source:
    """Reads one file. UserError where it cannot be read, is no YAML, or names a key twice."""
    try:
        text = path.read_text("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        source = Source(path, yaml.safe_load(text), root)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    _refuse_twins(source, root, [])
    return source


def check_keys(source: Source, keys: Sequence[Key], data: object, known: Iterable[str]) -> None:
    """UserError at the first key of the mapping `data` that is not among `known`."""
    known = sorted(known)
    if not isinstance(data, Mapping):
        raise source.error(keys, f"must be a mapping with keys {', '.join(known)} (got {data!r})")
    for key in data:
        if key not in known:
            raise source.error([*keys, key], f"unknown key {key!r}{suggestion(str(key), known)}")


def build(cls: type[T], source: Source, keys: Sequence[Key], data: Mapping[str, Any]) -> T:
    """The dataclass `cls` from a mapping: unknown keys and wrong types are a UserError with their line."""
    check_keys(source, keys, data, [field.name for field in dataclasses.fields(cls)])  # type: ignore[arg-type]
    made: T = convert(cls, source, keys, data)
    return made


def convert(kind: Any, source: Source, keys: Sequence[Key], value: object) -> Any:
    """`value` as the type `kind`; a value of another type is a UserError that says what was wanted."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise source.error([*keys, *_location(first)], _complaint(first)) from None


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'revision'?`, or the words that would be right."""
    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


def _location(detail: ErrorDetails) -> list[Key]:
    return list(detail["loc"])


def _complaint(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]} (got {detail['input']!r})"


def _child(node: yaml.Node | None, key: Key) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item.start_mark.line + 1, item
    return None


def _refuse_twins(source: Source, node: yaml.Node | None, keys: list[Key]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            if name.value in seen:
                raise UserError(f"{source.path}:{name.start_mark.line + 1}: the key {name.value!r} stands here twice")
            seen.add(name.value)
            _refuse_twins(source, value, [*keys, name.value])
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _refuse_twins(source, value, [*keys, index])
