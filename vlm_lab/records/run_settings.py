"""What a run was begun with <-> run.json in its folder: options as typed, and the cases selected.

Written before the first case is asked, whole, and never changed but where a document is forgotten:
a run that broke off is gone on with as the same run, or not at all.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.records.record_lines import describe_error
from vlm_lab.records.run_folder import read_heads
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import CaseKey

SETTINGS_FILE = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """`options` are those of the command line, by name, with paths made absolute; `cases` are in
    the order of models.yaml. `suites` were collected and `partial` of them not wholly selected;
    `first_prompts` is each model's, whose cases lie in the folder without a prompt's name."""

    started: str
    command: tuple[str, ...]
    options: Mapping[str, Any]
    suites: tuple[str, ...]
    partial: tuple[str, ...]
    first_prompts: Mapping[str, str]
    cases: tuple[CaseKey, ...]


def write_settings(folder: Path, settings: RunSettings) -> None:
    """Writes run.json, on the disk when this returns."""
    with atomic_private_file(folder / SETTINGS_FILE, durable=True) as file:
        file.write(json.dumps(asdict(settings)).encode())


def read_settings(folder: Path) -> RunSettings:
    """UserError where the run cannot be gone on with, since nobody knows what it was."""
    path = folder / SETTINGS_FILE
    try:
        content = read_bounded_bytes(path, MAX_DATA_BYTES)
        return get_adapter(RunSettings).validate_python(json.loads(content))
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except ValidationError as error:
        reason = describe_error(error)
    except (ValueError, RecursionError) as error:
        reason = f"is no JSON ({error})"
    raise UserError(
        f"{path}: {reason}; the run cannot be gone on with: start another without --resume,"
        " replies come from the cache"
    )


def read_planned_cases(folder: Path) -> tuple[CaseKey, ...]:
    """The cases that a run was begun with; those of its records where run.json is not there to
    say it, or names none, as that of a run over many machines does."""
    cases: tuple[CaseKey, ...] = ()
    with suppress(UserError):
        cases = read_settings(folder).cases
    return cases or tuple(head.key for head in read_heads(folder))
