"""A suite's documents -> references from their e-invoices, for those that have none yet, and what
is to be said of the others. Reads everything, writes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_lab.errors import UserError
from vlm_lab.scaffold.e_invoice.reading import KNOWN_FORMS, Reading, read_e_invoice
from vlm_lab.scaffold.e_invoice.sentences import (
    format_lines,
    format_unfilled,
    list_faults,
    list_notes,
)
from vlm_lab.scaffold.e_invoice.suite_keys import choose_paths, convert_to_suite
from vlm_lab.scaffold.reading import format_first_names
from vlm_lab.suite.documents import find_documents
from vlm_lab.suite.reference_index import ReferenceIndex
from vlm_lab.suite.reference_names import find_namesakes, has_own_reference, name_reference
from vlm_lab.types import Suite


@dataclass(frozen=True, slots=True)
class EInvoiceReferences:
    """The text of each reference that could be written, by its path; all documents that carry an
    e-invoice; and sentences about what was found."""

    file_texts: dict[Path, str]
    e_invoice_names: tuple[str, ...]
    notes: tuple[str, ...]


def propose_references(suite: Suite) -> EInvoiceReferences:
    """UserError where no document carries an e-invoice that can be read."""
    if suite.references.is_file():
        raise UserError(
            f"{suite.references}: is one file for all documents, and none is added to it; "
            "name a folder under `references` in suite.yaml"
        )
    names = find_documents(suite)
    readings = _read_all(suite, names)
    found = {name: reading for name, reading in readings.items() if reading.invoice}
    faults = list_faults(readings)
    if not found:
        raise UserError("\n".join([_format_none_found(suite, names), *format_lines(faults)]))
    index = ReferenceIndex(suite)
    new_names = [name for name in found if not has_own_reference(suite, index, name, names)]
    confused = _find_confused(suite, names, new_names)
    written = {name: found[name] for name in new_names if name not in confused}
    without = [name for name in names if name not in readings]
    notes = [
        f"{len(found)} of {len(names)} documents carry an e-invoice: {len(written)} get its values "
        f"as their reference, {len(found) - len(new_names)} have one already"
    ]
    if without:
        notes.append(f"{len(without)} carry none, for example {format_first_names(without)}")
    notes += format_unfilled(suite, written)
    notes += format_lines([*faults, *confused.items(), *list_notes(written)])
    return EInvoiceReferences(_build_file_texts(suite, written), tuple(found), tuple(notes))


def _read_all(suite: Suite, names: Sequence[str]) -> dict[str, Reading]:
    """What the documents' XML files came to; those without any are left out."""
    root = suite.documents if suite.documents.is_dir() else suite.documents.parent
    readings = {name: read_e_invoice(root / name) for name in names}
    return {name: reading for name, reading in readings.items() if reading}


def _format_none_found(suite: Suite, names: Sequence[str]) -> str:
    return (
        f"{suite.documents}: none of {len(names)} documents carries an e-invoice, in the PDF or "
        f"beside it as NAME.xml ({KNOWN_FORMS} are read); "
        "give your pipeline's files with --references=PATH"
    )


def _build_file_texts(suite: Suite, written: Mapping[str, Reading]) -> dict[Path, str]:
    paths = choose_paths(suite.fields)
    file_texts = {}
    for name, reading in written.items():
        if reading.invoice is not None:
            reference = convert_to_suite(reading.invoice.values, paths)
            text = json.dumps(reference, ensure_ascii=False, indent=2) + "\n"
            file_texts[suite.references / name_reference(suite, name)] = text
    return file_texts


def _find_confused(suite: Suite, names: Sequence[str], new_names: Sequence[str]) -> dict[str, str]:
    """Documents whose reference would be taken for another one's as well; and what to do."""
    return {
        name: f"its reference would be taken for that of {format_first_names(others)}, too; "
        "rename one of them, then type the command again"
        for name, others in find_namesakes(suite, names, new_names).items()
    }
