"""What one sitting has in hand: a suite's documents, its file of corrections, and who sits there.

Everything that the page asks for comes from here as plain data; the only thing ever written is that
one file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from vlm_lab.analysis.label_errors import translate_label_error_reasons
from vlm_lab.corrections_page.documents import ReviewedDocument, Row
from vlm_lab.corrections_page.request_checks import Refusal
from vlm_lab.errors import UserError
from vlm_lab.messages import translate_message
from vlm_lab.suite.corrections import make_open_entry, parse_entry
from vlm_lab.suite.corrections_file import (
    Entry,
    SavedEntries,
    StaleVersion,
    put_entry,
    read_saved_entries,
    update_entries,
)
from vlm_lab.types import CORRECT, Document, LabelError

ListPages = Callable[[Document], Sequence[Path]]  # a document's page images
Reading = Callable[[], dict[str, Any]]
Change = Callable[[Mapping[str, Any]], dict[str, Any]]
ENTRIES_PATH = "corrections"
MAX_NAME = 100  # characters of who decided
DECISION_KEYS = ("document", "path", "verdict", "right", "decided_by", "version")


@dataclass(frozen=True, slots=True)
class CorrectionsSession:
    """One suite of one run. `file` need not be there yet; `user` is whom decisions are put down to
    until the page says another name."""

    run: str
    suite: str
    file: Path
    documents: Mapping[str, ReviewedDocument]
    list_pages: ListPages
    user: str
    catalogue: NullTranslations

    @property
    def readings(self) -> Mapping[str, Reading]:
        """What the page may ask for beside documents and pages."""
        return {ENTRIES_PATH: self.describe_entries}

    @property
    def changes(self) -> Mapping[str, Change]:
        """What the page may change, by where it is sent."""
        return {ENTRIES_PATH: self.decide}

    def describe_documents(self) -> list[dict[str, Any]]:
        """What the page knows of all documents from the beginning."""
        return [
            {
                "id": document_id,
                "name": reviewed.document.name,
                "has_reference": reviewed.document.reference is not None,
                "doubtful": [path for path, row in reviewed.rows.items() if row.doubt],
            }
            for document_id, reviewed in self.documents.items()
        ]

    def describe_document(self, document_id: str) -> dict[str, Any]:
        """One document with all its values. Refusal where there is no such document."""
        reviewed = self._find_document(document_id)
        page_count = len(self.list_pages(reviewed.document))
        gettext = self.catalogue.gettext
        return {
            "id": document_id,
            "pages": [f"pages/{document_id}/{number}" for number in range(1, page_count + 1)],
            "rows": [self._describe_row(row) for row in reviewed.rows.values()],
            "failures": {
                candidate: f"{gettext(status)}: {translate_message(reason, self.catalogue)}"
                for candidate, (status, reason) in reviewed.failures.items()
            },
            "extra_rows": reviewed.extra_rows,
        }

    def find_page(self, document_id: str, number: str) -> Path:
        """The picture of a page, counted from 1. Refusal where there is none."""
        return pick_page(self.list_pages(self._find_document(document_id).document), number)

    def describe_entries(self) -> dict[str, Any]:
        """The file as it is, with the version that a change of it must name."""
        return self._describe_saved(read_saved_entries(self.file))

    def decide(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Puts one decision into the file; the file as it is then. Refusal where the decision is
        none, is about no value of the run, or is about an older version of the file."""
        unknown_keys = sorted(decision.keys() - set(DECISION_KEYS))
        if unknown_keys:
            raise Refusal(400, f"unknown keys: {', '.join(unknown_keys)[:200]}")
        texts = {key: decision.get(key) for key in ("document", "path", "decided_by", "version")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise Refusal(400, f"{', '.join(texts)} must be texts")
        reviewed = self._find_document(decision["document"])
        row = reviewed.rows.get(decision["path"])
        if row is None:
            raise Refusal(404, "the document has no such value")
        if reviewed.document.reference is None:
            raise Refusal(409, "the document has no reference to correct")
        entry = self._make_entry(reviewed, row, decision)
        try:
            saved = update_entries(
                self.file, lambda entries: _merge_decision(entries, entry), decision["version"]
            )
        except StaleVersion as stale:
            raise Refusal(409, str(stale), self._describe_saved(stale.saved)) from None
        return self._describe_saved(saved)

    def _find_document(self, document_id: str) -> ReviewedDocument:
        if document_id not in self.documents:
            raise Refusal(404, "no such document")
        return self.documents[document_id]

    def _describe_row(self, row: Row) -> dict[str, Any]:
        reasons = translate_label_error_reasons(row.doubt, self.catalogue) if row.doubt else []
        return {
            "path": row.path,
            "reference": row.reference,
            "answers": [[answer.candidate, answer.value, answer.outcome] for answer in row.answers],
            "reasons": reasons,
            "agreed": row.doubt.agreed if row.doubt else None,
        }

    def _make_entry(
        self, reviewed: ReviewedDocument, row: Row, decision: Mapping[str, Any]
    ) -> Entry:
        """The entry of corrections.json, with what the person saw. Refusal where it is none."""
        said = {
            answer.candidate: answer.value
            for answer in row.answers
            if answer.outcome not in (*CORRECT, "missing")
        }
        doubt = row.doubt or LabelError(
            self.suite, reviewed.document.id, row.path, row.reference, said, ()
        )
        entry = {
            **make_open_entry(doubt),
            "reference": row.reference,
            "verdict": decision.get("verdict"),
            "right": decision.get("right"),
            "decided_by": " ".join(decision["decided_by"].split())[:MAX_NAME],
            "decided_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            parse_entry("the decision", entry)
        except UserError as error:
            raise Refusal(400, str(error)) from None
        return entry

    def _describe_saved(self, saved: SavedEntries) -> dict[str, Any]:
        """A document may be named by its path: the page knows it by its id."""
        ids_by_name = {
            reviewed.document.name: document_id for document_id, reviewed in self.documents.items()
        }
        entries = []
        for entry in saved.entries:
            document = entry.get("document")
            document_id = ids_by_name.get(document, document) if isinstance(document, str) else ""
            entries.append({**entry, "document": document_id})
        return {"version": saved.version, "entries": entries}


def pick_page(pages: Sequence[Path], number: str) -> Path:
    """The picture of a page, counted from 1. Refusal where there is none."""
    if not (number.isdecimal() and len(number) < 5 and 1 <= int(number) <= len(pages)):
        raise Refusal(404, "no such page")
    return pages[int(number) - 1]


def _merge_decision(entries: Sequence[Entry], entry: Entry) -> list[Entry]:
    """The entries with this decision. One that is taken back is open again where the value is
    doubted, and gone where it is not."""
    merged = put_entry(entries, entry)
    if entry["verdict"] or entry["why"]:
        return merged
    key = entry["document"], entry["path"]
    return [present for present in merged if (present.get("document"), present.get("path")) != key]
