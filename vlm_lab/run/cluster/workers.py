"""A job -> what a process of the cluster keeps of it from batch to batch: readers of pages, the
answers that are there already, and where code of one's own is found."""

import os
import sys
from typing import Any

import numpy as np

from vlm_lab.backends import resolve_backend
from vlm_lab.backends.candidate import Candidate
from vlm_lab.registry import allow_plugins
from vlm_lab.run.cluster.items import Job
from vlm_lab.run.page_reader import PageReader
from vlm_lab.run.reply_cache import ReplyCache
from vlm_lab.suite import make_prompt
from vlm_lab.types import Case, Prompt


class Worker:
    """What a process of the cluster keeps from batch to batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        find_own_code(job)
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


def get_worker(job: Job) -> Worker:
    if job.id not in _workers:
        close_workers()
        _workers[job.id] = Worker(job)
    return _workers[job.id]


def close_workers() -> None:
    """Frees what this process keeps of earlier jobs."""
    for worker in _workers.values():
        worker.page_reader.close()
    _workers.clear()


def find_own_code(job: Job) -> None:
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
