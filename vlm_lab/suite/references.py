"""A document's reference, as its file has it -> the fields in it, in the suite's own keys.

Unwrapped from its envelope, mapped to our field names, technical keys taken out: suite.yaml says
how. Flattened keys are nested again and values take the fields' shape: identifiers that came as
JSON numbers become text, so that 7707083893 and "7707083893" are one.
"""

import fnmatch
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from vlm_lab.fields.paths import MISSING, find_value, set_value
from vlm_lab.fields.schema import find_unknown_paths, flatten_json
from vlm_lab.messages import Message
from vlm_lab.sanitize import replace_surrogates, terminal_safe
from vlm_lab.suite.envelopes import find_fields, list_first_keys
from vlm_lab.suite.flat_keys import JOINTS, has_flat_keys, unflatten_keys
from vlm_lab.suite.json_values import measure_depth
from vlm_lab.suite.reference_files import Notes, join_values, read_values
from vlm_lab.suite.reference_index import FoundReference
from vlm_lab.suite.shapes import describe_shapes, fit_to_fields
from vlm_lab.types import Suite

MAX_DEPTH = 32  # levels of nesting that anybody uses; a reply may have as many
REFUSALS = ("objects_differ", "too_deep")  # kinds of notes that leave no reference


def read_reference(
    found: FoundReference, suite: Suite, *, finds_envelope: bool = False
) -> tuple[dict[str, Any] | None, Notes]:
    """The reference and what is to be said about it; None where it cannot be used. With
    `finds_envelope` the fields are looked for where `unwrap` leads to none of them."""
    name = terminal_safe(found.name)
    try:
        data, notes = read_raw_reference(found)
    except (OSError, ValueError, RecursionError) as error:
        return None, (Message("unreadable", {"name": name, "said": str(error)}),)
    if any(note.kind in REFUSALS for note in notes):
        return None, notes
    fields = _read_fields(data, suite)
    if finds_envelope and list_first_keys(suite).isdisjoint(fields or ()):
        enveloped = find_fields(data, suite)
        fields = _read_fields(enveloped, replace(suite, unwrap=None)) if enveloped else fields
    if fields is None:
        unwrapped = get_at_path(data, suite.unwrap) if suite.unwrap else data
        message_id = "no_object_at" if suite.unwrap else "no_object"
        message_args = {"name": name, "path": suite.unwrap, "type": type(unwrapped).__name__}
        return None, (*notes, Message(message_id, message_args))
    return fields, (*notes, *_find_unknown_fields(name, fields, suite))


def read_raw_reference(found: FoundReference) -> tuple[Any, Notes]:
    """What the file says about the document, as it is written there; None where it cannot be used,
    with a note of REFUSALS. OSError, ValueError or RecursionError where it cannot be read."""
    name = terminal_safe(found.name)
    if found.entries:
        values, notes = [entry.data for entry in found.entries], found.notes
    else:
        values, notes = read_values(found.path)
    if any(measure_depth(value) > MAX_DEPTH for value in values):
        return None, (*notes, Message("too_deep", {"name": name}))
    data, join_notes = join_values([*map(replace_surrogates, values)], name)
    return data, (*notes, *join_notes)


def _read_fields(data: Any, suite: Suite) -> dict[str, Any] | None:
    """The fields in the suite's keys and shapes; of the styles in which keys may be paths those are
    taken under which more of the suite's fields are there. None where there is no object."""
    fields = _convert_to_suite(data, suite)
    if not suite.fields or not has_flat_keys(data):
        return fields
    shapes = describe_shapes(suite.fields)
    known_paths = {*shapes.types_by_path, *(f"{path}[]" for path in shapes.list_paths)}
    known_count = _count_known_paths(fields, known_paths)
    for style in JOINTS:
        unflattened = unflatten_keys(data, style)
        candidate = _convert_to_suite(unflattened, suite)
        candidate_count = _count_known_paths(candidate, known_paths)
        if candidate_count > known_count:
            data, fields, known_count = unflattened, candidate, candidate_count
    return fields


def _convert_to_suite(data: Any, suite: Suite) -> dict[str, Any] | None:
    unwrapped = _unwrap(data, suite)
    if not isinstance(unwrapped, Mapping):
        return None
    fields = drop_keys(map_fields(unwrapped, suite.map), suite.ignore)
    return fit_to_fields(fields, describe_shapes(suite.fields)) if suite.fields else fields


def _unwrap(data: Any, suite: Suite) -> Any:
    """What lies in the envelope; all of it where there is none and a field of the suite is."""
    unwrapped = get_at_path(data, suite.unwrap) if suite.unwrap else data
    if unwrapped is not None or not isinstance(data, Mapping):
        return unwrapped
    return None if list_first_keys(suite).isdisjoint(map(str, data)) else data


def _count_known_paths(fields: Any, known_paths: Set[str]) -> int:
    return len({path for path, _ in flatten_json(fields)} & known_paths)


def get_at_path(data: Any, path: str) -> Any:
    """The value at a dotted path, None where it leads nowhere."""
    value = find_value(data, path)
    return None if value is MISSING else value


def drop_keys(
    data: Mapping[str, Any], patterns: tuple[str, ...], prefix: str = ""
) -> dict[str, Any]:
    """`data` without the keys whose name or dotted path matches (`confidence`, `*.bbox`)."""
    if not patterns:
        return dict(data)
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
    """Our fields filled from the reference's paths; a map leaves out what it does not name. Where
    none of the renamed paths is there, the data has our keys already."""
    if not renames:
        return dict(data)
    changed = [theirs for ours, theirs in renames.items() if ours != theirs]
    lists = [path.partition("[]")[0] if "[]." in path else path for path in changed]
    has_own_keys = bool(changed) and all(
        find_value(data, path.removesuffix("[]")) is MISSING for path in lists
    )
    result: dict[str, Any] = {}
    for our_path, their_path in renames.items():
        _fill_field(result, our_path, data, our_path if has_own_keys else their_path)
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
