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
    """The reference files, by their names in composed form: macOS and zip files write ё as two
    characters."""

    def __init__(self, suite: Suite) -> None:
        self.match = suite.match
        root = suite.references
        paths = [root] if root.is_file() else sorted(root.rglob("*.json")) if root.is_dir() else []
        base = root.parent if root.is_file() else root
        self.paths = {normalize_unicode(path.relative_to(base).as_posix()): path for path in paths}
        self.paths_by_name: dict[str, list[Path]] = {}
        for name, path in self.paths.items():
            self.paths_by_name.setdefault(name.rpartition("/")[2], []).append(path)
        self.used_paths: set[Path] = set()

    def find(self, document: str) -> Path | None:
        """The reference of a document: beside its own relative path first, else the only one of
        that name."""
        folder, _, name = normalize_unicode(document).rpartition("/")
        wanted = self.match.format(stem=name.rpartition(".")[0] or name, name=name)
        found = self.paths.get(f"{folder}/{wanted}" if folder else wanted) or self.paths.get(wanted)
        if found is None and len(self.paths_by_name.get(wanted, [])) == 1:
            found = self.paths_by_name[wanted][0]
        if found:
            self.used_paths.add(found)
        return found


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
        kind = "no_object_at" if suite.unwrap else "no_object"
        return None, (
            Message(kind, {"name": name, "path": suite.unwrap, "type": type(data).__name__}),
        )
    types = {field.path: field.type for field in suite.fields}
    try:
        fields = _fit_to_schema(drop_keys(map_fields(data, suite.map), suite.ignore), types, "")
    except RecursionError:
        return None, (Message("too_deep", {"name": name}),)
    return fields, _find_unknown_fields(name, fields, suite)


def get_at_path(data: Any, path: str) -> Any:
    """The value at a dotted path, None where it leads nowhere."""
    found = find_value(data, path)
    return None if found is MISSING else found


def drop_keys(
    data: Mapping[str, Any], patterns: tuple[str, ...], prefix: str = ""
) -> dict[str, Any]:
    """`data` without the keys whose name or dotted path matches one of the patterns (`confidence`,
    `*.bbox`)."""
    kept = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        if not any(
            fnmatch.fnmatchcase(path, each) or fnmatch.fnmatchcase(str(key), each)
            for each in patterns
        ):
            kept[key] = _drop_nested_keys(value, patterns, f"{path}.")
    return kept


def _drop_nested_keys(value: Any, patterns: tuple[str, ...], prefix: str) -> Any:
    if isinstance(value, Mapping):
        return drop_keys(value, patterns, prefix)
    if isinstance(value, list):
        return [_drop_nested_keys(item, patterns, prefix) for item in value]
    return value


def map_fields(data: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Our fields filled from the reference's paths; with a map, what it does not name is left
    out."""
    if not renames:
        return dict(data)
    result: dict[str, Any] = {}
    for ours, theirs in renames.items():
        _fill_field(result, ours, data, theirs)
    return result


def _fill_field(target: dict[str, Any], ours: str, data: Any, theirs: str) -> None:
    """One line of the map; `line_items[].amount: Строки[].Сумма` fills a cell of each row."""
    our_list, our_rows, our_cell = ours.partition("[].")
    their_list, _, their_cell = theirs.partition("[].")
    value = find_value(data, their_list.removesuffix("[]"))
    if value is MISSING:
        return
    if not our_rows:
        set_value(target, our_list.removesuffix("[]"), value)
        return
    rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, list):
        set_value(target, our_list, rows)
        return
    ours_so_far = find_value(target, our_list)
    made = ours_so_far if isinstance(ours_so_far, list) else [{} for _ in rows]
    set_value(target, our_list, made)
    for row, source in zip(made, rows, strict=True):
        _fill_field(row, our_cell, source, their_cell)


def _fit_to_schema(value: Any, types: Mapping[str, str], path: str) -> Any:
    """`value` as the schema has it, where nothing is lost: the one value of a list for a field that
    is none, a list of one for a field that is a list, and the digits of an identifier that is a
    JSON number."""
    if not types:
        return value
    if isinstance(value, Mapping):
        prefix = f"{path}." if path else ""
        return {key: _fit_to_schema(inner, types, f"{prefix}{key}") for key, inner in value.items()}
    if isinstance(value, list):
        single = len(value) == 1 and path in types and not isinstance(value[0], Mapping | list)
        return (
            _fit_to_schema(value[0], types, path)
            if single
            else [_fit_to_schema(item, types, f"{path}[]") for item in value]
        )
    if path not in types and types.get(f"{path}[]") == "list" and value not in (None, ""):
        return [value]
    return _convert_number(value) if types.get(path) in CODE_TYPES else value


def _convert_number(value: Any) -> Any:
    """A JSON number as text; 7707083893.0, as tables export it, without its `.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _find_unknown_fields(name: str, data: dict[str, Any], suite: Suite) -> Notes:
    if not suite.fields:
        return ()
    unknown = find_unknown_paths(data, suite.fields)
    if not unknown:
        return ()
    first = ", ".join(terminal_safe(path) for path in unknown[:3]) + (
        " ..." if len(unknown) > 3 else ""
    )
    return (Message("no_field", {"name": name, "fields": first}),)
