"""The process that holds one model: loads it once, answers over a pipe, dies with all it held.

Started by `backend.py` through execnet, perhaps in another interpreter that has only torch,
transformers and Pillow. Of ours it imports only what is sent along with it
(`process.WORKER_MODULES`), all of it valid on Python 3.9. Requests and answers are plain dicts; a
failure is {"error": [kind, message]}, the message encoded where it is a sentence of ours.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from vlm_lab.backends.transformers import batch
from vlm_lab.backends.transformers.libraries import import_libraries
from vlm_lab.backends.transformers.loaded_model import LoadedModel, Payload, open_images
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.messages import encode_message
from vlm_lab.workers import child


def serve_requests(channel: Any) -> None:
    """Answers until the channel closes. The first request is the loading, each other one a case or
    a batch."""
    child.greet_parent(channel)
    load_request = channel.receive()
    loaded_models: list[LoadedModel] = []

    def load() -> Payload:
        import_libraries()
        loaded_models.append(LoadedModel(load_request))
        return loaded_models[0].environment

    load_answer = run_guarded(load)
    child.send_answer(channel, load_answer)
    if not loaded_models:
        return
    questions = Questions(channel, loaded_models[0])
    while (request := questions.wait_for_next()) is not None:
        # Nothing of an answer is kept while the next is made: between a page's buffers it would
        # hold the heap open.
        operation = partial(answer_request, loaded_models[0], request)
        child.send_answer(channel, run_guarded(operation))


class Questions:
    """What the parent asks, in its order. A thread of its own preprocesses a batch that it
    announces (`announce`) while the model works, and opens pages (`open_pages`) while it does not:
    these are there when they are asked about (`announced`, `opened_pages`)."""

    def __init__(self, channel: Any, loaded_model: LoadedModel) -> None:
        self._channel, self._loaded_model = channel, loaded_model
        self._queue: queue.SimpleQueue[Payload | None] = queue.SimpleQueue()
        self._announced: dict[int, Payload] = {}
        self._opened: dict[int, list[Any]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for_next(self) -> Payload | None:
        """A question; None where the channel closed."""
        request = self._queue.get()
        if request is not None and "announced" in request:
            return {**request, **self._announced.pop(request["announced"])}
        return request

    def _read(self) -> None:
        while True:
            try:
                request = self._channel.receive()
            except EOFError:
                return self._queue.put(None)
            if "announce" in request:
                # One is open at a time: what was announced before and never asked is forgotten.
                self._announced = {request["announce"]: self._prepare(request)}
            elif "open_pages" in request:
                self._opened = {}
                # What is wrong with one is said when it is asked about.
                with suppress(Exception):
                    self._opened = {request["open_pages"]: open_images(request["pages"])}
            else:
                self._queue.put(self._add_images(request))

    def _add_images(self, request: Payload) -> Payload:
        """The question with the images of its pages, where these were opened."""
        opened, self._opened = self._opened, {}
        images = opened.get(request.get("opened_pages", 0))
        return request if images is None else {**request, "images": images}

    def _prepare(self, request: Payload) -> Payload:
        inputs = run_guarded(
            lambda: {"inputs": batch.build_padded_inputs(self._loaded_model, request)}
        )
        return {"batch_prompts": request["batch_prompts"], **inputs}


def answer_request(loaded_model: LoadedModel, request: Payload) -> Payload:
    """One prompt's reply, or those of a batch (`batch_prompts`); or what went wrong with it when it
    was prepared."""
    if "error" in request:
        return {"error": request["error"]}
    if "batch_prompts" in request:
        return batch.generate_replies(loaded_model, request)
    return loaded_model.generate_reply(request)


def run_guarded(operation: Callable[..., Payload]) -> Payload:
    """What `operation` returns, or the kind and message of what went wrong."""
    return child.run_guarded(operation, describe_error)


def describe_error(error: BaseException) -> list[Any]:
    """Its kind and message."""
    if isinstance(error, WorkerError):
        return [error.kind, encode_message(error.message)]
    message = " ".join(f"{type(error).__name__}: {error}".split())[:2000]
    return [child.find_error_kind(error), message]
