"""What the machines of a cluster do, in plain functions and classes that Ray calls: a document's
pages are rendered, its model is asked, its reply is scored.

In and out: batches with one column of pickles, that never leave the cluster; at the end rows of
records. Whatever goes wrong with a document becomes its record, and ends nothing.
"""

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vlm_lab.backends import resolve_backend
from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import DocumentError, Skip, UserError
from vlm_lab.messages import Message
from vlm_lab.parsing import parse
from vlm_lab.records.parquet_records import build_table
from vlm_lab.registry import allow_plugins
from vlm_lab.run.asking import check_applicable
from vlm_lab.run.case_builder import CaseBuilder
from vlm_lab.run.cluster.answered import compute_answer_digest, is_answered
from vlm_lab.run.cluster.documents import LINE, PlannedDocument, decode_document, open_location
from vlm_lab.run.offline import RequestWindow
from vlm_lab.run.page_reader import PageReader
from vlm_lab.run.preflight import check_self_score
from vlm_lab.run.record import add_answer, build_base_record, collect_page_fields, describe_failure
from vlm_lab.run.reply_cache import ReplyCache
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scoring import score
from vlm_lab.suite import make_prompt
from vlm_lab.suite.document_files import MAX_FILE_BYTES
from vlm_lab.suite.prompts import get_page_limit
from vlm_lab.suite.unseen_values import find_unseen_paths
from vlm_lab.types import (
    Case,
    Document,
    Generation,
    PageText,
    Prompt,
    Record,
    Runtime,
    Status,
    Suite,
)

ITEM = "item"  # the one column between stages
Batch = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One candidate's part of a run, as workers are told it. `answered` finds what the run that is
    gone on with has, in Ray's store."""

    id: str
    builder: CaseBuilder
    suite: Suite
    runtime: Runtime
    max_pages: int | None
    start_folder: Path
    project: Path
    plugins: tuple[str, ...]
    answered: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document on its way. `base` is its record before there is an answer, `page_fields` what
    that says of its pages beside. Without a `generation` it is `base` that is written."""

    document: PlannedDocument
    base: Record
    not_shown: frozenset[str] = frozenset()
    text: str = ""
    pages: tuple[Any, ...] = ()
    page_notes: tuple[Message, ...] = ()
    page_text: PageText | None = None
    page_fields: Mapping[str, Any] = field(default_factory=dict)
    generation: Generation | None = None

    @property
    def has_failed(self) -> bool:
        return self.base.error is not None

    def fail(self, error: BaseException) -> "Item":
        """The same without an answer, with the reason, and without what is no longer needed."""
        status: Status = "skipped" if isinstance(error, Skip) else "error"
        base = replace(self.base, status=status, error=describe_failure(error))
        return Item(document=self.document, base=base)


class Worker:
    """What a process of the cluster keeps from batch to batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        _find_own_code(job)
        self.answered = _load_answered(job.answered)
        cache = ReplyCache(job.runtime.cache / "replies", "off")
        self.page_reader = PageReader(
            lambda model: Candidate(model, job.runtime), self.make_prompt, cache, job.runtime.seed
        )
        model = job.builder.model
        self.is_recorded = not model.has_own_backend and resolve_backend(model.backend).recorded

    def make_prompt(self, case: Case) -> Prompt:
        """The case's prompt, its pages not yet rendered."""
        return make_prompt(
            case.model, case.template, case.prompt_id, case.document, self.job.max_pages
        )


_workers: dict[str, Worker] = {}  # of this process: one, of the job in hand


def _get_worker(job: Job) -> Worker:
    if job.id not in _workers:
        close_workers()
        _workers[job.id] = Worker(job)
    return _workers[job.id]


def close_workers() -> None:
    """Frees what this process keeps of earlier jobs."""
    for worker in _workers.values():
        worker.page_reader.close()
    _workers.clear()


def _find_own_code(job: Job) -> None:
    """A backend of one's own and paths in models.yaml are found as in a plain run, where this
    machine has them."""
    if job.start_folder.is_dir():
        os.chdir(job.start_folder)
    for folder in (job.start_folder, job.project):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    allow_plugins(job.plugins)


def _load_answered(reference: Any) -> Any:
    if reference is None:
        return np.array([], np.uint64)
    import ray

    return ray.get(reference)


def render_documents(batch: Batch, job: Job) -> Iterator[dict[str, Any]]:
    """Documents -> items with their pages, one at a time, since pages are large; without those that
    the run that is gone on with has answered."""
    worker = _get_worker(job)
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


class ModelActor:
    """A candidate on one machine: loaded once, asked batch by batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        _find_own_code(job)
        self.candidate = Candidate(job.builder.model, job.runtime)

    def __del__(self) -> None:
        """Ends a model's process or engine; Ray Data has no other call at an actor's end."""
        self.candidate.close()

    def __call__(self, batch: Batch) -> dict[str, Any]:
        """Items -> the same with replies, or with the reason why there is none."""
        items = unpack_items(batch)
        waiting = [item for item in items if not item.has_failed]
        answered = {item.document.id: item for item in self._ask(waiting)}
        return pack_items([answered.get(item.document.id, item) for item in items])

    def _ask(self, items: Sequence[Item]) -> list[Item]:
        try:
            self.candidate.load()
        except Exception as error:
            return [item.fail(error) for item in items]
        if self.candidate.recorded:
            return [self._replay(item) for item in items]
        return self._ask_together(items)

    def _replay(self, item: Item) -> Item:
        case = self._build_case(item)
        try:
            return replace(item, generation=self.candidate.generate(self._build_prompt(case, item)))
        except Exception as error:
            return item.fail(error)

    def _ask_together(self, items: Sequence[Item]) -> list[Item]:
        """As in the scenario `offline`: padded batches, or as many requests as a server takes."""
        cases = {item.document.id: self._build_case(item) for item in items}
        items_by_id = {item.document.id: item for item in items}

        def prepare(case: Case) -> tuple[Prompt, None]:
            return self._build_prompt(case, items_by_id[case.document.id]), None

        window = RequestWindow(self.candidate, list(cases.values()), prepare, lambda _: None)
        try:
            return [self._take(window, cases[item.document.id], item) for item in items]
        finally:
            window.close()
            window.join()

    def _take(self, window: RequestWindow, case: Case, item: Item) -> Item:
        try:
            generation = window.take(case)
        except Exception as error:
            return item.fail(error)
        notes = (*generation.notes, *item.page_notes)
        return replace(item, pages=(), generation=replace(generation, notes=notes))

    def _build_case(self, item: Item) -> Case:
        path = Path(item.document.location)
        return self.job.builder.build_case(item.document.build_document(self.job.suite, path))

    def _build_prompt(self, case: Case, item: Item) -> Prompt:
        prompt = make_prompt(
            case.model, case.template, case.prompt_id, case.document, self.job.max_pages
        )
        return replace(prompt, text=item.text, pages=item.pages, page_text=item.page_text)


def score_replies(batch: Batch, job: Job) -> Any:
    """Items -> rows of records, as the run's files have them."""
    _get_worker(job)
    return build_table([build_record(job, item) for item in unpack_items(batch)])


def build_record(job: Job, item: Item) -> Record:
    """What is written of one document."""
    if item.generation is None:
        return item.base
    document = item.document.build_document(job.suite, Path(item.document.location))
    document = replace(document, not_shown=item.not_shown)
    try:
        generation = replace(item.generation, fields=job.suite.fields)
        prediction = parse(generation)
        base = replace(item.base, **item.page_fields)
        record = add_answer(base, job.suite, generation, prediction, score(prediction, document))
        return replace(record, notes=(*item.base.notes, *record.notes))
    except Exception as error:
        return item.fail(error).base


def pack_items(items: Sequence[Item]) -> dict[str, Any]:
    """A batch, as Ray takes it."""
    return {ITEM: np.array([pickle.dumps(item) for item in items], dtype=object)}


def unpack_items(batch: Batch) -> list[Item]:
    """What `pack_items` packed, on this cluster and in this run."""
    # Written by the stage before it, in the store of the cluster that we started or were told of.
    return [pickle.loads(item) for item in batch[ITEM]]  # noqa: S301
