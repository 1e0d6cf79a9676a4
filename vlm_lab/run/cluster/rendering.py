"""Documents -> items with their rendered pages and the text that goes with them, by tasks on all
machines. Whatever goes wrong with a document becomes its record, and ends nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.errors import DocumentError, UserError
from vlm_lab.messages import Message
from vlm_lab.run.asking import check_applicable
from vlm_lab.run.cluster.answered import compute_answer_digest, is_answered
from vlm_lab.run.cluster.documents import LINE, PlannedDocument, decode_document, open_location
from vlm_lab.run.cluster.items import Batch, Item, Job, pack_items
from vlm_lab.run.cluster.workers import Worker, get_worker
from vlm_lab.run.preflight import check_self_score
from vlm_lab.run.record import build_base_record, collect_page_fields
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.document_files import MAX_FILE_BYTES
from vlm_lab.suite.prompts import get_page_limit
from vlm_lab.suite.unseen_values import find_unseen_paths
from vlm_lab.types import Case, Document


def render_documents(batch: Batch, job: Job) -> Iterator[dict[str, Any]]:
    """Documents -> items with their pages, one at a time, since pages are large; without those that
    the run that is gone on with has answered."""
    worker = get_worker(job)
    for line in batch[LINE]:
        item = render_document(worker, decode_document(line))
        if item is not None:
            yield pack_items([item])


def render_document(worker: Worker, planned: PlannedDocument) -> Item | None:
    """None where the document is answered already."""
    with _fetch(planned) as (path, fetch_error):
        document = planned.build_document(worker.job.suite, path)
        document, notes = _leave_unsound_reference(document)
        case = worker.job.builder.build_case(document)
        base = replace(build_base_record(case, "skipped"), notes=notes)
        if is_answered(worker.answered, compute_answer_digest(base.key, base.inputs)):
            return None
        item = Item(document=replace(planned, reference=document.reference), base=base)
        try:
            if fetch_error:
                raise fetch_error
            return _render_case(worker, case, item)
        except Exception as error:
            return item.fail(error)
        finally:
            worker.page_reader.forget_texts()


@contextmanager
def _fetch(planned: PlannedDocument) -> Iterator[tuple[Path, UserError | None]]:
    """Where the document's file lies on this machine, for as long as it is needed, or why it does
    not."""
    if "://" not in planned.location:
        yield Path(planned.location), None
        return
    with tempfile.TemporaryDirectory(prefix="vlm-lab-") as folder:
        path = Path(folder) / Path(planned.name).name
        error = None
        try:
            with open_location(planned.location) as source, path.open("wb") as file:
                file.write(source.read(MAX_FILE_BYTES + 1))  # which is then too large
        except (OSError, UserError) as failure:
            said = terminal_safe(str(failure))
            figures = {"name": terminal_safe(planned.name), "said": said}
            error = DocumentError(Message("file_not_read", figures))
        yield path, error


def _leave_unsound_reference(document: Document) -> tuple[Document, tuple[Message, ...]]:
    """As a plain run does before it begins: one odd reference costs its own score."""
    if document.reference is None:
        return document, ()
    fault = "".join(check_self_score(document))
    if not fault:
        return document, ()
    note = Message("runs_unscored", {"said": terminal_safe(fault)})
    return replace(document, reference=None), (note,)


def _render_case(worker: Worker, case: Case, item: Item) -> Item:
    check_applicable(case)
    prompt = worker.make_prompt(case)
    pages: Any = prompt.pages
    limit = get_page_limit(case.model, case.document.suite, worker.job.max_pages)
    is_cut = pages.total > limit
    not_shown = find_unseen_paths(case.document, limit) if is_cut else frozenset()
    item = replace(item, not_shown=not_shown, page_fields=collect_page_fields(prompt))
    if worker.is_recorded:
        return replace(item, text=prompt.text)
    sent = worker.page_reader.show_text(case, prompt)
    rendered = pages.render_pages() if sent.pages else ()
    return replace(
        item, text=sent.text, pages=rendered, page_notes=pages.notes, page_text=sent.page_text
    )
