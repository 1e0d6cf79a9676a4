"""Pages that a run leaves out: which documents have more than are shown, and which values of theirs
stand on none that is.

Said before the run, in the report and on the field: a value that no model could read is not judged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, list_first_names
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.pages import CountingAhead, Pages
from vlm_lab.suite.prompts import get_page_limit
from vlm_lab.suite.unseen_values import find_unseen_paths
from vlm_lab.types import Case, Document, Suite

MAX_NAMES = 10
DocumentLimit = tuple[str, str, int]  # suite, document id, pages shown


class LeftOutPages:
    """What is left out of the documents of a run; each is opened once for each limit. Where limits
    are compared, all are judged by the values on the `judged_pages` first pages."""

    def __init__(self, max_pages: int | None, judged_pages: int = 0) -> None:
        self.max_pages, self.judged_pages = max_pages, judged_pages
        self.notes: list[Message] = []
        self._totals: dict[DocumentLimit, int] = {}
        self._documents: dict[DocumentLimit, Document] = {}
        self._countings: list[CountingAhead] = []

    def count_ahead(self, suite: Suite, documents: Iterable[Document]) -> None:
        """Begins to count the pages of documents that `inspect` may be asked about."""
        paths = [document.path for document in documents]
        self._countings.append(CountingAhead(suite.documents, paths))

    def inspect(self, cases: Sequence[Case]) -> list[Message]:
        """What users should know of the cases' documents, before the run and after it."""
        self.notes = list(self._find_notes(cases))
        return self.notes

    def _find_notes(self, cases: Sequence[Case]) -> Iterator[Message]:
        names_by_limit: dict[int, list[str]] = {}
        paths = {case.document.path for case in cases}
        for counting in self._countings:
            counting.finish(paths)
        for case in cases:
            key = self._build_key(case)
            if key in self._totals:
                continue
            self._totals[key] = total = _count_pages(case.document)
            limit = key[-1]
            if total > limit:
                name = f"{terminal_safe(case.document.name)} ({total})"
                names_by_limit.setdefault(limit, []).append(name)
                unseen_paths = find_unseen_paths(case.document, limit)
                self._documents[key] = replace(case.document, not_shown=unseen_paths)
        for limit, names in names_by_limit.items():
            listed = list_first_names(names, MAX_NAMES)
            yield Message("left_out", {"n": len(names), "limit": limit, "names": listed})
        for (*_, limit), document in self._documents.items():
            if document.not_shown:
                fields = list_first_names([*map(terminal_safe, sorted(document.not_shown))], 20)
                figures = {"name": terminal_safe(document.name), "limit": limit, "fields": fields}
                yield Message("values_left_out", figures)

    def get_document(self, case: Case) -> Document:
        """The case's document, which knows what of its reference no page that is shown has."""
        return self._documents.get(self._build_key(case), case.document)

    def _build_key(self, case: Case) -> DocumentLimit:
        suite = case.document.suite
        limit = max(get_page_limit(case.model, suite, self.max_pages), self.judged_pages)
        return suite.name, case.document.id, limit


def _count_pages(document: Document) -> int:
    """0 where they cannot be counted: the document's own case says why."""
    try:
        return Pages(document.path, 1, 1).total
    except UserError:
        return 0
