"""One reference file -> the fields that a prediction is held against, in the suite's own keys.

Unwrapped from its envelope, mapped to our field names, technical keys taken out: suite.yaml says how.
"""

import fnmatch
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_lab.documents import shown
from vlm_lab.schema import paths_not_in
from vlm_lab.types import Suite

Told = tuple[str, ...]


def read_reference(path: Path, suite: Suite) -> tuple[dict[str, Any] | None, Told]:
    """The reference and what is to be said about it; None where it cannot be used."""
    name = shown(path.name)
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return None, (f"{name}: is not readable JSON ({error}); its document runs unscored",)
    if suite.unwrap:
        data = at(data, suite.unwrap)
    if not isinstance(data, Mapping):
        inside = f" at {suite.unwrap}" if suite.unwrap else ""
        return None, (f"{name}: holds no object{inside} (got {type(data).__name__}); its document runs unscored",)
    data = drop(_mapped(data, suite.map), suite.ignore)
    return data, _misfits(name, data, suite)


def at(data: Any, path: str) -> Any:
    """The value at a dotted path, None where it leads nowhere."""
    for key in path.split("."):
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


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


def _mapped(data: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Our fields filled from the reference's paths; with a map, what it does not name is left out."""
    if not renames:
        return dict(data)
    result: dict[str, Any] = {}
    for ours, theirs in renames.items():
        value = at(data, theirs)
        if value is not None:
            _put(result, ours.split("."), value)
    return result


def _put(target: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        target = target.setdefault(key, {})
    target[keys[-1]] = value


def _misfits(name: str, data: dict[str, Any], suite: Suite) -> Told:
    if not suite.fields:
        return ()
    unknown = paths_not_in(data, suite.fields)
    if not unknown:
        return ()
    few = ", ".join(shown(path) for path in unknown[:3]) + (" ..." if len(unknown) > 3 else "")
    return (f"{name}: the schema has no field {few}; not scored",)
