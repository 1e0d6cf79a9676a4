"""Records -> report.json, and back: both streamed.

A run of 10 models x 500 documents is never held in memory. Its records stand one a line between two
brackets, which is what lets them be read one by one, or be read past. report.schema.json beside
this file says what stands in it.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from errno import EFBIG
from pathlib import Path
from typing import Any, BinaryIO

from vlm_lab.commands import format_run_command
from vlm_lab.errors import UserError
from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_private_file,
    open_regular_file,
    read_bounded_lines,
)
from vlm_lab.records.record_lines import decode_record, describe_error, encode_record
from vlm_lab.records.report_parts import check_free_parts, check_report_names
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import Record, Report

SCHEMA_VERSION = 2  # of report.json: raised once for all changes of its keys between two releases
KEYS_BEFORE_RECORDS = ("run", "environment", "suites", "models", "prompts", "documents", "notes")
KEYS_AFTER_RECORDS = tuple(
    key for key in Report.__dataclass_fields__ if key not in KEYS_BEFORE_RECORDS
)


def write_report(path: Path, report: Report, records: Iterable[Record]) -> None:
    """Writes what was planned, then the records one a line, then what they come to; whole or not at
    all, readable by its user alone."""
    with atomic_private_file(path) as file:
        file.write(f'{{"schema_version": {SCHEMA_VERSION}'.encode())
        for key in KEYS_BEFORE_RECORDS:
            file.write(_encode_member(key, getattr(report, key)))
        # a run of one suite has it under a key of its own, too
        file.write(_encode_member("suite", report.suites[0] if len(report.suites) == 1 else None))
        file.write(b',\n"records": [')
        for number, record in enumerate(records):
            file.write((b",\n" if number else b"\n") + encode_record(record))
        file.write(b"\n]")
        for key in KEYS_AFTER_RECORDS:
            file.write(_encode_member(key, getattr(report, key)))
        file.write(b"}\n")


def _encode_member(key: str, value: Any) -> bytes:
    return f",\n{json.dumps(key)}: {encode_json(value)}".encode()


def encode_json(value: Any) -> str:
    """JSON of dataclasses, paths and mappings; escapes stand for characters that are no text."""
    return json.dumps(value, default=_encode_object, sort_keys=False)


def _encode_object(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def read_report(run: Path) -> Report:
    """What report.json says beside its records, which are read past: they may be larger than
    memory."""
    path = run / "report.json"
    try:
        with open_regular_file(path) as file:
            data = json.loads(_read_beside_records(file))
        if "schema_version" in data and data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(
                f"schema_version {SCHEMA_VERSION} is wanted, it has {data['schema_version']}"
            )
        report = get_adapter(Report).validate_python(
            {key: data[key] for key in Report.__dataclass_fields__ if key in data}
        )
        check_free_parts(data)
        check_report_names(report)
        return report
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); {format_run_command('--resume', run)}"
        ) from None
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UserError(
            f"{path}: is no report of this version ({describe_error(error)});"
            f" {format_run_command('--resume', run)}"
        ) from None


def _read_beside_records(file: BinaryIO) -> str:
    """report.json without what is between the brackets of `records`. OSError where that is more
    than a program of ours writes."""
    content = bytearray()
    for line in _skip_records(read_bounded_lines(file)):
        content += line
        if len(content) > MAX_DATA_BYTES:
            raise OSError(EFBIG, f"has more than {MAX_DATA_BYTES:,} bytes beside its records")
    return content.decode()


def _skip_records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of report.json without those between the brackets of `records`, one a line as they
    are written."""
    in_records = False
    for line in lines:
        in_records = in_records and not line.startswith(b"]")
        if not in_records:
            yield line
        in_records = in_records or line.startswith(b'"records": [')


def read_report_records(folder: Path) -> Iterator[Record]:
    """The records of a run's report, in the run's order. UserError where one is none of this
    version."""
    path = folder / "report.json"
    in_records = False
    with open_regular_file(path) as file:
        for number, line in enumerate(read_bounded_lines(file), 1):
            if line.startswith(b'"records": ['):
                in_records = True
            elif line.startswith(b"]"):
                return
            elif in_records:
                yield decode_record(line.rstrip().rstrip(b","), path, number)
