"""corrections.json as it lies on the disk: read with a version, written whole, by one at a time.

Whoever decides something has read the file before: what was written since then must not be lost,
so a change is made to the version that was seen or not at all.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.suite.corrections import parse_entries
from vlm_lab.suite.private_files import write_missing_gitignore

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SavedEntries:
    """The entries of a file, and a digest of it by which a change of it is noticed; "" where there
    is no file yet."""

    entries: Sequence[Entry] = ()
    version: str = ""


class StaleVersion(Exception):
    """The file is no longer the one that was seen; `saved` is what it is now."""

    def __init__(self, saved: SavedEntries) -> None:
        super().__init__("the file was changed since it was read")
        self.saved = saved


def read_saved_entries(path: Path) -> SavedEntries:
    """The file as it is. UserError where it cannot be used."""
    try:
        content = read_bounded_bytes(path, MAX_DATA_BYTES)
    except FileNotFoundError:
        return SavedEntries()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return SavedEntries(parse_entries(path, content), sha256(content).hexdigest())


def update_entries(
    path: Path, change: Callable[[Sequence[Entry]], Sequence[Entry]], version: str | None = None
) -> SavedEntries:
    """Writes what `change` makes of the entries; the file as it is then. StaleVersion where a
    version is given and is not the file's. A link to a file stays one."""
    path = path.resolve()
    try:
        with lock_folder(path.parent):
            saved = read_saved_entries(path)
            if version is not None and version != saved.version:
                raise StaleVersion(saved)
            content = _encode_entries(change(saved.entries))
            with atomic_private_file(path) as file:
                file.write(content)
            if not saved.version:
                write_missing_gitignore(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); give another place with --write=PATH"
        ) from None
    return SavedEntries(parse_entries(path, content), sha256(content).hexdigest())


def put_entry(entries: Sequence[Entry], entry: Mapping[str, Any]) -> list[Entry]:
    """The entries with this one in the place of the one on the same value, whose other keys stay;
    at the end where there is none."""
    key = entry["document"], entry["path"]
    updated = [dict(present) for present in entries]
    for number, present in enumerate(updated):
        if (present.get("document"), present.get("path")) == key:
            updated[number] = {**present, **entry}
            return updated
    return [*updated, dict(entry)]


def _encode_entries(entries: Sequence[Entry]) -> bytes:
    """As a person reads it. Half a character from a hostile reply is written as its escape."""
    text = json.dumps(list(entries), ensure_ascii=False, indent=1) + "\n"
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Two processes change the file one after the other. Nothing is left behind for it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
