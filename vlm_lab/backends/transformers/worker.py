"""The process that holds one model: loads it once, answers over a pipe, dies with all it held.

Started by `backend.py` through execnet, perhaps in another interpreter that has only torch,
transformers and Pillow. Of ours it imports only what is sent along with it
(`process.WORKER_MODULES`), all of it valid on Python 3.9. Requests and answers are plain dicts; a
failure is {"error": [kind, message]}.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from vlm_lab.backends.transformers import batch
from vlm_lab.backends.transformers.loaded_model import LoadedModel, Payload
from vlm_lab.backends.transformers.worker_error import WorkerError

OUT_OF_MEMORY = "OutOfMemory"
WATCH_SECONDS = 0.5  # between two looks at whether the parent still lives


def serve_requests(channel: Any) -> None:
    """Answers until the channel closes. The first request is the loading, each other one a case or
    a batch."""
    handshake = channel.receive()
    die_with_parent(handshake["parent_pid"])
    # What libraries print goes where our stderr goes: into a file, never onto a terminal.
    os.dup2(2, 1)
    channel.send({"pid": os.getpid()})
    load_request = channel.receive()
    loaded_models: list[LoadedModel] = []

    def load() -> Payload:
        loaded_models.append(LoadedModel(load_request))
        return loaded_models[0].environment

    load_answer = run_guarded(load)
    channel.send(load_answer)
    while loaded_models:
        request = receive_request(channel)
        channel.send(run_guarded(lambda request=request: answer_request(loaded_models[0], request)))


def answer_request(loaded_model: LoadedModel, request: Payload) -> Payload:
    """One prompt's reply, or those of a batch (`batch_prompts`)."""
    if "batch_prompts" in request:
        return batch.generate_replies(loaded_model, request)
    return loaded_model.generate_reply(request)


def receive_request(channel: Any) -> Payload:
    """A request and the pixels that follow it in chunks (`process.CHUNK_BYTES`)."""
    request: Payload = channel.receive()
    pages = []
    for size, chunk_count in request["pages"]:
        chunks = [channel.receive() for _ in range(chunk_count)]
        pages.append((size, b"".join(chunks)))
    return {**request, "pages": pages}


def die_with_parent(parent_pid: int) -> None:
    """No orphan holds a GPU: the kernel kills us with the parent (Linux), a watching thread
    elsewhere and besides."""
    if sys.platform.startswith("linux"):
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_guarded(operation: Any) -> Payload:
    """What `operation` returns, or the kind and message of what went wrong: nothing ends the worker
    but its death."""
    try:
        answer: Payload = operation()
        return answer
    except WorkerError as failure:
        return {"error": list(failure.args)}
    except Exception as error:
        kind, message = describe_error(error)
    if kind == OUT_OF_MEMORY:
        # here, where the error is gone, and with it the frames that hold what there was no room for
        free_memory()
    return {"error": [kind, message]}


def describe_error(error: Exception) -> tuple[str, str]:
    """Its kind and message; the whole of it goes to stderr, the end of which an exit report
    quotes."""
    import traceback

    traceback.print_exc()
    kind = OUT_OF_MEMORY if is_out_of_memory(error) else type(error).__name__
    return kind, " ".join(f"{type(error).__name__}: {error}".split())[:2000]


def is_out_of_memory(error: Exception) -> bool:
    """torch raises a class of its own for GPUs and a plain RuntimeError for the CPU's allocator."""
    phrases = ("out of memory", "can't allocate memory", "not enough memory")
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in message for phrase in phrases)


def free_memory() -> None:
    """What a case that did not fit leaves: torch keeps a GPU's memory in pieces of the sizes that
    were asked for."""
    import gc

    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
