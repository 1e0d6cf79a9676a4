"""A worker's own end: it leaves the terminal's group, answers, and describes what went wrong.

Sent to other interpreters as source: valid on Python 3.9, imports nothing of ours. Requests and
answers are plain dicts, answers as JSON texts; a failure is {"error": [...]}.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

Payload = dict[str, Any]
OUT_OF_MEMORY = "OutOfMemory"


def greet_parent(channel: Any) -> None:
    """The first thing of every worker: a group of its own, which the parent guards and kills."""
    # What libraries print goes where our stderr goes: to the parent, never onto a terminal.
    os.dup2(2, 1)
    os.setsid()
    send_answer(channel, {"pid": os.getpid()})


def send_answer(
    channel: Any, answer: Payload, encode_other: Callable[[Any], Any] | None = None
) -> None:
    """Sends it as a JSON text in ASCII: execnet takes several times as long over each token of a
    reply, and half a character crosses as its escape. `encode_other` makes data of what is none."""
    channel.send(json.dumps(answer, default=encode_other))


def run_guarded(
    operation: Callable[[], Payload], describe_error: Callable[[BaseException], list[Any]]
) -> Payload:
    """What `operation` returns, or what `describe_error` makes of its error, the error's kind
    first: nothing ends the worker but its death."""
    try:
        return operation()
    except BaseException as error:
        # The whole of it goes to stderr, the end of which an exit report quotes.
        traceback.print_exc()
        description = describe_error(error)
    if description[0] == OUT_OF_MEMORY:
        # here, where the error is gone, and with it the frames that hold what there was no room for
        free_memory()
    return {"error": description}


def find_error_kind(error: BaseException) -> str:
    """The name of its class, or OUT_OF_MEMORY."""
    return OUT_OF_MEMORY if is_out_of_memory(error) else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
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
