"""A user's own backend, asked through a worker: as ours are, it may hang, crash or exit.

    - {name: mine, model_id: x, backend: "my_backend:Mine", backend_kwargs: {reply_timeout: 60}}

What the class is asked without being loaded is asked in the worker, too: importing somebody's
module may do anything. `load_timeout` and `reply_timeout` limit it in seconds.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from vlm_lab.backends import Backend
from vlm_lab.backends.own import transfer
from vlm_lab.backends.own.worker import BarePrompt
from vlm_lab.backends.timeouts import read_timeouts
from vlm_lab.errors import GenerationError
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe_lines
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime
from vlm_lab.workers.process import (
    OFFLINE_VARIABLES,
    START_SECONDS,
    Worker,
    WorkerCode,
)
from vlm_lab.workers.supervisor import Supervisor

ENTRY_MODULE = "vlm_lab.backends.own.worker"
# In a row. More than of ours: a user's class starts in a moment, and several documents that it dies
# over may follow each other.
MAX_DEATHS = 8
CLOSE_SECONDS = 30.0


class WorkerLost(GenerationError):
    """The process died over a call, or did not answer in time: no error of the user's class."""


class OwnProcess:
    """One model's worker, started when something is asked."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.runtime = model, runtime
        self._supervisor = Supervisor(model.name, self._start_worker, MAX_DEATHS)
        self._loaded_worker: Worker | None = None
        self._facts: Mapping[str, bool] = {}

    @cached_property
    def _timeouts(self) -> Mapping[str, float]:
        return read_timeouts(self.model)

    def _start_worker(self) -> Worker:
        code = WorkerCode(entry_module=ENTRY_MODULE, search_paths=sys.path)
        arguments = transfer.encode_arguments((self.model, self.runtime))
        worker = Worker(code, {} if self.runtime.online else OFFLINE_VARIABLES)
        worker.request_answer({"arguments": arguments}, START_SECONDS)
        return worker

    def ask_class(self, call: str, *arguments: Any) -> Any:
        """What a class method answers. The first one imports the user's module."""
        return self._ask(call, arguments, seconds=self._timeouts["load_timeout"])

    def load(self) -> Mapping[str, bool]:
        """Builds the user's object where this worker has none; whether it is `recorded` and
        `can_batch`."""
        worker = self._supervisor.ensure_worker()
        if self._loaded_worker is not worker:
            self._facts = self._ask("load", seconds=self._timeouts["load_timeout"])
            self._loaded_worker = worker
        return self._facts

    def generate(self, prompt: Prompt) -> Generation:
        """The reply to one prompt."""
        bare_prompt, pages = self._split_prompt(prompt)
        seconds = self._timeouts["reply_timeout"]
        reply = self._ask("generate", (bare_prompt,), pages, seconds=seconds, is_reply=True)
        return transfer.decode_generation(reply)

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are asked at once."""
        bare_prompts: list[BarePrompt] = []
        all_pages: list[Page] = []
        for prompt in prompts:
            bare_prompt, pages = self._split_prompt(prompt)
            bare_prompts.append(bare_prompt)
            all_pages += pages
        seconds = self._timeouts["reply_timeout"] * len(prompts)
        replies = self._ask(
            "generate_batch",
            (bare_prompts,),
            all_pages,
            seconds=seconds,
            is_reply=True,
            is_batch=len(prompts) > 1,
        )
        return [*map(transfer.decode_generation, replies)]

    def _split_prompt(self, prompt: Prompt) -> tuple[BarePrompt, Sequence[Page]]:
        """Nothing is rendered for answers that were given before."""
        pages = () if self.load()["recorded"] else tuple(prompt.pages)
        return (drop_pages(prompt), [page.index for page in pages]), pages

    def _ask(
        self,
        call: str,
        arguments: tuple[Any, ...] = (),
        pages: Iterable[Page] = (),
        *,
        seconds: float,
        is_reply: bool = False,
        is_batch: bool = False,
    ) -> Any:
        """What a call returns; raises what it raised, and GenerationError where the process died
        over it."""
        request = {
            "call": call,
            "arguments": transfer.encode_arguments(arguments),
            "pages": [page.sized_source for page in pages],
        }
        try:
            answer = self._supervisor.request_answer(
                request, seconds, is_reply=is_reply, is_batch=is_batch
            )
        except GenerationError as death:
            figures = {"model": self.model.name, "call": call, "what": death.message}
            raise WorkerLost(death.kind, Message("in_call", figures)) from None
        return read_answer(answer)

    def close(self) -> None:
        """Lets the user's object close what it holds, then ends the worker."""
        worker = self._supervisor.worker
        try:
            if worker and worker is self._loaded_worker and not self._supervisor.is_asking:
                # Where it hangs or crashes now, what it held is free all the same.
                with suppress(WorkerLost):
                    self._ask("close", seconds=CLOSE_SECONDS)
        finally:
            self._loaded_worker = None
            self._supervisor.close()


def read_answer(answer: Mapping[str, Any]) -> Any:
    """The value, or the error that the user's class raised: its traceback goes to stderr, which
    pytest shows beside the case."""
    if "error" not in answer:
        return answer["value"]
    kind, message, class_name, trace = answer["error"]
    if trace:
        print(terminal_safe_lines(trace), file=sys.stderr)
    raise transfer.make_error(kind, message, class_name)


def drop_pages(prompt: Prompt) -> Prompt:
    """The prompt's words alone."""
    return replace(prompt, pages=())


def isolate_backend(process: OwnProcess) -> type[Backend]:
    """The backend whose every answer comes from that process."""

    class IsolatedBackend(Backend):
        def __init__(self, model: Model, runtime: Runtime) -> None:
            facts = process.load()
            self.recorded, self.can_batch = facts["recorded"], facts["can_batch"]

        @classmethod
        def identity(cls, model: Model, runtime: Runtime) -> Mapping[str, Any] | None:
            identity: Mapping[str, Any] | None = process.ask_class("identity")
            return identity

        @classmethod
        def cache_inputs(cls, model: Model, prompt: Prompt) -> Mapping[str, Any]:
            inputs: Mapping[str, Any] = process.ask_class("cache_inputs", drop_pages(prompt))
            return inputs

        @classmethod
        def predict_visual_tokens(
            cls, model: Model, runtime: Runtime, sizes: Sequence[tuple[int, int]]
        ) -> int | None:
            token_count: int | None = process.ask_class("predict_visual_tokens", sizes)
            return token_count

        def generate(self, prompt: Prompt) -> Generation:
            return process.generate(prompt)

        def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
            return process.generate_batch(prompts)

        def prepare(self) -> None:
            process.load()

        def close(self) -> None:
            process.close()

    return IsolatedBackend
