"""Where in a file the suite's fields lie, when that is not where suite.yaml's `unwrap` says: of
another pipeline's JSON, which has another envelope or none.

{"status": "ok", "response": {"fields": {"Номер": "17"}}}: found by the names of the fields.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from vlm_lab.types import Suite

MAX_DEPTH = 6  # levels of wrapping that anybody uses
MAX_OBJECTS = 1000  # that are looked into


def find_fields(data: Any, suite: Suite) -> Mapping[str, Any] | None:
    """The object in `data` that has most of the suite's first keys, the outermost of several; None
    where none has one."""
    wanted_keys = list_first_keys(suite)
    best: Mapping[str, Any] | None = None
    best_count = 0
    for candidate in _walk_objects(data):
        count = len(wanted_keys & set(map(str, candidate)))
        if count > best_count:
            best, best_count = candidate, count
    return best


def list_first_keys(suite: Suite) -> set[str]:
    """The keys on top of the suite's fields, ours and those that `map` takes them from."""
    paths = [*(field.path for field in suite.fields), *suite.map.values()]
    return {path.partition(".")[0].removesuffix("[]") for path in paths}


def _walk_objects(data: Any) -> Iterator[Mapping[str, Any]]:
    """Objects in objects and in lists of one, level by level."""
    level: Collection[Any] = [data]
    visited_count = 0
    for _ in range(MAX_DEPTH + 1):
        next_level: list[Any] = []
        for value in level:
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if not isinstance(value, Mapping):
                continue
            visited_count += 1
            if visited_count > MAX_OBJECTS:
                return
            yield value
            next_level += value.values()
        level = next_level
