"""A suite's documents folder and references -> Documents.

What is wrong with one reference is a note, and that document runs unscored: a run over three
hundred invoices must not end at a comma in one of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, list_first_names
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.corrections import Corrections, read_corrections
from vlm_lab.suite.document_files import (
    READABLE_FORMATS,
    explain_no_document,
    is_document,
    is_system_file,
)
from vlm_lab.suite.document_ids import make_unique_slugs
from vlm_lab.suite.label_draws import read_label_draws
from vlm_lab.suite.label_files import LABEL_SUFFIXES
from vlm_lab.suite.reference_files import summarize_notes
from vlm_lab.suite.reference_index import ReferenceIndex
from vlm_lab.suite.references import read_reference
from vlm_lab.suite.tags import (
    check_verified_names,
    collect_tags,
    is_verified,
    read_tag_table,
    read_verified_names,
)
from vlm_lab.types import Document, Suite

MAX_OTHER_NAMES = 20  # files that a note names: all of them, but in a folder that is no suite's


def load_documents(suite: Suite) -> tuple[tuple[Document, ...], tuple[Message, ...]]:
    """All documents in the order of their names, and notes on what users should know of them."""
    reader = DocumentReader(suite, find_documents(suite))
    documents = tuple(reader.read_documents())
    return documents, tuple(reader.collect_notes())


class DocumentReader:
    """A suite's documents of these names, one after another: they may be more than fit into
    memory."""

    def __init__(self, suite: Suite, names: Sequence[str]) -> None:
        self._suite, self._names = suite, names
        self._root = suite.documents if suite.documents.is_dir() else suite.documents.parent
        self._index = ReferenceIndex(suite)
        self._ids, self._notes = make_unique_slugs(names)
        self._tag_table, self._verified_names = read_tag_table(suite), read_verified_names(suite)
        if suite.has_own_documents:
            ids_and_names = dict(zip(self._ids, names, strict=True))
            check_verified_names(suite, self._verified_names, ids_and_names)
        self._corrections = (
            read_corrections(suite.corrections) if suite.corrections else Corrections()
        )
        self._probabilities = {
            draw.document: draw.inclusion_probability for draw in read_label_draws(suite.folder)
        }
        self._reference_notes: list[Message] = []
        self._unmatched_names: list[str] = []
        self._has_cluster = False

    def read_documents(self) -> Iterator[Document]:
        """In the order of the names, each with its reference."""
        for name, document_id in zip(self._names, self._ids, strict=True):
            yield self._read_document(name, document_id)

    def _read_document(self, name: str, document_id: str) -> Document:
        suite, corrections, found = self._suite, self._corrections, self._index.find(name)
        reference, found_notes = read_reference(found, suite) if found else (None, ())
        self._reference_notes += found_notes
        reference, correction_notes = corrections.apply(document_id, name, reference)
        self._notes += correction_notes
        tags = collect_tags(suite, name, reference, self._tag_table)
        self._has_cluster = self._has_cluster or bool(tags.get(suite.cluster))
        if found is None:
            self._unmatched_names.append(terminal_safe(name))
        return Document(
            id=document_id,
            name=name,
            path=self._root / name,
            suite=suite,
            tags=tags,
            reference=reference,
            reference_path=found.path if found else None,
            decided=corrections.find_decided(document_id, name, reference),
            verified=is_verified(suite, document_id, name, tags, self._verified_names),
            inclusion_probability=self._probabilities.get(document_id),
        )

    def collect_notes(self) -> Iterator[Message]:
        """What users should know of the documents, when all have been read."""
        suite = self._suite
        yield from self._notes
        yield from summarize_notes(self._reference_notes)
        yield from self._corrections.find_unused()
        if suite.cluster and not self._has_cluster:  # each document then stands for itself
            yield Message("no_cluster", {"suite": suite.name, "tag": suite.cluster})
        yield from _find_other_files(suite, self._names)
        yield from _describe_unmatched(self._unmatched_names, self._index)


def find_documents(suite: Suite) -> list[str]:
    """The relative paths of all documents, sorted. UserError where there is none."""
    folder = suite.documents
    if folder.is_file():
        return [folder.name]
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder of documents (suite {suite.name!r}); "
            "give one with --documents=PATH"
        )
    files = _list_files(folder)
    names = sorted(path.relative_to(folder).as_posix() for path in files if is_document(path))
    if not names:
        raise UserError(
            f"{folder}: holds no document ({READABLE_FORMATS}); give a folder with --documents=PATH"
        )
    return names


def _list_files(folder: Path) -> list[Path]:
    """The files that a person put there."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not _is_hidden(path.relative_to(folder))
        and not is_system_file(path.name)
    ]


def _find_other_files(suite: Suite, names: Sequence[str]) -> Iterable[Message]:
    """What lies among the documents and is none, by the reason."""
    if not suite.documents.is_dir():
        return
    document_names, names_by_reason = set(names), dict[str, list[str]]()
    for path in sorted(_list_files(suite.documents)):
        name = path.relative_to(suite.documents).as_posix()
        if name not in document_names and not _belongs_to_suite(suite, path):
            names_by_reason.setdefault(explain_no_document(path), []).append(terminal_safe(name))
    for reason, other_names in names_by_reason.items():
        listed = list_first_names(other_names, MAX_OTHER_NAMES)
        yield Message("no_documents", {"n": len(other_names), "why": reason, "names": listed})


def _belongs_to_suite(suite: Suite, path: Path) -> bool:
    """Whether a file is one of the suite's own, which may lie among its documents."""
    is_reference = path.is_relative_to(suite.references) and path.suffix.lower() in LABEL_SUFFIXES
    return is_reference or path.parent == suite.folder


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _describe_unmatched(names: Sequence[str], index: ReferenceIndex) -> Iterable[Message]:
    """Documents without a reference, given by their names, and references without a document."""
    if names:
        yield Message("unmatched", {"n": len(names), "names": list_first_names(names)})
    unused_names = [*map(terminal_safe, index.list_unused())]
    if unused_names:
        figures = {"n": len(unused_names), "names": list_first_names(unused_names)}
        yield Message("unused", figures)
