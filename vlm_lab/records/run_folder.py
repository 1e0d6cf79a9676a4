"""Records -> what a run leaves on disk, written case by case: after a crash all but the case in
hand can be read.

    results/20260102T030405Z/records.jsonl            one flushed and fsynced line a case
    results/20260102T030405Z/<model>/<document>.json  the same case, for a person to open

Folders are 0700 and files 0600: they hold invoices.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from vlm_lab.errors import DiskError, UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.types import Record

RECORDS_FILE = "records.jsonl"
CaseKey = tuple[str, str, str, str]
_RECORD_ADAPTER = TypeAdapter(Record)


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
            f"{folder / place}: cannot be written ({error.strerror}); what was written before is safe"
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


def encode_record(record: Record) -> bytes:
    """One line of JSON. Half a character from a hostile reply is written as its escape."""
    try:
        return _RECORD_ADAPTER.dump_json(record)
    except PydanticSerializationError:
        return json.dumps(_RECORD_ADAPTER.dump_python(record, mode="python"), default=str).encode()


def read_records(folder: Path, order: Sequence[CaseKey] | None = None) -> Iterator[dict[str, Any]]:
    """The cases of a run, in the order of their first line or in the `order` given, which then also
    selects.

    Of several lines for a case the last one counts; a torn last line, left by a crash, is passed
    over.
    """
    offsets = _index_offsets(folder)
    if not offsets:
        return
    with (folder / RECORDS_FILE).open("rb") as file:
        for key in offsets if order is None else [key for key in order if key in offsets]:
            file.seek(offsets[key])
            yield json.loads(file.readline())


def make_case_key(row: Mapping[str, Any]) -> CaseKey:
    """What makes a case the same case in another run."""
    return row["suite"], row["model"], row["prompt_id"], row["document"]


def _index_offsets(folder: Path) -> dict[CaseKey, int]:
    path = folder / RECORDS_FILE
    offsets: dict[CaseKey, int] = {}
    if not path.exists():
        return offsets
    with path.open("rb") as file:
        offset = 0
        for line in file:
            with contextlib.suppress(
                ValueError, KeyError, TypeError
            ):  # a line that a crash tore off
                offsets[make_case_key(json.loads(line))] = offset
            offset += len(line)
    return offsets
