"""A worker that is started when it is needed, and again after a death, but not for ever.

What dies over one document costs that document. What dies over and over without an answer between
is no matter of documents: the rest fails at once, with the last reason.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from vlm_lab.errors import GenerationError, UserError
from vlm_lab.messages import Message
from vlm_lab.workers.process import Worker


class Closable(Protocol):
    def close(self) -> None: ...


Process = TypeVar("Process", bound=Closable)


class Restarts(Generic[Process]):
    """`start` gives a process that is ready; `max_deaths` in a row end it."""

    def __init__(self, name: str, start: Callable[[], Process], max_deaths: int) -> None:
        self.worker: Process | None = None
        self._name, self._start, self._max_deaths = name, start, max_deaths
        self._deaths: list[Message | str] = []

    def ensure_worker(self) -> Process:
        """The process, started where there is none. GenerationError where it died too often."""
        if self.worker is None:
            if len(self._deaths) >= self._max_deaths:
                figures = {
                    "name": self._name,
                    "n": len(self._deaths),
                    "what": self._deaths[-1],
                }
                raise GenerationError("WorkerDied", Message("not_started_again", figures))
            self.worker = self._start()
        return self.worker

    def note_reply(self) -> None:
        """A reply to a case ends a row of deaths."""
        self._deaths.clear()

    def note_death(self, reason: Message | str) -> None:
        """Gives the process up."""
        self._deaths.append(reason)
        self.close()

    def close(self) -> None:
        """Ends the process: what it held is free when this returns."""
        if self.worker:
            self.worker.close()
            self.worker = None


class Supervisor(Restarts[Worker]):
    """Of a worker of ours, which is asked through a pipe."""

    def __init__(self, name: str, start: Callable[[], Worker], max_deaths: int) -> None:
        super().__init__(name, start, max_deaths)
        self._lock = threading.Lock()

    @property
    def is_asking(self) -> bool:
        """Whether a question of another thread is open."""
        return self._lock.locked()

    def request_answer(
        self,
        request: Mapping[str, Any],
        seconds: float,
        *,
        is_reply: bool = True,
        is_batch: bool = False,
    ) -> dict[str, Any]:
        """An answer. A worker that dies over it, or is ended in the middle, is given up. One that
        is the reply to a case ends a row of deaths; a death over a batch is not counted, since its
        prompts are asked again one by one. Threads ask one after the other."""
        with self._lock:
            worker = self.ensure_worker()
            try:
                answer = worker.request_answer(request, seconds)
            except BaseException as error:
                if is_batch:
                    self.close()
                else:
                    self.note_death(error.message if isinstance(error, UserError) else str(error))
                raise
            if is_reply:
                self.note_reply()
            return answer
