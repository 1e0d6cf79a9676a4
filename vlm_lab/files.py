"""Files that are written whole or not at all, and JSON files that may be missing or broken.

Whatever breaks off (a full disk, a killed process) leaves the file that was there before. Sent to
workers in other interpreters: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

PART_SUFFIX = ".part"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


@contextmanager
def atomic_file(
    path: Path, mode: int = 0o666, durable: bool = False
) -> Generator[BinaryIO, None, None]:
    """A file that is there whole at the end or not at all, with `mode` less the umask.

    `durable`: also after a power failure. What can be made again does without, since it takes two
    waits for the disk.
    """
    # Two processes may write one file at once: each has a part of its own, and the last one stays.
    part = path.with_name(f"{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            with suppress(OSError):  # a file system that knows no locks
                lock_file(file)
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            # Still locked: `remove_abandoned_parts` of another process leaves it alone.
            part.replace(path)
        if durable:
            sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_private_file(path: Path, durable: bool = False) -> Generator[BinaryIO, None, None]:
    """As `atomic_file`, for what only its user may read, whatever the umask is."""
    with atomic_file(path, PRIVATE_FILE, durable) as file:
        os.fchmod(file.fileno(), PRIVATE_FILE)
        yield file


def make_private_folder(folder: Path, root: Path) -> None:
    """Makes `folder`, which is `root` or lies below it, and closes all from `root` down to it to
    others: whatever the umask is, and whoever made what is there already."""
    if not root.is_dir():
        make_missing_folders(root.parent)
    below = folder.relative_to(root).parts
    for depth in range(len(below) + 1):
        _make_closed_folder(root.joinpath(*below[:depth]))


def make_missing_folders(folder: Path) -> None:
    """Makes a folder and those above it where they are not there, for their user alone."""
    for parent in reversed([folder, *folder.parents]):
        if not parent.is_dir():
            _make_closed_folder(parent)


def _make_closed_folder(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE_FOLDER)
    if folder.stat().st_mode & 0o777 != PRIVATE_FOLDER:
        with suppress(PermissionError):  # somebody else's folder; the files in it are closed
            folder.chmod(PRIVATE_FOLDER)


def sync_folder(folder: Path) -> None:
    """Returns when the names in a folder are on the disk: a new file's existence, after its
    content."""
    with suppress(OSError):  # a file system that cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_abandoned_parts(folder: Path) -> None:
    """Deletes what killed processes left of files that they were writing below `folder`."""
    for part in folder.rglob(f"*{PART_SUFFIX}"):
        with suppress(OSError), part.open("rb") as file:
            lock_file(file)
            part.unlink()


def lock_file(file: BinaryIO) -> None:
    """Locks an open file until it is closed; the kernel ends that with the process, however it
    ends. BlockingIOError where another one has it, OSError where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
