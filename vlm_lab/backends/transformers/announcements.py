"""What a worker is told before it is asked: pages to open while nothing is asked, a batch to get
ready for while it works on another one.

An announcement has a number, by which the question names it. It counts for the same pages alone, a
batch for the same worker and the same words, too; a question that comes otherwise is asked whole.
What was announced is kept until it is asked, or another one is announced, so that its pages stay
where the worker was told that they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from vlm_lab.pixel_file import SizedSource
from vlm_lab.types import Prompt
from vlm_lab.workers.process import Worker


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one worker was told, and the number that it has it by."""

    worker: Worker
    prompts: Sequence[Prompt]
    number: int


class Announcer:
    """Tells a model's workers what comes next. One batch and one prompt's pages are open at a time;
    a batch may be announced from another thread."""

    def __init__(self) -> None:
        self._batch: Announcement | None = None
        self._pages: Announcement | None = None
        self._count = 0

    def announce_batch(self, worker: Worker, prompts: Sequence[Prompt]) -> None:
        """Has the batch preprocessed."""
        self._batch = self._make_announcement(worker, prompts)
        worker.announce({"announce": self._batch.number, **build_batch_fields(prompts)})

    def announce_pages(self, worker: Worker, prompt: Prompt) -> None:
        """Has the prompt's pages opened, unless each would have to be sent twice for it."""
        self._pages = None
        pages = locate_pages([prompt])
        if any(isinstance(source, bytes) for _, source in pages):
            return
        self._pages = self._make_announcement(worker, [prompt])
        worker.announce({"open_pages": self._pages.number, "pages": pages})

    def take_batch(self, worker: Worker | None, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """The question for a batch: its number where this worker was told of it, else all of it."""
        batch, self._batch = self._batch, None
        if batch is None or batch.worker is not worker or list(batch.prompts) != list(prompts):
            return build_batch_fields(prompts)
        return {"announced": batch.number}

    def take_pages(self, prompt: Prompt) -> dict[str, Any]:
        """What the question for a prompt says of pages that were announced. A worker that was not
        told of them, since it is a new one, opens them when it is asked."""
        announced, self._pages = self._pages, None
        # Pages are equal where they are the same.
        if announced is None or list(announced.prompts[0].pages) != list(prompt.pages):
            return {}
        return {"opened_pages": announced.number}

    def _make_announcement(self, worker: Worker, prompts: Sequence[Prompt]) -> Announcement:
        self._count += 1
        return Announcement(worker, prompts, self._count)


def build_batch_fields(prompts: Sequence[Prompt]) -> dict[str, Any]:
    """What a worker is told of a batch: each prompt's text and number of pages, and the pages of
    all."""
    batch_prompts = [(prompt.text, len(prompt.pages)) for prompt in prompts]
    return {"batch_prompts": batch_prompts, "pages": locate_pages(prompts)}


def locate_pages(prompts: Sequence[Prompt]) -> list[SizedSource]:
    """Of all pages the size and where the worker reads their pixels."""
    all_pages = chain.from_iterable(prompt.pages for prompt in prompts)
    return [page.sized_source for page in all_pages]
