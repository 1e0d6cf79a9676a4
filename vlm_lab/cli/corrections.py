"""List the references of a run that may be wrong, and correct them: on a page, or in a file.

RUN is a folder, a run's id, or `last`. --serve opens a page on this machine alone, with the pages
of the documents and what each candidate said; what you decide there, about any value, is saved
into the suite's corrections.json at once. Without it the doubtful values are added to that file:
set each `verdict` to reference_wrong, model_wrong or both, and `right` to the value on the page.
Entries that are in the file already stay as they are. The next run scores by it; the reply cache
makes that need no model.

vlm-lab corrections last --serve
vlm-lab corrections last
vlm-lab corrections last --write benchmarks/schet/corrections.json
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vlm_lab.analysis.label_errors import find_label_errors, format_label_error
from vlm_lab.cli.run_argument import add_output_dir
from vlm_lab.cli.run_suites import list_suite_names, load_run_suites, make_missing_suite_error
from vlm_lab.commands import format_command, format_run_command, locate_in_project
from vlm_lab.config.models_file import allow_listed_plugins
from vlm_lab.errors import UserError
from vlm_lab.localization import SOURCE_LANGUAGE
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.corrections import CORRECTIONS_FILE, merge_entries
from vlm_lab.suite.corrections_file import read_saved_entries, update_entries
from vlm_lab.types import LabelError, Suite

MAX_SHOWN = 20  # suspects on the terminal; the file has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "--serve", action="store_true", help="open a page on 127.0.0.1 to look and decide on"
    )
    parser.add_argument("--suite", metavar="NAME", help="only this suite of the run")
    parser.add_argument(
        "--lang", default=SOURCE_LANGUAGE, metavar="LANG", help="the page's language (default: en)"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="PATH",
        help=f"the file (default: {CORRECTIONS_FILE} in the suite's folder)",
    )
    add_output_dir(parser)


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    names = _select_names(list_suite_names(run), args.suite)
    allow_listed_plugins([locate_in_project("models.yaml")])
    suites = load_run_suites(run, names)
    conventions = {name: suite.conventions for name, suite in suites.items()}
    found = find_label_errors(read_records(run), conventions)
    label_errors = [error for error in found if error.suite in names]
    if args.serve:
        return _serve(args, run, names, suites, label_errors)
    if not label_errors:
        print(f"{run}: no reference is contradicted; nothing to correct")
        return 0
    paths = {name: _choose_path(args.write, suites.get(name), name, len(names)) for name in names}
    print("\n".join(_format_open_errors(label_errors, paths)))
    for name, path in paths.items():
        _write_entries(path, [error for error in label_errors if error.suite == name])
    run_argument = run.name if args.output_dir == locate_in_project("results") else run
    command = format_command("corrections", run_argument, "--serve")
    print(f"to look at them and decide: {command}")
    return 0


def _serve(
    args: argparse.Namespace,
    run: Path,
    names: Sequence[str],
    suites: dict[str, Suite],
    label_errors: Sequence[LabelError],
) -> int:
    """Until Ctrl-C."""
    # Brings the report's libraries, which a list on the terminal can do without.
    from vlm_lab.cli.page_serving import serve_page
    from vlm_lab.corrections_page import open_session, render_page

    if len(names) > 1:
        raise UserError(
            f"this run has the suites {', '.join(names)}, each with a file of its own;"
            " name one with --suite=NAME"
        )
    if not names:
        command = format_run_command("--resume", run)
        raise UserError(f"{run}: has no answers yet; {command}")
    (name,) = names
    if name not in suites:
        raise make_missing_suite_error(name, "or move the suite back")
    path = _choose_path(args.write, suites[name], name, 1)
    session = open_session(run, suites[name], path, label_errors, args.lang)
    print(f"{len(label_errors)} doubtful values; decisions are saved into {path}")
    serve_page(session, render_page(session, args.lang))
    decided_count = sum(bool(entry.get("verdict")) for entry in read_saved_entries(path).entries)
    print(
        f"\n{path}: {decided_count} decided; run the benchmark again: its replies come from the "
        "cache"
    )
    return 0


def _select_names(names: list[str], wanted: str | None) -> list[str]:
    if wanted is None:
        return names
    if wanted not in names:
        raise UserError(f"--suite={wanted}: this run has {', '.join(names)}")
    return [wanted]


def _choose_path(path: Path | None, suite: Suite | None, name: str, suite_count: int) -> Path:
    if path and suite_count > 1:
        raise UserError(
            "--write: this run has several suites, each with a file of its own; leave --write out"
        )
    if path is None and suite is None:
        raise make_missing_suite_error(name, f"or give --write=SUITE/{CORRECTIONS_FILE}")
    if path or suite is None:
        return path or Path(CORRECTIONS_FILE)
    return suite.corrections or suite.folder / CORRECTIONS_FILE


def _format_open_errors(
    label_errors: Sequence[LabelError], paths: Mapping[str, Path]
) -> Iterator[str]:
    """The first doubts that nobody has decided about, and how many are decided."""
    decided = {
        (name, entry.get("document"), entry.get("path"))
        for name, path in paths.items()
        for entry in read_saved_entries(path).entries
        if entry.get("verdict")
    }
    open_errors = [
        error for error in label_errors if (error.suite, error.document, error.path) not in decided
    ]
    yield from map(format_label_error, open_errors[:MAX_SHOWN])
    decided_count = len(label_errors) - len(open_errors)
    if decided_count:
        yield f"{decided_count} of {len(label_errors)} doubtful values are decided"


def _write_entries(path: Path, label_errors: Sequence[LabelError]) -> None:
    """Adds what is new."""
    existing_count = len(read_saved_entries(path).entries)
    saved = update_entries(path, lambda entries: merge_entries(label_errors, entries))
    open_count = sum(not entry.get("verdict") for entry in saved.entries)
    added_count = len(saved.entries) - existing_count
    next_step = "fill in `verdict` and `right`, then " if open_count else ""
    print(
        f"{terminal_safe(str(path))}: {added_count} added, {len(saved.entries)} in all, "
        f"{open_count} to decide; {next_step}run the benchmark again: its replies come from the "
        "cache"
    )
