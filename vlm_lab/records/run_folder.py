"""Records -> what a run leaves on disk, written case by case: after a crash all but the case in
hand can be read.

    results/20260102T030405Z/records.jsonl            a line a case, flushed; fsynced if timed
    results/20260102T030405Z/<model>/<document>.json  the same case, for a person to open

Folders are 0700 and files 0600: they hold invoices. The lines are what counts: files of cases that
a crash left out are written from them. A run over many machines has its records in Parquet files
instead (`parquet_records`): whoever reads a run, reads both here.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from vlm_lab.errors import DiskError, UserError
from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_private_file,
    make_private_folder,
    open_regular_file,
    read_bounded_bytes,
    read_bounded_lines,
    read_json_object,
    remove_abandoned_parts,
)
from vlm_lab.records import parquet_records
from vlm_lab.records.record_head import RecordHead
from vlm_lab.records.record_lines import decode_record, encode_record, validate_json_line
from vlm_lab.types import CaseKey, Record

RECORDS_FILE = "records.jsonl"
RESERVE_FILE = "reserve.part"
RESERVE_BYTES = 1 << 20


class _LinePosition(NamedTuple):
    offset: int
    number: int
    head: RecordHead


def write_record(folder: Path, place: str, record: Record) -> bytes:
    """Appends the case to records.jsonl, then writes it as `place`; the line. A crash of this
    process takes nothing of it; for one of the machine see `flush_records`. DiskError where the
    disk takes no more."""
    line = encode_record(record) + b"\n"
    try:
        with _lock_appending(folder):
            append_line(folder / RECORDS_FILE, line)
    except OSError as error:
        raise _end_full_run(folder, line, error) from None
    try:
        _write_case_file(folder, place, line)
    except OSError as error:
        flush_records(folder, line)  # the run ends here: nobody else does
        raise DiskError(
            f"{folder / place}: cannot be written ({error.strerror});"
            " what was written before is safe, this answer too: it is in records.jsonl"
        ) from None
    return line


def is_kept_from_power_failure(record: Record) -> bool:
    """Not what was read from a file: it is had again without a model."""
    return bool(record.rounds) and not record.cached


def flush_records(folder: Path, line: bytes) -> None:
    """Returns when records.jsonl is on the disk, with `line`, which was appended. DiskError where
    the disk did not take it: some say so no earlier."""
    try:
        descriptor = os.open(folder / RECORDS_FILE, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _end_full_run(folder, line, error) from None


@contextlib.contextmanager
def _lock_appending(folder: Path) -> Iterator[None]:
    """One process at a time appends, where several write a run. The lock is the folder's: that of
    records.jsonl is the whole run's."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(ImportError, OSError):  # Windows, a file system without locks
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append_line(path: Path, line: bytes, durable: bool = False) -> None:
    """One line at the end, or nothing of it; `durable`: on the disk when this returns. What a crash
    tore off before it stays a line of its own."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        try:
            while line:
                line = line[os.write(descriptor, line) :]
            if durable:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def make_reserve(folder: Path) -> None:
    """Keeps room on the disk for one more answer, so that a full disk costs none."""
    descriptor = os.open(folder / RESERVE_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(bytes(RESERVE_BYTES))


def _end_full_run(folder: Path, line: bytes, error: OSError) -> DiskError:
    """Why the run ends; the answer in hand goes where the reserve was."""
    path = folder / RECORDS_FILE
    try:
        (folder / RESERVE_FILE).unlink()
        append_line(path, line, durable=True)
    except OSError:
        consequence = "this answer is not in it, what was written before is safe"
    else:
        consequence = "what was written before is safe, this answer too"
    return DiskError(f"{path}: cannot be written ({error.strerror}); {consequence}")


def _write_case_file(folder: Path, place: str, line: bytes) -> None:
    path = folder / place
    if not path.parent.is_dir():
        make_private_folder(path.parent, folder)
    with atomic_private_file(path) as file:
        file.write(line)


def complete_folder(folder: Path, places: Mapping[CaseKey, str]) -> None:
    """Writes the cases' files that a crash left out or left old, and deletes halves of files."""
    remove_abandoned_parts(folder)
    path = folder / RECORDS_FILE
    positions = _index_lines(path)
    if not positions:
        return
    with _open_records(path) as file:
        for key, position in positions.items():
            if key not in places:
                continue
            file.seek(position.offset)
            line = file.readline().rstrip(b"\n") + b"\n"
            if _read_case_file(folder / places[key]) != line:
                _write_case_file(folder, places[key], line)


def _read_case_file(path: Path) -> bytes:
    try:
        return read_bounded_bytes(path, MAX_DATA_BYTES)
    except OSError:
        return b""


def sort_records(folder: Path, order: Sequence[CaseKey]) -> None:
    """Brings records.jsonl into the run's order, several lines of a case as they were written;
    what is not in the order comes last. Whoever does so holds the run's lock; a process of a run
    that broke off may still append."""
    path = folder / RECORDS_FILE
    ranks = {key: rank for rank, key in enumerate(order)}
    with _lock_appending(folder):
        positions = list(_read_heads(path))
        in_order = sorted(positions, key=lambda each: ranks.get(each.head.key, len(ranks)))
        if in_order != positions:
            _write_lines(path, in_order)


def read_records(
    folder: Path, order: Sequence[CaseKey] | None = None, end: int | None = None
) -> Iterator[Record]:
    """The cases of a run, in the order of their first line or in the `order` given, which then also
    selects. Lines behind byte `end` are not looked at.

    Of several lines for a case the last one counts; a torn line, left by a crash, is passed over.
    UserError where a line is whole and no record of this version.
    """
    if parquet_records.has_parquet(folder):
        yield from parquet_records.read_records(folder, order)
        return
    path = folder / RECORDS_FILE
    positions = _index_lines(path, end)
    if not positions:
        return
    selected = positions if order is None else [key for key in order if key in positions]
    with _open_records(path) as file:
        for key in selected:
            position = positions[key]
            file.seek(position.offset)
            yield decode_record(file.readline(), path, position.number)


def read_reply_keys(folder: Path) -> set[str]:
    """The keys under which the run's replies are cached, also those of answers that later ones
    replaced; of runs of other versions, too."""
    return set[str]().union(*(head.reply_keys for head in read_all_heads(folder)))


def read_heads(folder: Path) -> list[RecordHead]:
    """Whose a run's records are, of each case the last line's."""
    return list({head.key: head for head in read_all_heads(folder)}.values())


def read_all_heads(folder: Path) -> list[RecordHead]:
    """As `read_heads`, also of answers that later ones replaced."""
    if parquet_records.has_parquet(folder):
        return list(parquet_records.read_heads(folder))
    return [position.head for position in _read_heads(folder / RECORDS_FILE)]


def remove_records(folder: Path, is_removed: Callable[[RecordHead], bool]) -> None:
    """Writes records.jsonl without the lines of some cases, and without what a crash tore off: it
    may be of any. Whoever removes records holds the run's lock."""
    if parquet_records.has_parquet(folder):
        parquet_records.remove_records(folder, is_removed)
        return
    path = folder / RECORDS_FILE
    _write_lines(path, [each for each in _read_heads(path) if not is_removed(each.head)])


def _write_lines(path: Path, positions: Iterable[_LinePosition]) -> None:
    with _open_records(path) as source, atomic_private_file(path, durable=True) as file:
        for position in positions:
            source.seek(position.offset)
            file.write(source.readline().rstrip(b"\n") + b"\n")


def remove_case_files(folder: Path, documents: Collection[str], suites: Collection[str]) -> None:
    """Deletes the files of these documents' cases, also those that no record names."""
    for path in folder.rglob("*.json"):
        if path.stem in documents and len(path.relative_to(folder).parts) > 1:
            suite = read_json_object(path).get("suite")
            if suite in suites or suite is None:
                path.unlink(missing_ok=True)


def _index_lines(path: Path, end: int | None = None) -> Mapping[CaseKey, _LinePosition]:
    """Where the last line of each case begins."""
    if end is None:
        with contextlib.suppress(OSError):
            status = path.stat()
            return _index_unchanged_lines(path, status.st_ino, status.st_size, status.st_mtime_ns)
    return _build_line_index(path, end)


@lru_cache(maxsize=1)  # a report reads all records eight times
def _index_unchanged_lines(path: Path, *_state: int) -> Mapping[CaseKey, _LinePosition]:
    return _build_line_index(path, None)


def _build_line_index(path: Path, end: int | None) -> dict[CaseKey, _LinePosition]:
    positions: dict[CaseKey, _LinePosition] = {}
    for position in _read_heads(path):
        if end is not None and position.offset >= end:
            break
        positions[position.head.key] = position
    return positions


def _read_heads(path: Path) -> Iterator[_LinePosition]:
    if not path.exists():
        return
    with _open_records(path) as file:
        offset = 0
        for number, line in enumerate(_read_lines(file, path), 1):
            with contextlib.suppress(ValueError):  # a line that a crash tore off
                yield _LinePosition(offset, number, validate_json_line(RecordHead, line))
            offset += len(line)


def _open_records(path: Path) -> BinaryIO:
    try:
        return open_regular_file(path)
    except OSError as error:
        raise _make_unreadable_error(path, error) from None


def _read_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        yield from read_bounded_lines(file)
    except OSError as error:
        raise _make_unreadable_error(path, error) from None


def _make_unreadable_error(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read ({error.strerror})")
