"""What several runs noted of their documents -> those that are not the same in all of them, by the
hashes of the file, of its reference and of what decides its score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, list_first_names
from vlm_lab.records.record_head import RecordHead
from vlm_lab.sanitize import terminal_safe

# What must be the same of a document, and the sentence where it is not.
DOCUMENT_HASHES = {
    "document_sha256": "other_file",
    "reference_sha256": "other_reference",
    "scoring_sha256": "other_scoring",
}
MAX_NAMED = 10  # documents that one note names
DocumentKey = tuple[str, str]  # suite, document
DocumentHashes = Mapping[str, set[str]]  # name of a hash -> all that a run noted


@dataclass(frozen=True, slots=True)
class AskedSuites:
    """The suites of a run, and the heads of its records."""

    id: str
    suites: Sequence[str]
    heads: Sequence[RecordHead]


def find_left_out(runs: Sequence[AskedSuites]) -> tuple[set[DocumentKey], list[Message]]:
    """The documents that are not the same in all runs that asked their suite, and a note on each
    way in which they are not."""
    hashes_by_run = [_collect_hashes(run.heads) for run in runs]
    left_out: set[DocumentKey] = set()
    names: dict[tuple[str, str], list[str]] = {}  # kind of note, suite -> documents
    for key in dict.fromkeys(key for hashes in hashes_by_run for key in hashes):
        suite, document = key
        asked = [
            hashes.get(key)
            for run, hashes in zip(runs, hashes_by_run, strict=True)
            if suite in run.suites
        ]
        kinds = list(_compare_hashes(asked))
        for kind in kinds:
            names.setdefault((kind, suite), []).append(terminal_safe(document))
        if kinds:
            left_out.add(key)
    for suite in {suite for suite, _ in left_out}:
        _check_something_left(runs, suite, left_out, hashes_by_run)
    notes = [
        _describe_left_out(suite, kind, documents) for (kind, suite), documents in names.items()
    ]
    return left_out, notes


def _describe_left_out(suite: str, kind: str, documents: Sequence[str]) -> Message:
    names = list_first_names(documents, MAX_NAMED)
    figures = {"suite": suite, "n": len(documents), "names": names, "why": Message(kind)}
    return Message("joined_left_out", figures)


def _check_something_left(
    runs: Sequence[AskedSuites],
    suite: str,
    left_out: set[DocumentKey],
    hashes_by_run: Sequence[Mapping[DocumentKey, DocumentHashes]],
) -> None:
    documents = {key for hashes in hashes_by_run for key in hashes if key[0] == suite}
    if documents <= left_out:
        raise UserError(
            f"{' and '.join(run.id for run in runs)} cannot be joined: no document of the suite"
            f" {terminal_safe(suite)} has the same file, reference and scoring in all of them"
        )


def _collect_hashes(heads: Sequence[RecordHead]) -> Mapping[DocumentKey, DocumentHashes]:
    """All hashes that a run noted of each document."""
    hashes_by_document: dict[DocumentKey, dict[str, set[str]]] = {}
    for head in heads:
        hashes = hashes_by_document.setdefault((head.suite, head.document), {})
        for name in DOCUMENT_HASHES:
            hashes.setdefault(name, set()).add(str(getattr(head, name)))
    return hashes_by_document


def _compare_hashes(asked: Sequence[DocumentHashes | None]) -> Iterator[str]:
    """The kinds of note on one document, as each run noted it."""
    noted = [hashes for hashes in asked if hashes is not None]
    if len(noted) < len(asked):
        yield "not_in_all_runs"
    for name, kind in DOCUMENT_HASHES.items():
        if len(set[str]().union(*(hashes[name] for hashes in noted))) > 1:
            yield kind
