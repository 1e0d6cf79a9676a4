"""The error of a worker that has a kind of its own, and a sentence of ours.

Runs inside the worker: valid on Python 3.9.
"""

from __future__ import annotations

from vlm_lab.messages import Message


class WorkerError(Exception):
    """What a record says of a case, or of a model that is not here. `message` is a text where a
    library said it."""

    def __init__(self, kind: str, message: Message | str) -> None:
        super().__init__(kind, message)
        self.kind, self.message = kind, message

    def __str__(self) -> str:
        return str(self.message)


def make_unavailable_error(error: ValueError) -> WorkerError:
    """The error of a setting that cannot be had, as a ValueError of a Message says it."""
    return WorkerError("Unavailable", error.args[0])
