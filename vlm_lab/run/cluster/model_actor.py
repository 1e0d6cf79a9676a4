"""Items with pages -> items with replies, by a model that is loaded on a machine once. Whatever
goes wrong with a document becomes its record, and ends nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.run.cluster.items import Batch, Item, Job, pack_items, unpack_items
from vlm_lab.run.cluster.workers import find_own_code
from vlm_lab.run.offline import RequestWindow
from vlm_lab.suite import make_prompt
from vlm_lab.types import Case, Prompt


class ModelActor:
    """A candidate on one machine: loaded once, asked batch by batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.candidate = Candidate(job.builder.model, job.runtime)
        find_own_code(job)

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
