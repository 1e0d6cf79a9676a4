"""Several page workers: a request goes to one that is idle, and waits where none is.

In: how many processes are wanted. The first of them is the one that serves this process anyway; the
others start when they are needed, and end with the pool. A document that ended one of them, or
outlasted its time, is tried by none of the others.
"""

import os
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from vlm_lab.suite.rendering.process import PAGE_WORKER, Answer, PageWorker

MAX_WORKERS = 4  # processes, each of a hundred megabytes


class PageWorkerPool:
    """Several threads may ask at once: each waits for a process of its own."""

    def __init__(self, wanted_count: int) -> None:
        self.worker_count = max(1, min(wanted_count, MAX_WORKERS, count_cores()))
        self._own_workers = [PageWorker(PAGE_WORKER.failures) for _ in range(self.worker_count - 1)]
        self._idle_workers: SimpleQueue[PageWorker] = SimpleQueue()
        for worker in (PAGE_WORKER, *self._own_workers):
            self._idle_workers.put(worker)

    def request(self, path: Path, operation: str, **arguments: Any) -> Answer:
        """As `PageWorker.request`."""
        worker = self._idle_workers.get()
        try:
            return worker.request(path, operation, **arguments)
        finally:
            self._idle_workers.put(worker)

    def close(self) -> None:
        """Ends its own processes, whatever they do."""
        for worker in self._own_workers:
            worker.kill()


def count_cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
