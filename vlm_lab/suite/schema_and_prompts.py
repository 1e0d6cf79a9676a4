"""schema.json and a prompt's file -> what a suite has of them.

UserError names the file: what is wrong with a suite ends a run before it begins.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.files import read_bounded_bytes, read_bounded_text
from vlm_lab.suite.json_values import measure_depth
from vlm_lab.types import Field

MAX_DEPTH = 100  # levels of a schema


def read_schema(path: Path) -> dict[str, Any]:
    """The JSON Schema in a file."""
    try:
        schema = json.loads(read_bounded_text(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})") from None
    except RecursionError:
        raise _make_depth_error(path) from None
    if measure_depth(schema) > MAX_DEPTH:
        raise _make_depth_error(path)
    if not isinstance(schema, dict):
        raise UserError(
            f"{path}: must be a JSON Schema, an object with `properties` "
            f"(got {type(schema).__name__})"
        )
    return schema


def parse_fields(schema: Mapping[str, Any], path: Path) -> tuple[Field, ...]:
    """The fields of a schema that was read from `path`."""
    try:
        return collect_schema_fields(schema)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def read_template(path: Path) -> str:
    """A template's text. UserError where there is no file; what is not UTF-8 is said later."""
    try:
        text = read_bounded_bytes(path).decode("utf-8-sig", "replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _make_depth_error(path: Path) -> UserError:
    return UserError(f"{path}: is nested more than {MAX_DEPTH} levels deep")
