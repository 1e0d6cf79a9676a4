"""report.json -> what it says: a run can be shown again, in another form or language, from its folder alone.

The file is read line by line, as `vlm_lab.report.build` writes it: records are never held in memory together.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vlm_lab.errors import UserError
from vlm_lab.types import Report

NAME = "report.json"
_OPENS = '"records": ['
_report = TypeAdapter(Report)


def read_report(folder: Path) -> Report:
    """Everything in a run's report.json but its records. UserError where it is not there or was written otherwise."""
    said: dict[str, Any] = {}
    try:
        for line in _lines(folder, records=False):
            key, value = _pair(line)
            said[key] = value
        return _report.validate_python({key: value for key, value in said.items() if key in _report_keys()})
    except (OSError, ValueError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        again = f"pytest benchmarks --resume {folder.name} writes it again"
        raise UserError(f"{folder / NAME}: cannot be read ({why}); {again}") from None


def read_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a run's report.json one by one, in the run's order."""
    for line in _lines(folder, records=True):
        yield json.loads(line.rstrip().rstrip(","))


def _lines(folder: Path, records: bool) -> Iterator[str]:
    inside = False
    with (folder / NAME).open(encoding="utf-8") as file:
        for line in file:
            if line.rstrip() == _OPENS:
                inside = True
            elif inside and line[0] == "]":
                inside = False
            elif inside == records and line.strip():
                yield line


def _pair(line: str) -> tuple[str, Any]:
    """`"key": value,` with the file's first or last brace."""
    decoder = json.JSONDecoder()
    key, end = decoder.raw_decode(line, 1 if line[0] == "{" else 0)
    value, _ = decoder.raw_decode(line, end + 2)
    return key, value


def _report_keys() -> set[str]:
    return set(Report.__dataclass_fields__)
