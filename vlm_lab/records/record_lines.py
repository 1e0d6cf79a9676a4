"""A record <-> one line of JSON, as it stands in records.jsonl and between the brackets of
report.json.

Records stay typed after the disk: a line that says less or other than `Record` is refused where it
is read, by file and line number, and nowhere later.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from vlm_lab.errors import UserError
from vlm_lab.files import is_path_part
from vlm_lab.sanitize import quote_value, shorten, terminal_safe
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import Record

Line = TypeVar("Line")


def encode_record(record: Record) -> bytes:
    """One line of JSON."""
    return encode_json_line(record)


def encode_json_line(value: object, exclude: set[str] | None = None) -> bytes:
    """One line of JSON. Half a character from a hostile reply is written as its escape."""
    adapter = get_adapter(type(value))
    try:
        return adapter.dump_json(value, exclude=exclude)
    except PydanticSerializationError:
        data = adapter.dump_python(value, mode="python", exclude=exclude)
        return json.dumps(data, default=str).encode()


def decode_record(line: bytes, path: Path, line_number: int) -> Record:
    """The record of one line of `path`. UserError where it is none of this version."""
    try:
        record = validate_json_line(Record, line)
        check_names(record.key)
        return record
    except ValueError as error:
        raise UserError(
            f"{path}:{line_number}: is no record of this version ({describe_error(error)});"
            " run the benchmark again: its replies come from the cache"
        ) from None


def validate_json_line(cls: type[Line], line: bytes) -> Line:
    """What the line holds. ValueError where it is no JSON of that type, or nested too deeply."""
    adapter = get_adapter(cls)
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        if error.errors()[0]["type"] != "json_invalid":
            raise
    try:
        # pydantic's own parser knows no half character
        return adapter.validate_python(json.loads(line))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check_names(names: Iterable[object]) -> None:
    """ValueError where a name could not be one of ours: suites, models, prompts and documents of a
    run are the names of its files, and somebody else may have written it."""
    for name in names:
        if not isinstance(name, str) or not is_path_part(name):
            raise ValueError(f"{quote_value(name)} cannot be the name of a file")


def describe_error(error: Exception) -> str:
    """Why something was refused, in one line: `fields.0.outcome: Field required`."""
    if not isinstance(error, ValidationError):
        return shorten(" ".join(str(error).split()))
    first_error = error.errors()[0]
    location = ".".join(map(str, first_error["loc"]))
    message: Any = first_error["msg"]
    return terminal_safe(shorten(f"{location}: {message}" if location else str(message)))
