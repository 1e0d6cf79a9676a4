"""Records -> report.json, and back: both streamed.

A run of 10 models x 500 documents is never held in memory. Its records stand one a line between two
brackets, which is what lets them be read one by one, or be read past. report.schema.json beside
this file says what stands in it.
"""

import dataclasses
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.types import Report

_REPORT_ADAPTER = TypeAdapter(Report)
SCHEMA_VERSION = 2  # of report.json: raised once for all changes of its keys between two releases


def write_report(
    path: Path,
    head: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    tail: Mapping[str, Any],
) -> None:
    """Writes `head`, then the records one a line, then `tail`; whole or not at all, readable by its
    user alone."""
    with atomic_private_file(path) as binary, io.TextIOWrapper(binary, "utf-8") as file:
        file.write("{" + f'"schema_version": {SCHEMA_VERSION}')
        for key, value in head.items():
            file.write(f",\n{json.dumps(key)}: {encode_json(value)}")
        file.write(',\n"records": [')
        for number, record in enumerate(records):
            file.write(f"{',' if number else ''}\n{encode_json(record)}")
        file.write("\n]")
        for key, value in tail.items():
            file.write(f",\n{json.dumps(key)}: {encode_json(value)}")
        file.write("}\n")


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
        with path.open(encoding="utf-8") as file:
            data = json.loads("".join(_skip_records(file)))
        if "schema_version" in data and data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(
                f"schema_version {SCHEMA_VERSION} is wanted, it has {data['schema_version']}"
            )
        return _REPORT_ADAPTER.validate_python(
            {key: data[key] for key in Report.__dataclass_fields__ if key in data}
        )
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); scripts/bench --resume {run.name}"
        ) from None
    except (ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: is no report of this version ({why}); scripts/bench --resume {run.name}"
        ) from None


def _skip_records(lines: Iterable[str]) -> Iterator[str]:
    """The lines of report.json without those between the brackets of `records`, one a line as they
    are written."""
    inside = False
    for line in lines:
        inside = inside and not line.startswith("]")
        if not inside:
            yield line
        inside = inside or line.startswith('"records": [')


def read_report_records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a run's report, in the run's order."""
    inside = False
    with (folder / "report.json").open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('"records": ['):
                inside = True
            elif line.startswith("]"):
                return
            elif inside:
                yield json.loads(line.rstrip().rstrip(","))
