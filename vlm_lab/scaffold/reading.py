"""A folder of references and how they are matched -> what each of them says, as it is written, and
notes on what was odd; or why nothing can be read, and what to do.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, in_english
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold.matching import Matching
from vlm_lab.suite.label_files import JSON_SUFFIXES
from vlm_lab.suite.reference_files import summarize_notes
from vlm_lab.suite.reference_index import FoundReference, ReferenceIndex
from vlm_lab.suite.references import REFUSALS, read_raw_reference
from vlm_lab.types import Suite


def read_references(suite: Suite, matching: Matching) -> tuple[list[Any], tuple[str, ...]]:
    """What the references of all documents say, and that of files without one; notes on what was
    odd. UserError where nothing can be read."""
    references: list[Any] = []
    notes: list[Message] = []
    found_references = list(_list_references(suite, matching))
    for found in found_references:
        try:
            data, found_notes = read_raw_reference(found)
        except (OSError, ValueError, RecursionError) as error:
            message_args = {"name": terminal_safe(found.name), "said": str(error)}
            notes.append(Message("unreadable", message_args))
            continue
        notes += found_notes
        if not any(note.kind in REFUSALS for note in found_notes):
            references.append(data)
    is_readable = any(note.kind in REFUSALS for note in notes)
    if not references and (matching.found or not is_readable):
        raise UserError(
            f"{suite.references}: holds {_describe_unreadable(found_references, notes)}; "
            "give your pipeline's output folder with --references=PATH"
        )
    return references, tuple(map(in_english, summarize_notes(notes)))


def _list_references(suite: Suite, matching: Matching) -> Iterator[FoundReference]:
    """Those of documents, and where they are files also those that no document has."""
    yield from matching.found.values()
    if matching.label_files:
        return
    used_paths = {found.path for found in matching.found.values()}
    index = ReferenceIndex(suite)
    other_paths = index.own_paths if matching.found else index.folder.paths
    for name, path in other_paths.items():
        if path not in used_paths:
            yield FoundReference(path, name)


def _describe_unreadable(found: Sequence[FoundReference], notes: Sequence[Message]) -> str:
    if not found:
        return "no .json file, and no label file (.jsonl, .csv, .xml) that names a document"
    count = len(found)
    refusals = [note for note in notes if note.kind in REFUSALS]
    if refusals:
        return f"{count} references and none can be used, for example {in_english(refusals[0])}"
    suffix = found[0].path.suffix.lower()
    kind = "readable JSON" if suffix in JSON_SUFFIXES else "readable"
    return f"{count} {suffix} files and none is {kind}, for example {in_english(notes[0])}"


def format_no_match(suite: Suite, names: Sequence[str], matching: Matching) -> str:
    """Why no document has a reference, and what to do."""
    unused = matching.unused_references
    if not unused:
        files = format_first_names([*ReferenceIndex(suite).folder.paths])
        return (
            f"{suite.references}: {files} says nothing about one of {len(names)} documents in "
            f"{suite.documents}, for example {terminal_safe(names[0])}; "
            "name each document in a column or key file_name, with its suffix"
        )
    return (
        f"{suite.references}: none of {len(unused)} references is named after one of "
        f"{len(names)} documents in {suite.documents}, for example "
        f"{terminal_safe(unused[0])} beside {terminal_safe(names[0])}; "
        "give the references of these documents, "
        "or name each after its document: invoice1.pdf, invoice1.json"
    )


def format_first_names(names: Sequence[str], limit: int = 2) -> str:
    """The first names, safe for a terminal."""
    first_names = ", ".join(terminal_safe(name) for name in names[:limit])
    return f"{first_names} ..." if len(names) > limit else first_names
