"""Reference files: which one is a document's, and the fields in it, in the suite's own keys.

Unwrapped from its envelope, mapped to our field names, technical keys taken out: suite.yaml says how. Identifiers that
came as JSON numbers become text, so that 7707083893 and "7707083893" are one.
"""

import fnmatch
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_lab.fields.comparison import CODE_TYPES
from vlm_lab.fields.paths import MISSING, find, put
from vlm_lab.fields.schema import paths_not_in
from vlm_lab.messages import Reason
from vlm_lab.sanitize import shown
from vlm_lab.types import Suite

Told = tuple[Reason, ...]


class ReferenceIndex:
    """The reference files, by their names in composed form: macOS and zip files write ё as two characters."""

    def __init__(self, suite: Suite) -> None:
        self.match = suite.match
        root = suite.references
        paths = [root] if root.is_file() else sorted(root.rglob("*.json")) if root.is_dir() else []
        base = root.parent if root.is_file() else root
        self.paths = {composed(path.relative_to(base).as_posix()): path for path in paths}
        self.by_name: dict[str, list[Path]] = {}
        for name, path in self.paths.items():
            self.by_name.setdefault(name.rpartition("/")[2], []).append(path)
        self.used: set[Path] = set()

    def find(self, document: str) -> Path | None:
        """The reference of a document: beside its own relative path first, else the only one of that name."""
        folder, _, name = composed(document).rpartition("/")
        wanted = self.match.format(stem=name.rpartition(".")[0] or name, name=name)
        found = self.paths.get(f"{folder}/{wanted}" if folder else wanted) or self.paths.get(wanted)
        if found is None and len(self.by_name.get(wanted, [])) == 1:
            found = self.by_name[wanted][0]
        if found:
            self.used.add(found)
        return found


def composed(name: str) -> str:
    """A name as most systems write it: й as one character."""
    return unicodedata.normalize("NFC", name)


def read_reference(path: Path, suite: Suite) -> tuple[dict[str, Any] | None, Told]:
    """The reference and what is to be said about it; None where it cannot be used."""
    name = shown(path.name)
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return None, (Reason("unreadable", {"name": name, "said": str(error)}),)
    if suite.unwrap:
        data = at(data, suite.unwrap)
    if not isinstance(data, Mapping):
        kind = "no_object_at" if suite.unwrap else "no_object"
        return None, (Reason(kind, {"name": name, "path": suite.unwrap, "type": type(data).__name__}),)
    types = {field.path: field.type for field in suite.fields}
    try:
        fields = _shaped(drop(mapped(data, suite.map), suite.ignore), types, "")
    except RecursionError:
        return None, (Reason("too_deep", {"name": name}),)
    return fields, _misfits(name, fields, suite)


def at(data: Any, path: str) -> Any:
    """The value at a dotted path, None where it leads nowhere."""
    found = find(data, path)
    return None if found is MISSING else found


def drop(data: Mapping[str, Any], patterns: tuple[str, ...], prefix: str = "") -> dict[str, Any]:
    """`data` without the keys whose name or dotted path matches one of the patterns (`confidence`, `*.bbox`)."""
    kept = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        if not any(fnmatch.fnmatchcase(path, each) or fnmatch.fnmatchcase(str(key), each) for each in patterns):
            kept[key] = _drop_inside(value, patterns, f"{path}.")
    return kept


def _drop_inside(value: Any, patterns: tuple[str, ...], prefix: str) -> Any:
    if isinstance(value, Mapping):
        return drop(value, patterns, prefix)
    if isinstance(value, list):
        return [_drop_inside(item, patterns, prefix) for item in value]
    return value


def mapped(data: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Our fields filled from the reference's paths; with a map, what it does not name is left out."""
    if not renames:
        return dict(data)
    result: dict[str, Any] = {}
    for ours, theirs in renames.items():
        _fill(result, ours, data, theirs)
    return result


def _fill(target: dict[str, Any], ours: str, data: Any, theirs: str) -> None:
    """One line of the map; `line_items[].amount: Строки[].Сумма` fills a cell of each row."""
    our_list, our_rows, our_cell = ours.partition("[].")
    their_list, _, their_cell = theirs.partition("[].")
    value = find(data, their_list.removesuffix("[]"))
    if value is MISSING:
        return
    if not our_rows:
        put(target, our_list.removesuffix("[]"), value)
        return
    rows = [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, list):
        put(target, our_list, rows)
        return
    ours_so_far = find(target, our_list)
    made = ours_so_far if isinstance(ours_so_far, list) else [{} for _ in rows]
    put(target, our_list, made)
    for row, source in zip(made, rows, strict=True):
        _fill(row, our_cell, source, their_cell)


def _shaped(value: Any, types: Mapping[str, str], path: str) -> Any:
    """`value` as the schema has it, where nothing is lost: the one value of a list for a field that is none, a list of
    one for a field that is a list, and the digits of an identifier that is a JSON number."""
    if not types:
        return value
    if isinstance(value, Mapping):
        prefix = f"{path}." if path else ""
        return {key: _shaped(inner, types, f"{prefix}{key}") for key, inner in value.items()}
    if isinstance(value, list):
        single = len(value) == 1 and path in types and not isinstance(value[0], Mapping | list)
        return _shaped(value[0], types, path) if single else [_shaped(item, types, f"{path}[]") for item in value]
    if path not in types and types.get(f"{path}[]") == "list" and value not in (None, ""):
        return [value]
    return _digits(value) if types.get(path) in CODE_TYPES else value


def _digits(value: Any) -> Any:
    """A JSON number as text; 7707083893.0, as tables export it, without its `.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _misfits(name: str, data: dict[str, Any], suite: Suite) -> Told:
    if not suite.fields:
        return ()
    unknown = paths_not_in(data, suite.fields)
    if not unknown:
        return ()
    first = ", ".join(shown(path) for path in unknown[:3]) + (" ..." if len(unknown) > 3 else "")
    return (Reason("no_field", {"name": name, "fields": first}),)
