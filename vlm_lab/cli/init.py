"""Write a suite for your own documents and the JSON that your pipeline wrote for them; or check a
suite.

FOLDER is the suite's, benchmarks/NAME; beside it comes test_NAME.py. Keys, types, envelope and
matching are guessed from all references, and fields.md says from what. Nothing is overwritten: run
it again and it shows a diff.

With --references-from e-invoice, the references are what the documents carry themselves: the XML of
ZUGFeRD and Factur-X in the PDF, or UBL, ISDOC and UPD beside it as NAME.xml.

vlm-lab init benchmarks/schet --documents=../pipeline/docs --references=../pipeline/output/json
vlm-lab init benchmarks/rechnungen --documents=../rechnungen --references-from=e-invoice
vlm-lab init --check benchmarks/schet
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vlm_lab.commands import find_project, format_command, format_run_command, locate_in_project
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import in_english
from vlm_lab.sanitize import terminal_safe, terminal_safe_lines
from vlm_lab.scaffold.e_invoice.references import propose_references
from vlm_lab.scaffold.e_invoice.writing import write_references
from vlm_lab.scaffold.project import propose_project_files
from vlm_lab.scaffold.proposal import (
    MIN_REFERENCES,
    check_path_exists,
    propose_suite,
    write_proposal,
)
from vlm_lab.scaffold.proposed_files import Proposal, format_notes
from vlm_lab.scaffold.reading import format_first_names
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Suite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--documents",
        type=Path,
        metavar="PATH",
        help="your documents, a folder with any subfolders",
    )
    parser.add_argument(
        "--references", type=Path, metavar="PATH", help="the JSON files that are held to be right"
    )
    parser.add_argument(
        "--references-from",
        choices=("e-invoice",),
        help="take the references from the XML that the documents carry, or that lies beside them",
    )
    parser.add_argument(
        "--check", action="store_true", help="check the suite in FOLDER instead of writing one"
    )


def main(args: argparse.Namespace) -> int:
    folder = args.folder.expanduser()
    if args.check:
        return _check_folder(folder)
    if args.references_from:
        return _write_from_e_invoices(folder, args.documents, args.references)
    return _write_from_pipeline(folder, args.documents, args.references)


def _write_from_pipeline(folder: Path, documents: Path | None, references: Path | None) -> int:
    if documents is None or references is None:
        missing_option = "--documents" if documents is None else "--references"
        raise UserError(
            f"{missing_option}=PATH is missing; "
            f"type: {format_command('init', folder, '--documents=PATH', '--references=PATH')}"
        )
    _check_folder_name(folder)
    pipeline = references.expanduser()
    _write_suite(propose_suite(folder, documents.expanduser(), pipeline), pipeline)
    return 0


def _write_from_e_invoices(folder: Path, documents: Path | None, references: Path | None) -> int:
    """Writes the references, and the suite where none is there yet."""
    _check_folder_name(folder)
    is_new = not (folder / "suite.yaml").exists()
    suite = _choose_suite(folder, documents, references, is_new)
    proposed = propose_references(suite)
    print("\n".join([*proposed.notes, *write_references(suite, proposed, is_new)]))
    if is_new:
        _write_suite(propose_suite(folder, suite.documents, suite.references), None)
    else:
        print(f"next: {format_command('init', '--check', terminal_safe(os.path.relpath(folder)))}")
    return 0


def _choose_suite(
    folder: Path, documents: Path | None, references: Path | None, is_new: bool
) -> Suite:
    """The suite that is there, or one whose references will lie in its own folder."""
    if references is not None:
        raise UserError(
            "--references=PATH and --references-from=e-invoice: give one of them. With files of a "
            "pipeline, make the suite from these first, and add those of e-invoices then: "
            f"{format_command('init', folder, '--references-from=e-invoice')}"
        )
    if not is_new:
        return load_suite(folder, documents and documents.expanduser())
    if documents is None:
        command = format_command("init", folder, "--documents=PATH", "--references-from=e-invoice")
        raise UserError(f"--documents=PATH is missing; type: {command}")
    documents = documents.expanduser()
    check_path_exists(documents, "--documents", "PDF, JPEG, PNG, TIFF and WEBP files")
    return Suite(
        name=folder.name, folder=folder, documents=documents, references=folder / "references"
    )


def _check_folder_name(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a folder for the suite, benchmarks/NAME")
    if not folder.name.replace("-", "_").isidentifier():
        raise UserError(
            f"{folder}: name the folder in letters, digits, - and _: benchmarks/invoices"
        )


def _write_suite(proposal: Proposal, pipeline: Path | None) -> None:
    """Writes the suite and the project around it, and says what to do next."""
    around = propose_project_files(proposal.folder, pipeline)
    proposal = replace(proposal, file_texts={**proposal.file_texts, **around})
    written, diffs = write_proposal(proposal)
    print("\n".join([*diffs, *format_summary(proposal, written, bool(diffs))]))


def format_summary(proposal: Proposal, written: list[Path], has_diffs: bool) -> Iterator[str]:
    """What was done, what to check, and the next command."""
    if written:
        yield f"wrote {', '.join(terminal_safe(os.path.relpath(path)) for path in written)}"
    else:
        reason = "all is as proposed"
        if has_diffs:
            reason = "the files there differ from what would be proposed now"
        yield f"nothing written: {reason}"
    yield from format_notes(proposal)
    uncertain_paths = [guess.column.path for guess in proposal.guesses if guess.warnings]
    uncertain_text = f"{len(uncertain_paths)} with a doubt"
    if uncertain_paths:
        uncertain_text += f": {format_first_names(uncertain_paths, 4)}"
    yield (
        f"check fields.md: {len(proposal.guesses)} fields, {uncertain_text}; "
        "correct types in schema.json, words in prompt.md"
    )
    if proposal.reference_count < MIN_REFERENCES:
        count = f"{proposal.reference_count} reference{'s' if proposal.reference_count > 1 else ''}"
        yield (
            f"types guessed from {count} are weak: "
            "add references and run this again, it shows what would change"
        )
    folder = terminal_safe(os.path.relpath(proposal.folder))
    check_command = format_command("init", "--check", folder)
    run_command = _format_dry_run_command(proposal.folder)
    yield f"next: {check_command}; then {run_command}"


def _format_dry_run_command(folder: Path) -> str:
    """By the suite's name where its project would find it, by its path elsewhere."""
    project = find_project(folder.absolute())
    is_found = project is not None and folder.absolute().parent == project / "benchmarks"
    suite = folder.name if is_found else os.path.relpath(folder)
    return format_run_command("--suite", suite, "--dry-run", project=project)


def _check_folder(folder: Path) -> int:
    from vlm_lab.config.models_file import allow_listed_plugins
    from vlm_lab.run.preflight import check_suite

    allow_listed_plugins([locate_in_project("models.yaml")])
    documents, load_notes = load_documents(load_suite(folder))
    errors, check_notes = check_suite(documents[0].suite, documents)
    lines = [*map(in_english, (*load_notes, *check_notes)), *errors]
    print("\n".join(map(terminal_safe_lines, lines)))
    scored_count = sum(document.reference is not None for document in documents)
    if errors:
        command = format_command("init", "--check", folder)
        print(f"{folder}: correct suite.yaml or schema.json, then: {command}")
        return ExitStatus.FAILED
    print(
        f"{folder}: {scored_count} of {len(documents)} documents have a reference, "
        "and each scores 1.0 against itself"
    )
    return 0
