"""Remove one document from all that was kept of it: runs, their reports, cached replies, the
suite's corrections.json and what was kept of its label, the baseline.

DOCUMENT is its id or its file's name. The reports of its runs are written anew: their figures are
then without it. The document itself and its reference stay where they are.

vlm-lab forget inv_003
vlm-lab forget 2024/inv_003.pdf --suite invoices
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal

from vlm_lab.cli.clean import confirm_deletion
from vlm_lab.commands import locate_in_project
from vlm_lab.config.models_file import load_candidates
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.decision.baseline import forget_in_baseline
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_all_heads
from vlm_lab.records.runs import list_runs, lock_run
from vlm_lab.run.cached_replies import (
    find_replies,
    find_stray_replies,
    remove_abandoned_cache_parts,
)
from vlm_lab.run.forgetting import (
    ForgottenDocument,
    forget_in_run,
    list_run_documents,
    remove_comparisons,
)
from vlm_lab.sanitize import quote_value, shorten, terminal_safe
from vlm_lab.suite.corrections_file import Entry, read_saved_entries, update_entries
from vlm_lab.suite.label_checks import LABEL_CHECKS_FILE, read_label_checks, write_label_checks
from vlm_lab.suite.label_drafts import locate_draft, remove_draft
from vlm_lab.suite.label_draws import LABEL_DRAWS_FILE, read_label_frame, write_label_draws

RunDocuments = dict[Path, set[tuple[str, str, str]]]  # run -> suite, id, name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("document", metavar="DOCUMENT", help="its id, or its file's name")
    parser.add_argument("--suite", metavar="NAME", help="whose it is, where several have it")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    for option, name, what in (
        ("--output-dir", "results", "where runs are"),
        ("--cache", "cache", "where replies are cached"),
        ("--models-file", "models.yaml", "whose rules the reports follow"),
    ):
        default = locate_in_project(name)
        parser.add_argument(option, type=Path, default=default, metavar="PATH", help=what)


def main(args: argparse.Namespace) -> int:
    documents = {run: {*list_run_documents(run)} for run in sorted(list_runs(args.output_dir))}
    document = _find_document(documents, args.document, args.suite)
    runs = [run for run, known in documents.items() if any(document.is_of(*each) for each in known)]
    rules = load_candidates([args.models_file]).rules
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(lock_run(run))
        cached_files = _find_cached_files(runs, document, args)
        description = _describe(document, runs, cached_files)
        if not args.yes and not confirm_deletion(description):
            print("nothing deleted")
            return ExitStatus.FAILED
        lines = _forget_beside_runs(runs, document, args.output_dir)
        for path in cached_files:
            path.unlink(missing_ok=True)
        remove_abandoned_cache_parts(args.cache)
        for run in list_runs(args.output_dir):
            if run not in runs:
                remove_comparisons(run)
        for run in runs:
            lines.append(f"{run}: {forget_in_run(run, document, rules)}")
    print("\n".join(map(terminal_safe, [f"deleted {description}", *lines])))
    return 0


def _find_document(documents: RunDocuments, argument: str, suite: str | None) -> ForgottenDocument:
    """By all ids and names that runs have of it. UserError where it is none or several."""
    known = {each for run_documents in documents.values() for each in run_documents}
    found = {
        each
        for each in known
        if suite in (None, each[0]) and argument in (each[1], each[2], Path(each[2]).name)
    }
    suites = sorted({each[0] for each in found})
    ids = frozenset(each[1] for each in found)
    quoted = quote_value(argument)
    if not found:
        hint = format_suggestion(argument, sorted({each[1] for each in known}))
        raise UserError(f"no run has a document of the id or file name {quoted}{hint}")
    if len(suites) > 1:
        raise UserError(f"{quoted} is in several suites; name one: --suite {suites[0]}")
    if len(ids) > 1:
        raise UserError(f"{quoted} is several documents; name one: {', '.join(sorted(ids))}")
    names = {each[2] for each in known if (each[0], each[1]) == (suites[0], *ids) and each[2]}
    same_name = {each[1] for each in known if each[0] == suites[0] and each[2] in names}
    return ForgottenDocument(suites[0], ids | same_name, frozenset(names))


def _find_cached_files(
    runs: Sequence[Path], document: ForgottenDocument, args: argparse.Namespace
) -> list[Path]:
    """Its replies, replies that no record names, of which nobody knows whose they are, and the
    checks of references, which quote them."""
    keys = {
        key
        for run in runs
        for head in read_all_heads(run)
        if document.is_of(head.suite, head.document, head.document_name)
        for key in head.reply_keys
    }
    strays = find_stray_replies(runs, list_runs(args.output_dir), args.cache)
    checks = (args.cache / "checks").glob("*.json")
    return sorted({*find_replies(keys, args.cache), *strays, *checks})


def _describe(
    document: ForgottenDocument, runs: Sequence[Path], cached_files: Sequence[Path]
) -> str:
    names = ", ".join(map(shorten, sorted({*document.ids, *document.names})))
    where = ", ".join(run.name for run in runs)
    return terminal_safe(
        f"the document {names} of {document.suite}: its answers in {len(runs)} runs ({where}),"
        f" and {len(cached_files)} files of the cache (its replies, those without a record, checks"
        " of references)"
    )


def _forget_beside_runs(
    runs: Sequence[Path], document: ForgottenDocument, results: Path
) -> list[str]:
    """Takes it out of the suite's corrections, labels and the baseline; a line on each."""

    def remove_entries(entries: Sequence[Entry]) -> list[Entry]:
        return [each for each in entries if not _is_entry_of(each, document)]

    lines = []
    for path in filter(Path.is_file, _list_suite_paths(runs, document.suite, "corrections")):
        saved = read_saved_entries(path).entries
        removed_count = len(saved) - len(remove_entries(saved))
        if removed_count:
            update_entries(path, remove_entries)
            lines.append(f"{path}: {removed_count} entries are gone")
    for folder in filter(Path.is_dir, _list_suite_paths(runs, document.suite, "folder")):
        lines += _forget_labels(folder, document)
    baseline = results / "baseline.json"
    if baseline.exists():
        forget_in_baseline(baseline, document.suite, document.ids)
        lines.append(f"{baseline}: is now without it")
    return lines


def _forget_labels(folder: Path, document: ForgottenDocument) -> Iterator[str]:
    """Takes out the draft of its label, and what is known of how it was drawn and labelled."""
    for document_id in sorted(document.ids):
        if locate_draft(folder, document_id).exists():
            remove_draft(folder, document_id)
            yield f"{locate_draft(folder, document_id)}: is gone"
    draws, checks = read_label_frame(folder), read_label_checks(folder)
    kept_draws = [draw for draw in draws if draw.document not in document.ids]
    if len(kept_draws) < len(draws):
        write_label_draws(folder, kept_draws)
        yield f"{folder / LABEL_DRAWS_FILE}: is now without it"
    kept_checks = [check for check in checks if check.document not in document.ids]
    if len(kept_checks) < len(checks):
        write_label_checks(folder, kept_checks)
        yield f"{folder / LABEL_CHECKS_FILE}: is now without it"


def _is_entry_of(entry: Entry, document: ForgottenDocument) -> bool:
    named = entry.get("document")
    return isinstance(named, str) and document.is_of(document.suite, named, named)


def _list_suite_paths(
    runs: Sequence[Path], suite: str, key: Literal["corrections", "folder"]
) -> list[Path]:
    """What the runs' reports name of a suite, each path once."""
    return sorted({Path(entry[key]) for entry in _read_suites(runs, suite) if entry.get(key)})


def _read_suites(runs: Sequence[Path], suite: str) -> Iterator[Mapping[str, Any]]:
    """What the reports of runs say of one suite."""
    for run in runs:
        with suppress(UserError):
            yield from (each for each in read_report(run).suites if each["name"] == suite)
