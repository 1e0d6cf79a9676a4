"""List the references of a run that may be wrong, and write them to corrections.json for a person
to decide.

RUN is a folder, a run's id, or `last`. In the file, set each `verdict` to reference_wrong,
model_wrong or both, and `right` to the value on the page. The next run scores by it; the reply
cache makes that need no model. Entries that are in the file already stay as they are.

vlm-lab corrections last
vlm-lab corrections last --write benchmarks/schet/corrections.json
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from vlm_lab.analysis.label_errors import find_label_errors, format_label_error
from vlm_lab.commands import locate_in_project
from vlm_lab.config.models_file import allow_listed_plugins
from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite import load_suite
from vlm_lab.suite.corrections import CORRECTIONS_FILE, merge_entries, read_entries
from vlm_lab.types import LabelError

MAX_SHOWN = 20  # suspects on the terminal; the file has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="PATH",
        help=f"the file (default: {CORRECTIONS_FILE} in the suite's folder)",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=locate_in_project("results"),
        metavar="PATH",
        help="where runs are",
    )


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    names = sorted({record.suite for record in read_records(run)})
    folders = {name: locate_in_project(f"benchmarks/{name}") for name in names}
    allow_listed_plugins([locate_in_project("models.yaml")])
    suites = {name: load_suite(folder) for name, folder in folders.items() if folder.is_dir()}
    label_errors = find_label_errors(read_records(run), suites)
    print("\n".join(format_label_error(label_error) for label_error in label_errors[:MAX_SHOWN]))
    if not label_errors:
        print(f"{run}: no reference is contradicted; nothing to correct")
        return 0
    for name in names:
        path = _choose_path(args.write, folders[name], len(names))
        _write_entries(path, [error for error in label_errors if error.suite == name])
    return 0


def _choose_path(path: Path | None, folder: Path, suite_count: int) -> Path:
    if path and suite_count > 1:
        raise UserError(
            "--write: this run has several suites, each with a file of its own; leave --write out"
        )
    if path is None and not folder.is_dir():
        raise UserError(
            f"no folder {folder} here; start in the project's folder, "
            f"or give --write=SUITE/{CORRECTIONS_FILE}"
        )
    return path or folder / CORRECTIONS_FILE


def _write_entries(path: Path, label_errors: Sequence[LabelError]) -> None:
    """Adds what is new. Half a character from a hostile reply is written as its escape."""
    existing_entries = read_entries(path) if path.exists() else []
    entries = merge_entries(label_errors, existing_entries)
    text = json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
    try:
        with atomic_private_file(path) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); give another place with --write=PATH"
        ) from None
    open_count = sum(not entry.get("verdict") for entry in entries)
    added_count = len(entries) - len(existing_entries)
    print(
        f"{terminal_safe(str(path))}: {added_count} added, {len(entries)} in all, "
        f"{open_count} to decide; fill in `verdict` and `right`, then run the benchmark again: "
        "its replies come from the cache"
    )
