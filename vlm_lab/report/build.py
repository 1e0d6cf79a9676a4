"""records.jsonl -> report.json, streamed: a run of 10 models x 500 documents is never held in memory.

report.schema.json beside this file says what stands in it.
"""

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlm_lab.run_folder import private_file
from vlm_lab.runs import SCHEMA_VERSION


def write_report(
    path: Path, head: Mapping[str, Any], records: Iterable[Mapping[str, Any]], tail: Mapping[str, Any]
) -> None:
    """Writes `head`, then the records one a line, then `tail`; whole or not at all, readable by its user alone."""
    with private_file(path) as binary, io.TextIOWrapper(binary, "utf-8") as file:
        file.write("{" + f'"schema_version": {SCHEMA_VERSION}')
        for key, value in head.items():
            file.write(f",\n{json.dumps(key)}: {plain(value)}")
        file.write(',\n"records": [')
        for number, record in enumerate(records):
            file.write(f"{',' if number else ''}\n{plain(record)}")
        file.write("\n]")
        for key, value in tail.items():
            file.write(f",\n{json.dumps(key)}: {plain(value)}")
        file.write("}\n")


def plain(value: Any) -> str:
    """JSON of dataclasses, paths and mappings; escapes stand for characters that are no text."""
    return json.dumps(value, default=_plain, sort_keys=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)
