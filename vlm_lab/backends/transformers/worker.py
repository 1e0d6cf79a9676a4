"""The process that holds one model: loads it once, answers requests over a pipe, dies with
everything it held.

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
from vlm_lab.backends.transformers.loaded_model import LoadedModel, Payload, WorkerError

OUT_OF_MEMORY = "OutOfMemory"
WATCH_SECONDS = 0.5  # between two looks at whether the parent still lives


def serve_requests(channel: Any) -> None:
    """Answers until the channel closes. The first request is the loading, each other one a case or
    a batch."""
    hello = channel.receive()
    die_with_parent(hello["parent"])
    os.dup2(
        2, 1
    )  # what libraries print goes where our stderr goes: into a file, never onto a terminal
    channel.send({"pid": os.getpid()})
    job = channel.receive()
    loaded: list[LoadedModel] = []

    def load() -> Payload:
        loaded.append(LoadedModel(job))
        return loaded[0].environment

    answer = run_guarded(load)
    channel.send(answer)
    while "error" not in answer or loaded:
        request = receive_request(channel)
        channel.send(run_guarded(lambda request=request: answer_request(loaded[0], request)))


def answer_request(loaded: LoadedModel, request: Payload) -> Payload:
    """One prompt's reply, or those of a batch (`texts`)."""
    return (
        batch.generate_replies(loaded, request)
        if "texts" in request
        else loaded.generate_reply(request)
    )


def receive_request(channel: Any) -> Payload:
    """A request and the pixels that follow it in pieces (`process.CHUNK_BYTES`)."""
    request: Payload = channel.receive()
    pages = request["pages"]
    request["pages"] = [
        (size, b"".join([channel.receive() for _ in range(pieces)])) for size, pieces in pages
    ]
    return request


def die_with_parent(parent: int) -> None:
    """No orphan holds a GPU: the kernel kills us with the parent (Linux), a watching thread
    elsewhere and besides."""
    if sys.platform.startswith("linux"):
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_guarded(work: Any) -> Payload:
    """What `work` returns, or the kind and words of what went wrong: nothing ends the worker but
    its death."""
    try:
        answer: Payload = work()
        return answer
    except WorkerError as failure:
        return {"error": list(failure.args)}
    except Exception as error:
        kind, words = describe_error(error)
    if kind == OUT_OF_MEMORY:
        # here, where the error is gone, and with it the frames that hold what there was no room for
        free_memory()
    return {"error": [kind, words]}


def describe_error(error: Exception) -> tuple[str, str]:
    """Its kind and words; the whole of it goes to stderr, the end of which an obituary quotes."""
    import traceback

    traceback.print_exc()
    kind = OUT_OF_MEMORY if is_out_of_memory(error) else type(error).__name__
    return kind, " ".join(f"{type(error).__name__}: {error}".split())[:2000]


def is_out_of_memory(error: Exception) -> bool:
    """torch raises a class of its own for GPUs and a plain RuntimeError for the CPU's allocator."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def free_memory() -> None:
    """What a case that did not fit leaves: torch keeps a GPU's memory in pieces of the sizes that
    were asked for."""
    import gc

    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
