"""Files that are written whole or not at all, and JSON files that may be missing or broken.

Whatever breaks off (a full disk, a killed process) leaves the file that was there before. Sent to
workers in other interpreters: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def atomic_file(path: Path, mode: int = 0o666) -> Generator[BinaryIO, None, None]:
    """A file that is there whole at the end or not at all, with `mode` less the umask."""
    # Two processes may write one file at once: each has a part of its own, and the last one stays.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def atomic_private_file(path: Path) -> AbstractContextManager[BinaryIO]:
    """As `atomic_file`, for what only its user may read."""
    return atomic_file(path, 0o600)


def read_json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} where there is no such file, or no object in it."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json_object(path: Path, value: Mapping[str, Any]) -> None:
    """Writes an object as a JSON file, whole or not at all; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        file.write(json.dumps(value, indent=1, sort_keys=True).encode())
