"""Reference files: which one is a document's, and the fields in it, in the suite's own keys.

Unwrapped from its envelope, mapped to our field names, technical keys taken out: suite.yaml says
how. Identifiers that came as JSON numbers become text, so that 7707083893 and "7707083893" are one.
"""

import fnmatch
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_lab.fields.comparison import CODE_TYPES
from vlm_lab.fields.paths import MISSING, find_value, set_value
from vlm_lab.fields.schema import find_unknown_paths
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Suite

Notes = tuple[Message, ...]


class ReferenceIndex:
    """Reference files by names in composed form: macOS and zip files write ё as two characters."""

    def __init__(self, suite: Suite) -> None:
        self.match = suite.match
        root = suite.references
        if root.is_file():
            base, paths = root.parent, [root]
        else:
            base, paths = root, sorted(root.rglob("*.json"))
        self.paths = {normalize_unicode(path.relative_to(base).as_posix()): path for path in paths}
        self.paths_by_name: dict[str, list[Path]] = {}
        for name, path in self.paths.items():
            self.paths_by_name.setdefault(name.rpartition("/")[2], []).append(path)
        self.used_paths: set[Path] = set()

    def find(self, document: str) -> Path | None:
        """A document's reference: at its own relative path, else the only one of that name."""
        folder, _, name = normalize_unicode(document).rpartition("/")
        reference_name = self.match.format(stem=name.rpartition(".")[0] or name, name=name)
        own_path = f"{folder}/{reference_name}" if folder else reference_name
        namesakes = self.paths_by_name.get(reference_name, [])
        reference_path = self.paths.get(own_path) or self.paths.get(reference_name)
        if reference_path is None and len(namesakes) == 1:
            reference_path = namesakes[0]
        if reference_path:
            self.used_paths.add(reference_path)
        return reference_path


def normalize_unicode(name: str) -> str:
    """A name as most systems write it: й as one character."""
    return unicodedata.normalize("NFC", name)


def read_reference(path: Path, suite: Suite) -> tuple[dict[str, Any] | None, Notes]:
    """The reference and what is to be said about it; None where it cannot be used."""
    name = terminal_safe(path.name)
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return None, (Message("unreadable", {"name": name, "said": str(error)}),)
    if suite.unwrap:
        data = get_at_path(data, suite.unwrap)
    if not isinstance(data, Mapping):
        message_id = "no_object_at" if suite.unwrap else "no_object"
        message_args = {"name": name, "path": suite.unwrap, "type": type(data).__name__}
        return None, (Message(message_id, message_args),)
    types_by_path = {field.path: field.type for field in suite.fields}
    try:
        mapped_fields = drop_keys(map_fields(data, suite.map), suite.ignore)
        fields = _fit_to_schema(mapped_fields, types_by_path, "")
    except RecursionError:
        return None, (Message("too_deep", {"name": name}),)
    return fields, _find_unknown_fields(name, fields, suite)


def get_at_path(data: Any, path: str) -> Any:
    """The value at a dotted path, None where it leads nowhere."""
    value = find_value(data, path)
    return None if value is MISSING else value


def drop_keys(
    data: Mapping[str, Any], patterns: tuple[str, ...], prefix: str = ""
) -> dict[str, Any]:
    """`data` without the keys whose name or dotted path matches (`confidence`, `*.bbox`)."""
    remaining = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        if not _matches_any(path, patterns) and not _matches_any(str(key), patterns):
            remaining[key] = _drop_nested_keys(value, patterns, f"{path}.")
    return remaining


def _matches_any(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def _drop_nested_keys(value: Any, patterns: tuple[str, ...], prefix: str) -> Any:
    if isinstance(value, Mapping):
        return drop_keys(value, patterns, prefix)
    if isinstance(value, list):
        return [_drop_nested_keys(item, patterns, prefix) for item in value]
    return value


def map_fields(data: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Our fields filled from the reference's paths; a map leaves out what it does not name."""
    if not renames:
        return dict(data)
    result: dict[str, Any] = {}
    for our_path, their_path in renames.items():
        _fill_field(result, our_path, data, their_path)
    return result


def _fill_field(target: dict[str, Any], our_path: str, data: Any, their_path: str) -> None:
    """One line of the map; `line_items[].amount: Строки[].Сумма` fills a cell of each row."""
    our_list, separator, our_cell = our_path.partition("[].")
    their_list, _, their_cell = their_path.partition("[].")
    value = find_value(data, their_list.removesuffix("[]"))
    if value is MISSING:
        return
    if not separator:
        set_value(target, our_list.removesuffix("[]"), value)
        return
    their_rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(their_rows, list):
        set_value(target, our_list, their_rows)
        return
    present_rows = find_value(target, our_list)
    our_rows = present_rows if isinstance(present_rows, list) else [{} for _ in their_rows]
    set_value(target, our_list, our_rows)
    for our_row, their_row in zip(our_rows, their_rows, strict=True):
        _fill_field(our_row, our_cell, their_row, their_cell)


def _fit_to_schema(value: Any, types_by_path: Mapping[str, str], path: str) -> Any:
    """`value` as the schema has it, where nothing is lost: the one value of a list for a field that
    is none, a list of one for a field that is a list, and the digits of an identifier that is a
    JSON number."""
    if not types_by_path:
        return value
    if isinstance(value, Mapping):
        prefix = f"{path}." if path else ""
        return {
            key: _fit_to_schema(child_value, types_by_path, f"{prefix}{key}")
            for key, child_value in value.items()
        }
    if isinstance(value, list):
        has_one_value = len(value) == 1 and not isinstance(value[0], Mapping | list)
        if has_one_value and path in types_by_path:
            return _fit_to_schema(value[0], types_by_path, path)
        return [_fit_to_schema(item, types_by_path, f"{path}[]") for item in value]
    is_list_field = path not in types_by_path and types_by_path.get(f"{path}[]") == "list"
    if is_list_field and value not in (None, ""):
        return [value]
    return _convert_number(value) if types_by_path.get(path) in CODE_TYPES else value


def _convert_number(value: Any) -> Any:
    """A JSON number as text; 7707083893.0, as tables export it, without its `.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _find_unknown_fields(name: str, data: dict[str, Any], suite: Suite) -> Notes:
    if not suite.fields:
        return ()
    unknown_paths = find_unknown_paths(data, suite.fields)
    if not unknown_paths:
        return ()
    first_paths = ", ".join(terminal_safe(path) for path in unknown_paths[:3])
    if len(unknown_paths) > 3:
        first_paths += " ..."
    return (Message("no_field", {"name": name, "fields": first_paths}),)
