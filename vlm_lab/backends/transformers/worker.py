"""The process that holds one model: loads it once, answers requests over a pipe, dies with everything it held.

Started by `backend.py` through execnet, perhaps in another interpreter that has only torch, transformers and
Pillow. Of ours it imports only what is sent along with it (`process.MODULES`), all of it valid on Python 3.9.
Requests and answers are plain dicts; a failure is {"error": [kind, message]}.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from vlm_lab.backends.transformers import batch
from vlm_lab.backends.transformers.loaded_model import Answer, Failed, Loaded

OUT_OF_MEMORY = "OutOfMemory"
WATCH_SECONDS = 0.5  # between two looks at whether the parent still lives


def serve(channel: Any) -> None:
    """Answers until the channel closes. The first request is the loading, each other one a case or a batch."""
    hello = channel.receive()
    die_with_parent(hello["parent"])
    os.dup2(2, 1)  # what libraries print goes where our stderr goes: into a file, never onto a terminal
    channel.send({"pid": os.getpid()})
    job = channel.receive()
    loaded: list[Loaded] = []

    def load() -> Answer:
        loaded.append(Loaded(job))
        return loaded[0].environment

    answer = guarded(load)
    channel.send(answer)
    while "error" not in answer or loaded:
        request = with_pages(channel)
        channel.send(guarded(lambda request=request: answered(loaded[0], request)))


def answered(loaded: Loaded, request: Answer) -> Answer:
    """One prompt's reply, or those of a batch (`texts`)."""
    return batch.replies(loaded, request) if "texts" in request else loaded.reply(request)


def with_pages(channel: Any) -> Answer:
    """A request and the pixels that follow it in pieces (`process.PIECE`)."""
    request: Answer = channel.receive()
    pages = request["pages"]
    request["pages"] = [(size, b"".join([channel.receive() for _ in range(pieces)])) for size, pieces in pages]
    return request


def die_with_parent(parent: int) -> None:
    """No orphan holds a GPU: the kernel kills us with the parent (Linux), a watching thread elsewhere and besides."""
    if sys.platform.startswith("linux"):
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def guarded(work: Any) -> Answer:
    """What `work` returns, or the kind and words of what went wrong: nothing ends the worker but its death."""
    try:
        answer: Answer = work()
        return answer
    except Failed as failure:
        return {"error": list(failure.args)}
    except Exception as error:
        kind, words = told(error)
    if kind == OUT_OF_MEMORY:
        give_back()  # here, where the error is gone, and with it the frames that hold what there was no room for
    return {"error": [kind, words]}


def told(error: Exception) -> tuple[str, str]:
    """Its kind and words; the whole of it goes to stderr, the end of which an obituary quotes."""
    import traceback

    traceback.print_exc()
    kind = OUT_OF_MEMORY if out_of_memory(error) else type(error).__name__
    return kind, " ".join(f"{type(error).__name__}: {error}".split())[:2000]


def out_of_memory(error: Exception) -> bool:
    """torch raises a class of its own for GPUs and a plain RuntimeError for the CPU's allocator."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def give_back() -> None:
    """What a case that did not fit leaves: torch keeps a GPU's memory in pieces of the sizes that were asked for."""
    import gc

    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
