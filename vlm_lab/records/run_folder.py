"""Records -> what a run leaves on disk, written case by case: after a crash all but the case in
hand can be read.

    results/20260102T030405Z/records.jsonl            one flushed and fsynced line a case
    results/20260102T030405Z/<model>/<document>.json  the same case, for a person to open

Folders are 0700 and files 0600: they hold invoices.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from vlm_lab.errors import DiskError, UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.records.record_lines import decode_record, encode_record, validate_json_line
from vlm_lab.types import CaseKey, Record

RECORDS_FILE = "records.jsonl"


@dataclass(frozen=True, slots=True)
class _RecordHead:
    """What can be read of a line of any version: whose it is, and the key of its cached reply,
    which is hostile text."""

    suite: str
    model: str
    prompt_id: str
    document: str
    reply_key: Any = None


class _LinePosition(NamedTuple):
    offset: int
    number: int
    head: _RecordHead


_HEAD_ADAPTER = TypeAdapter(_RecordHead)


def create_folder(output_dir: Path, started: datetime) -> Path:
    """A new folder named after the second it was made in; a second run in that second gets -2."""
    stamp = started.strftime("%Y%m%dT%H%M%SZ")
    for number in range(1, 1000):
        path = output_dir / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            output_dir.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"{path}: cannot be made ({error.strerror}); give another place with --output-dir"
            ) from None
        return path
    raise UserError(
        f"{output_dir}: a thousand runs in one second; give another place with --output-dir"
    )


def write_record(folder: Path, place: str, record: Record) -> None:
    """Appends the case to records.jsonl, then writes it as `place`. DiskError where the disk takes
    no more."""
    data = encode_record(record)
    try:
        _append_line(folder / RECORDS_FILE, data)
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic_private_file(path) as file:
            file.write(data + b"\n")
    except OSError as error:
        raise DiskError(
            f"{folder / place}: cannot be written ({error.strerror});"
            " what was written before is safe"
        ) from None


def _append_line(path: Path, line: bytes) -> None:
    """One line at the end, on the disk when this returns; what a crash tore off before it stays a
    line of its own."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "rb+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else b"\n" + line
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_records(folder: Path, order: Sequence[CaseKey] | None = None) -> Iterator[Record]:
    """The cases of a run, in the order of their first line or in the `order` given, which then also
    selects.

    Of several lines for a case the last one counts; a torn line, left by a crash, is passed over.
    UserError where a line is whole and no record of this version.
    """
    path = folder / RECORDS_FILE
    positions = _index_lines(path)
    if not positions:
        return
    selected = positions if order is None else [key for key in order if key in positions]
    with path.open("rb") as file:
        for key in selected:
            position = positions[key]
            file.seek(position.offset)
            yield decode_record(file.readline(), path, position.number)


def read_reply_keys(folder: Path) -> set[str]:
    """The keys under which the run's replies are cached; of runs of other versions, too."""
    positions = _index_lines(folder / RECORDS_FILE)
    return {str(position.head.reply_key) for position in positions.values()}


def _index_lines(path: Path) -> dict[CaseKey, _LinePosition]:
    positions: dict[CaseKey, _LinePosition] = {}
    if not path.exists():
        return positions
    with path.open("rb") as file:
        offset = 0
        for number, line in enumerate(file, 1):
            with contextlib.suppress(ValueError):  # a line that a crash tore off
                head = validate_json_line(_HEAD_ADAPTER, line)
                key = (head.suite, head.model, head.prompt_id, head.document)
                positions[key] = _LinePosition(offset, number, head)
            offset += len(line)
    return positions
