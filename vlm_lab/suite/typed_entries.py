"""A JSON file with a list of entries of one kind, written by programs for their user alone: read
checked, written whole."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.sanitize import terminal_safe
from vlm_lab.type_adapters import get_adapter

Entry = TypeVar("Entry")


def read_typed_entries(path: Path, kind: type[Entry], way_out: str) -> tuple[Entry, ...]:
    """The entries; none where there is no file. UserError where it cannot be used: what is wrong,
    and the way out."""
    adapter = get_adapter(tuple[kind, ...])  # type: ignore[valid-type]
    try:
        entries: tuple[Entry, ...] = adapter.validate_json(read_bounded_bytes(path, MAX_DATA_BYTES))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise UserError(f"{path}: {_describe_first_error(error)}; {way_out}") from None
    return entries


def write_typed_entries(path: Path, entries: Iterable[Any]) -> None:
    """Writes the file whole. UserError where that cannot be."""
    content = [asdict(entry) for entry in entries]
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    try:
        with atomic_private_file(path, durable=True) as file:
            file.write(text.encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def _describe_first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    index, *keys = first["loc"] or ("",)
    place = f"entry {int(index) + 1}: " if isinstance(index, int) else ""
    return terminal_safe(f"{place}{'.'.join(map(str, keys))} {first['msg']}").strip()
