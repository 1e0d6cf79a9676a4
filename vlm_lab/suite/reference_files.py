"""A file with references -> its values, and notes on what was odd about it.

Several objects for one document are read as one where they do not contradict each other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_lab.fields.nothing import is_null
from vlm_lab.files import MAX_DATA_BYTES, read_bounded_bytes
from vlm_lab.messages import Message, list_first_names
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.encodings import UTF8_NAMES, decode_text
from vlm_lab.suite.label_files import parse_label_file

Notes = tuple[Message, ...]
MAX_NAMED_KEYS = 3


def read_values(path: Path) -> tuple[list[Any], Notes]:
    """The values of a file. OSError, ValueError or RecursionError where it cannot be read."""
    name = terminal_safe(path.name)
    text, encoding = decode_text(read_bounded_bytes(path, MAX_DATA_BYTES))
    parsed = parse_label_file(text, path.suffix.lower())
    notes = []
    if encoding not in UTF8_NAMES:
        notes.append(Message("not_utf8", {"encoding": encoding, "names": name}))
    if parsed.nan_count:
        notes.append(Message("nan_values", {"values": parsed.nan_count, "names": name}))
    if parsed.repeated_keys:
        keys = format_keys(parsed.repeated_keys)
        notes.append(Message("repeated_keys", {"names": f"{name} ({keys})"}))
    return parsed.values, tuple(notes)


def join_values(values: Sequence[Any], name: str) -> tuple[Any, Notes]:
    """The one value; of several objects, in a list or not, the union of their keys, rows one after
    the other. None where they contradict each other."""
    if len(values) == 1:
        (value,) = values
        if not isinstance(value, list) or len(value) < 2:
            return value, ()
        values = value
    objects = [value for value in values if isinstance(value, Mapping)]
    if not objects or len(objects) < len(values):
        return list(values), ()
    joined = dict(objects[0])
    changed_keys: list[str] = []
    for other in objects[1:]:
        changed_keys += _add_object(joined, other)
    message_args = {"name": name, "n": len(objects)}
    if changed_keys:
        fields = format_keys(dict.fromkeys(changed_keys))
        return None, (Message("objects_differ", {**message_args, "fields": fields}),)
    return joined, (Message("joined_objects", {"names": name}),)


def summarize_notes(notes: Iterable[Message]) -> list[Message]:
    """Notes that name a file, together where they say the same of several; each other note once."""
    unique_notes: list[Message] = []
    names_by_note: dict[tuple[str, str], list[str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for note in notes:
        if note in unique_notes:
            continue
        unique_notes.append(note)
        if "names" in note.figures:
            key = note.kind, str(note.figures.get("encoding", ""))
            names_by_note.setdefault(key, []).append(note.figures["names"])
            counts[key] += note.figures.get("values", 0)
    summary = [note for note in unique_notes if "names" not in note.figures]
    for (kind, encoding), names in names_by_note.items():
        message_args = {"n": len(names), "names": list_first_names(names), "encoding": encoding}
        summary.append(Message(kind, {**message_args, "values": counts[kind, encoding]}))
    return summary


def format_keys(keys: Sequence[str] | dict[str, None]) -> str:
    """The first keys, safe for a terminal."""
    first_keys = ", ".join(terminal_safe(key) for key in [*keys][:MAX_NAMED_KEYS])
    return f"{first_keys} ..." if len(keys) > MAX_NAMED_KEYS else first_keys


def _add_object(joined: dict[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Adds what is new or was empty; the keys whose values differ."""
    changed_keys = []
    for key, value in other.items():
        known_value = joined.get(key)
        if is_null(known_value):
            joined[key] = value
        elif isinstance(known_value, list) and isinstance(value, list):
            joined[key] = known_value if value == known_value else [*known_value, *value]
        elif isinstance(known_value, Mapping) and isinstance(value, Mapping):
            inner = dict(known_value)
            changed_keys += [f"{key}.{inner_key}" for inner_key in _add_object(inner, value)]
            joined[key] = inner
        elif not is_null(value) and value != known_value:
            changed_keys.append(str(key))
    return changed_keys
