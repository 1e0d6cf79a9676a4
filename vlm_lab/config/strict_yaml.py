"""YAML read strictly: safe tags only, no key twice, and every complaint names file, line and key.

The line numbers come from the composed nodes, which PyYAML throws away once it has built the
values.
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
from yaml.constructor import ConstructorError

from vlm_lab.errors import UserError
from vlm_lab.files import read_bounded_text
from vlm_lab.sanitize import quote_value, shorten, terminal_safe

T = TypeVar("T")
YamlKey = str | int
MAX_NODES = 100_000  # values of one file, aliases written out
MAX_YAML_BYTES = 1 << 18  # PyYAML reads a hundred kilobytes a second
MAX_OPEN_BRACKETS = 100


@dataclass(frozen=True, slots=True)
class YamlSource:
    """A YAML file: its values, and the nodes that know their lines."""

    path: Path
    data: Any
    root_node: yaml.Node | None

    def find_line(self, keys: Sequence[YamlKey]) -> int:
        """The line (from 1) of the value at `keys`, or of the nearest value around it."""
        node, line = self.root_node, 1
        for key in keys:
            child = _find_child(node, key)
            if child is None:
                break
            line, node = child
        return line

    def make_error(self, keys: Sequence[YamlKey], message: str) -> UserError:
        """`models.yaml:12: models[2].revison: message`"""
        steps = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
        key_path = terminal_safe(shorten("".join(steps).lstrip(".")))
        location = f"{self.path}:{self.find_line(keys)}: "
        return UserError(f"{location}{key_path}: {message}" if key_path else location + message)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe one, which lets out whatever a value that is no date or no number raises, and
    takes the longer for a bracket the more of them are open."""

    def fetch_flow_collection_start(self, token_class: Any) -> None:
        if self.flow_level >= MAX_OPEN_BRACKETS:
            raise RecursionError
        super().fetch_flow_collection_start(token_class)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def read_yaml(path: Path) -> YamlSource:
    """Reads one file. UserError where it cannot be read, is no YAML, or names a key twice."""
    try:
        loader = _Loader(read_bounded_text(path, limit=MAX_YAML_BYTES))
        root = loader.get_single_node()
        _check_size(path, root)
        _check_duplicate_keys(path, root)
        return YamlSource(path, None if root is None else loader.construct_document(root), root)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: is not YAML: {_format_yaml_error(error)}") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply to be read") from None


def check_keys(
    source: YamlSource, keys: Sequence[YamlKey], data: object, known_keys: Iterable[str]
) -> None:
    """UserError at the first key of the mapping `data` that is not among `known_keys`."""
    known_keys = sorted(known_keys)
    if not isinstance(data, Mapping):
        raise source.make_error(
            keys, f"must be a mapping with keys {', '.join(known_keys)} (got {quote_value(data)})"
        )
    for key in data:
        if key not in known_keys:
            raise source.make_error(
                [*keys, key],
                f"unknown key {quote_value(key)}{format_suggestion(str(key), known_keys)}",
            )


def parse_dataclass(
    cls: type[T], source: YamlSource, keys: Sequence[YamlKey], data: Mapping[str, Any]
) -> T:
    """The dataclass `cls` from a mapping; UserError with the line of a wrong key or type."""
    check_keys(source, keys, data, [field.name for field in dataclasses.fields(cls)])  # type: ignore[arg-type]
    parsed: T = parse_value(cls, source, keys, data)
    return parsed


def parse_value(
    expected_type: Any, source: YamlSource, keys: Sequence[YamlKey], value: object
) -> Any:
    """`value` as `expected_type`; UserError says what was wanted."""
    try:
        return TypeAdapter(expected_type).validate_python(value)
    except ValidationError as error:
        first_error = error.errors()[0]
        raise source.make_error(
            [*keys, *_get_location(first_error)], _format_complaint(first_error)
        ) from None


def format_suggestion(word: str, known_words: Sequence[str], alternative: str = "") -> str:
    """`; did you mean 'revision'?`, or the words that would be right; after it, as a sentence of
    its own, what else may stand there."""
    close_matches = difflib.get_close_matches(word, known_words, 1)
    if close_matches:
        suggestion, end = f"; did you mean {close_matches[0]!r}", "?"
    else:
        suggestion, end = f"; known: {', '.join(known_words)}", "." if alternative else ""
    return f"{suggestion}{end} {alternative}".rstrip()


def _format_yaml_error(error: yaml.YAMLError) -> str:
    return terminal_safe(shorten(" ".join(str(error).split())))


def _get_location(detail: ErrorDetails) -> list[YamlKey]:
    return list(detail["loc"])


def _format_complaint(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]} (got {quote_value(detail['input'])})"


def _find_child(node: yaml.Node | None, key: YamlKey) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in reversed(node.value):  # what `<<` brought stands in front
            if key_node.value == str(key):
                return key_node.start_mark.line + 1, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item_node = node.value[key]
        return item_node.start_mark.line + 1, item_node
    return None


def _check_size(path: Path, root: yaml.Node | None) -> None:
    """UserError where aliases unfold to more than anybody writes, or into themselves."""
    if root is not None and _count_nodes(path, root, {}) > MAX_NODES:
        raise UserError(f"{path}: its aliases (*name) unfold to more than {MAX_NODES:,} values")


def _count_nodes(path: Path, node: yaml.Node, counts: dict[int, int | None]) -> int:
    """How many values there are when every alias is written out; each node is visited once."""
    if id(node) in counts:
        count = counts[id(node)]
        if count is None:
            line = node.start_mark.line + 1
            raise UserError(f"{path}:{line}: an alias (*name) stands inside what it names")
        return count
    counts[id(node)] = None
    total = 1 + sum(_count_nodes(path, child, counts) for child in _list_children(node))
    counts[id(node)] = total
    return total


def _list_children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_duplicate_keys(path: Path, node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        keys_so_far: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # no key that a mapping takes, as is said when it is built
            if key_node.value in keys_so_far:
                location = f"{path}:{key_node.start_mark.line + 1}"
                raise UserError(f"{location}: the key {key_node.value!r} stands here twice")
            keys_so_far.add(key_node.value)
            _check_duplicate_keys(path, value_node)
    elif isinstance(node, yaml.SequenceNode):
        for value_node in node.value:
            _check_duplicate_keys(path, value_node)
