"""What one sitting of labelling has in hand: the documents that were drawn, their drafts, and who
sits there.

Written are drafts, and what `finishing` writes. Of a document that was drawn blind nothing that
candidates say leaves this module before it is finished.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from vlm_lab.analysis.consensus import Consensus
from vlm_lab.corrections_page.labelling.finishing import finish_document
from vlm_lab.corrections_page.labelling.form import (
    check_row_counts,
    check_values,
    format_value,
    list_open_places,
)
from vlm_lab.corrections_page.request_checks import Refusal
from vlm_lab.corrections_page.session import MAX_NAME, Change, ListPages, Reading, pick_page
from vlm_lab.suite.label_drafts import LabelDraft, read_draft, write_draft
from vlm_lab.suite.label_form import list_places
from vlm_lab.types import Document, Suite

DRAFT_KEYS = ("document", "version", "row_counts", "decided", "open", "labelled_by")
FINISH_KEYS = ("document", "version", "labelled_by")


@dataclass(slots=True)
class LabelledDocument:
    """One document that was drawn. `finished` is its draft as it was finished in this sitting, and
    `written` the digest of the reference that came of it."""

    document: Document
    blind: bool
    consensus: Consensus = field(default_factory=Consensus)
    failures: Mapping[str, str] = field(default_factory=dict)
    finished: LabelDraft | None = None
    written: str = ""


@dataclass(frozen=True, slots=True)
class LabellingSession:
    """One suite of one run; `documents` are in the order in which they are to be labelled."""

    run: str
    suite: Suite
    documents: Mapping[str, LabelledDocument]
    list_pages: ListPages
    user: str
    catalogue: NullTranslations
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def readings(self) -> Mapping[str, Reading]:
        """What the page may ask for beside documents and pages."""
        return {}

    @property
    def changes(self) -> Mapping[str, Change]:
        """What the page may change, by where it is sent."""
        return {"drafts": self.save_draft, "references": self.finish}

    def count_finished(self) -> int:
        """Of this sitting."""
        return sum(bool(each.written) for each in self.documents.values())

    def describe_documents(self) -> list[dict[str, Any]]:
        """What the page knows of all documents from the beginning."""
        return [
            {
                "id": document_id,
                "name": labelled.document.name,
                "blind": labelled.blind,
                "finished": bool(labelled.written),
            }
            for document_id, labelled in self.documents.items()
        ]

    def describe_document(self, document_id: str) -> dict[str, Any]:
        """One document with its draft, or with what is prefilled. Refusal where there is none."""
        labelled = self._find_document(document_id)
        draft, version = read_draft(self.suite.folder, document_id)
        draft = draft or labelled.finished or self._begin(labelled)
        page_count = len(self.list_pages(labelled.document))
        is_shown = not labelled.blind or bool(labelled.written)
        return {
            "id": document_id,
            "pages": [f"pages/{document_id}/{number}" for number in range(1, page_count + 1)],
            "blind": labelled.blind,
            "finished": bool(labelled.written),
            "version": version,
            "row_counts": draft.row_counts,
            "decided": draft.decided,
            "open": draft.open,
            "answers": self._list_answers(labelled, draft) if is_shown else {},
            "failures": dict(labelled.failures) if is_shown else {},
        }

    def find_page(self, document_id: str, number: str) -> Path:
        """The picture of a page, counted from 1. Refusal where there is none."""
        return pick_page(self.list_pages(self._find_document(document_id).document), number)

    def save_draft(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Puts a document's form on the disk as it is; the draft's version. Refusal where it is
        none, or is about an older version."""
        self._check_texts(sent, DRAFT_KEYS)
        labelled = self._find_document(sent["document"])
        row_counts = check_row_counts(sent.get("row_counts"))
        fields = self.suite.fields
        places = dict(list_places(fields, row_counts))
        with self.lock:
            draft = self._read_seen(labelled, sent["version"])
            changed = replace(
                draft,
                row_counts=row_counts,
                decided=check_values(sent.get("decided"), places, "decided"),
                open=check_values(sent.get("open"), places, "open"),
            )
            return {"version": write_draft(self.suite.folder, changed)}

    def finish(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a reference of a document's draft. Refusal where a value is still open, or where
        somebody else wrote a reference meanwhile."""
        self._check_texts(sent, FINISH_KEYS)
        labelled = self._find_document(sent["document"])
        labelled_by = " ".join(sent["labelled_by"].split())[:MAX_NAME]
        with self.lock:
            draft = self._read_seen(labelled, sent["version"])
            open_places = list_open_places(draft, self.suite.fields)
            if open_places:
                raise Refusal(409, "values are open", {"open_places": open_places})
            labelled.written = finish_document(
                labelled.document, draft, labelled.blind, labelled_by, labelled.written
            )
            labelled.finished = draft
        return {"finished": True, "labelled": self.count_finished()}

    def _begin(self, labelled: LabelledDocument) -> LabelDraft:
        """A draft in which nothing is decided. Blind, it has what is agreed and nothing of it in
        the form."""
        consensus = labelled.consensus
        draft = LabelDraft(
            document=labelled.document.id,
            agreed=consensus.agreed,
            agreed_row_counts=consensus.row_counts,
            run=self.run,
        )
        if labelled.blind:
            return draft
        places = dict(list_places(self.suite.fields, consensus.row_counts))
        prefilled = {
            path: format_value(value) for path, value in consensus.agreed.items() if path in places
        }
        return replace(draft, row_counts=consensus.row_counts, open=prefilled)

    def _read_seen(self, labelled: LabelledDocument, version: str) -> LabelDraft:
        """The draft that the page has seen. Refusal where it is another one by now."""
        draft, present = read_draft(self.suite.folder, labelled.document.id)
        if present != version:
            raise Refusal(409, "the draft was changed since it was read", {"stale": True})
        return draft or labelled.finished or self._begin(labelled)

    def _list_answers(
        self, labelled: LabelledDocument, draft: LabelDraft
    ) -> dict[str, list[tuple[str, str]]]:
        """What candidates say, by place. Of rows only while they are those that were read."""
        has_same_rows = draft.row_counts == labelled.consensus.row_counts
        return {
            path: _format_answers(value.answers)
            for path, value in labelled.consensus.values.items()
            if not value.in_extra_row and (has_same_rows or "[" not in path)
        }

    def _find_document(self, document_id: str) -> LabelledDocument:
        if document_id not in self.documents:
            raise Refusal(404, "no such document")
        return self.documents[document_id]

    def _check_texts(self, sent: Mapping[str, Any], keys: Sequence[str]) -> None:
        unknown_keys = sorted(sent.keys() - set(keys))
        if unknown_keys:
            raise Refusal(400, f"unknown keys: {', '.join(unknown_keys)[:200]}")
        texts = [key for key in keys if key in ("document", "version", "labelled_by")]
        if not all(isinstance(sent.get(key), str) for key in texts):
            raise Refusal(400, f"{', '.join(texts)} must be texts")


def _format_answers(answers: Sequence[Any]) -> list[tuple[str, str]]:
    texts = [(answer.candidate, format_value(answer.value)) for answer in answers]
    return [(candidate, text) for candidate, text in texts if text is not None]
