"""Files that are written whole or not at all, files that are read within a limit, and JSON files
that may be missing or broken.

Whatever breaks off (a full disk, a killed process) leaves the file that was there before. A pipe
or a device in the place of a file would be waited for, or read, without an end. Sent to workers in
other interpreters: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

PART_SUFFIX = ".part"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
MAX_SETTINGS_BYTES = 1 << 20  # of what a person writes: settings, schemas, prompts
MAX_NAME_BYTES = 200  # of a name that becomes a file's: with a suffix, all systems take it
MAX_DATA_BYTES = 64 << 20  # of what programs write: references, replies, tables
PIECE_BYTES = 1 << 16  # that are read at once


@contextmanager
def atomic_file(
    path: Path, mode: int = 0o666, durable: bool = False
) -> Generator[BinaryIO, None, None]:
    """A file that is there whole at the end or not at all, with `mode` less the umask.

    `durable`: also after a power failure. What can be made again does without, since it takes two
    waits for the disk.
    """
    # Two processes may write one file at once: each has a part of its own, and the last one stays.
    # A text, no Path: pathlib makes Python remember each name that it sees.
    part = os.path.join(path.parent, f"{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            with suppress(OSError):  # a file system that knows no locks
                lock_file(file)
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            # Still locked: `remove_abandoned_parts` of another process leaves it alone.
            os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
    if durable:
        sync_folder(path.parent)


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


def remove_abandoned_parts(folder: Path, recursive: bool = True) -> None:
    """Deletes what killed processes left of files that they were writing in `folder`, and with
    `recursive` below it."""
    pattern = f"*{PART_SUFFIX}"
    for part in folder.rglob(pattern) if recursive else folder.glob(pattern):
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


def is_path_part(name: str) -> bool:
    """Whether a name that came from outside may be a file's, and leads nowhere else."""
    try:
        length = len(name) if name.isascii() else len(os.fsencode(name))
    except UnicodeEncodeError:
        return False
    return name not in (".", "..") and not set(name) & {"/", "\0"} and 0 < length <= MAX_NAME_BYTES


def find_path_fault(text: str) -> str:
    """Why no file can be called so; "" where one can, whether it is there or not."""
    try:
        os.lstat(text)
    except ValueError:
        return "holds a character that no file's name can have"
    except OSError as error:
        return "is too long for a file's name" if error.errno == errno.ENAMETOOLONG else ""
    return ""


def open_regular_file(path: Path) -> BinaryIO:
    """The file, open for reading. OSError also where it is a pipe, a device or a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a pipe would be waited for
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "is a pipe or a device, no file", str(path))


def read_bounded_bytes(path: Path, limit: int = MAX_SETTINGS_BYTES) -> bytes:
    """All of a file. OSError also where it is no regular file, or has more bytes than `limit`."""
    # Piece by piece: for `read(limit + 1)` Python takes that much memory before it reads anything,
    # and where it came from the heap is open from then on.
    data = bytearray()
    with open_regular_file(path) as file:
        while piece := file.read(PIECE_BYTES):
            data += piece
            if len(data) > limit:
                raise OSError(errno.EFBIG, f"has more than {limit:,} bytes, the limit", str(path))
    return bytes(data)


def read_bounded_text(
    path: Path, encoding: str = "utf-8-sig", limit: int = MAX_SETTINGS_BYTES
) -> str:
    """As `read_bounded_bytes`, decoded, with `\\n` as the end of each line."""
    text = read_bounded_bytes(path, limit).decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bounded_lines(file: BinaryIO, limit: int = MAX_DATA_BYTES) -> Iterator[bytes]:
    """The lines of an open file, one at a time in memory. OSError where one has more bytes than
    `limit`."""
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise OSError(errno.EFBIG, f"has a line of more than {limit:,} bytes, the limit")
        yield line


def read_json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} where there is no such file, or no object in it."""
    try:
        value = json.loads(read_bounded_bytes(path, MAX_DATA_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json_object(path: Path, value: Mapping[str, Any]) -> None:
    """Writes an object as a JSON file, whole or not at all; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        file.write(json.dumps(value, indent=1, sort_keys=True).encode())
