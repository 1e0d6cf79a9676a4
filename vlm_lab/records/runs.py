"""Which run somebody means (a path, a run's id, or `last`) -> its folder; and a new run's folder,
which one process at a time writes."""

import os
import re
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from vlm_lab.commands import format_run_command
from vlm_lab.errors import UserError
from vlm_lab.files import (
    PART_SUFFIX,
    PRIVATE_FILE,
    lock_file,
    make_missing_folders,
    make_private_folder,
    open_regular_file,
    sync_folder,
)
from vlm_lab.records.run_folder import RECORDS_FILE
from vlm_lab.records.run_settings import SETTINGS_FILE

# What `create_folder` calls its folders.
RUN_NAME_PATTERN = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?")


def find_run(argument: str, results: Path) -> Path:
    """The folder that a path, an id under `results` or `last` (the newest run that began) names.
    UserError where there is none."""
    runs = sorted(list_runs(results), key=_get_start)
    if argument == "last" and runs:
        return runs[-1]
    for path in (results / argument, Path(argument)):
        if is_run(path):
            return path
    known = (
        f"; the newest is {runs[-1].name}"
        if runs
        else f"; there is none yet: {format_run_command()} makes one"
    )
    raise UserError(f"no run {argument!r} in {results}{known}")


def list_runs(results: Path) -> list[Path]:
    """The folders of runs that lie in `results`."""
    return [path for path in results.glob("*") if is_run(path)]


def is_run(folder: Path) -> bool:
    """Whether a run began there: it has said what it is, or has a record of one that said it
    elsewhere."""
    return (folder / SETTINGS_FILE).is_file() or _has_records(folder)


def _has_records(folder: Path) -> bool:
    try:
        return (folder / RECORDS_FILE).stat().st_size > 0
    except OSError:
        return False


def _get_start(run: Path) -> tuple[str, int, str]:
    """When it began, as its name says; a folder of another name is older than all."""
    match = RUN_NAME_PATTERN.fullmatch(run.name)
    stamp, number = match.groups() if match else ("", None)
    return stamp, int(number or 1), run.name


def create_folder(output_dir: Path, started: datetime) -> Path:
    """A new folder named after the second it was made in; a second run in that second gets -2."""
    _remove_unbegun_runs(output_dir)
    stamp = started.strftime("%Y%m%dT%H%M%SZ")
    for number in range(1, 1000):
        path = output_dir / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            make_missing_folders(output_dir)
            path.mkdir(mode=0o700)
            make_private_folder(path, path)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"{path}: cannot be made ({error.strerror}); give another place with --output-dir"
            ) from None
        sync_folder(output_dir)
        return path
    raise UserError(
        f"{output_dir}: a thousand runs in one second; give another place with --output-dir"
    )


def _remove_unbegun_runs(output_dir: Path) -> None:
    """Deletes the folders of runs that a crash ended before they began: no answer is in them."""
    for folder in output_dir.glob("*"):
        if not RUN_NAME_PATTERN.fullmatch(folder.name):
            continue
        with suppress(OSError), open_regular_file(folder / RECORDS_FILE) as file:
            lock_file(file)  # OSError where another process is about to begin it
            names = {path.name for path in folder.iterdir() if path.suffix != PART_SUFFIX}
            if names == {RECORDS_FILE} and not is_run(folder):
                shutil.rmtree(folder)


def lock_run(folder: Path) -> BinaryIO:
    """The run's records.jsonl, locked until it is closed: one process at a time writes a run.
    UserError where another one does."""
    path = folder / RECORDS_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        file = os.fdopen(descriptor, "rb+")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        os.fchmod(file.fileno(), PRIVATE_FILE)
        lock_file(file)
    except BlockingIOError:
        file.close()
        raise UserError(
            f"{folder}: another process is writing this run; wait for its end, or end it"
        ) from None
    except OSError:  # somebody else's file, or a file system that knows no locks
        pass
    return file
