"""results/looks.jsonl: which documents of a suite were looked at when, a line a look.

Each look at more documents is one more chance to be wrong, and a holdout is unseen once. The file
has names of suites and runs, dates and a hash, nothing of a document: it may be kept in git, where
a team shares it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, read_bounded_text
from vlm_lab.records.run_folder import append_line
from vlm_lab.records.run_settings import read_settings
from vlm_lab.type_adapters import get_adapter

LOOKS_FILE = "looks.jsonl"


@dataclass(frozen=True, slots=True)
class Look:
    """A run over all documents of a suite, or over its `holdout`. `documents_sha256` is of their
    ids."""

    suite: str
    run: str
    date: str
    documents: int
    documents_sha256: str
    holdout: bool = False


def hash_documents(ids: Iterable[str]) -> str:
    """The same for the same documents, in whatever order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode("utf-8", "surrogatepass")).hexdigest()


def read_looks(results: Path) -> list[Look]:
    """All that were noted, in order; a line that is none is read past."""
    try:
        lines = read_bounded_text(results / LOOKS_FILE, "utf-8", MAX_DATA_BYTES).splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    looks = []
    for line in lines:
        try:
            looks.append(get_adapter(Look).validate_json(line))
        except ValidationError:
            continue
    return looks


def add_look(results: Path, look: Look) -> list[Look]:
    """Notes a look, once a run and suite; all of them, this one included. Where it cannot be
    written the run goes on: the next one then counts too few."""
    looks = read_looks(results)
    if any((noted.suite, noted.run) == (look.suite, look.run) for noted in looks):
        return looks
    line = json.dumps(asdict(look)).encode() + b"\n"
    with suppress(OSError):
        append_line(results / LOOKS_FILE, line)
    return [*looks, look]


def count_looks(
    results: Path, looks: Sequence[Look], look: Look, document_ids: Collection[str]
) -> int:
    """How many numbers of documents of the suite were looked at until this one, which is at
    `document_ids`: the same documents again are no further look. Nor was it one at these where
    another run, with `--documents`, had none of them, as long as that run is there to say so. A run
    that was gone on with without some of its documents, since they are gone, is the look that it
    was."""
    same_kind = [
        noted
        for noted in looks
        if (noted.suite, noted.holdout) == (look.suite, look.holdout)
        and not _is_of_others(results, noted, look, document_ids)
    ]
    own = next((noted for noted in same_kind if noted.run == look.run), look)
    seen = dict.fromkeys(noted.documents_sha256 for noted in [*same_kind, own])
    return list(seen).index(own.documents_sha256) + 1


def _is_of_others(results: Path, noted: Look, look: Look, document_ids: Collection[str]) -> bool:
    """Whether a look is known to have been at none of the documents."""
    if noted.documents_sha256 == look.documents_sha256 or noted.run == look.run:
        return False
    noted_ids: set[str] = set()
    with suppress(UserError):  # gone, or on another machine
        cases = read_settings(results / noted.run).cases
        noted_ids = {document_id for suite, *_, document_id in cases if suite == noted.suite}
    return bool(noted_ids) and noted_ids.isdisjoint(document_ids)


def list_openings(looks: Sequence[Look], suite: str) -> list[str]:
    """The dates at which a suite's holdout was opened."""
    return [look.date for look in looks if look.suite == suite and look.holdout]
