"""What a worker prints -> its last words, for an error that quotes them.

It goes through a pipe and not into a file: one that prints without end would fill the disk.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vlm_lab.sanitize import terminal_safe

TAIL_LENGTH = 600  # characters that an error quotes
TAIL_BYTES = 4 * TAIL_LENGTH
READ_BYTES = 1 << 16
LAST_WORDS_SECONDS = 1.0  # a grandchild that left the group may hold the pipe open


class OutputTail:
    """The end of everything that processes write to the stderr that `lend_write_end()` gives."""

    def __init__(self) -> None:
        self._tail = b""
        self._read_end, self._write_end = os.pipe()
        self._thread = threading.Thread(target=self._drain, name="worker-output", daemon=True)
        self._thread.start()

    @contextmanager
    def lend_write_end(self) -> Iterator[int]:
        """The stderr of a child that is started inside: what it prints before it can redirect
        itself included. To be used once."""
        try:
            yield self._write_end
        finally:
            os.close(self._write_end)

    def _drain(self) -> None:
        while data := os.read(self._read_end, READ_BYTES):
            self._tail = (self._tail + data)[-TAIL_BYTES:]
        os.close(self._read_end)

    def read(self) -> str:
        """The last words of a process that has ended, safe for a terminal, on one line."""
        self.wait()
        return format_tail(self._tail.decode("utf-8", "replace"))

    def wait(self) -> None:
        """Until all that was printed is read."""
        self._thread.join(LAST_WORDS_SECONDS)


def format_tail(text: str) -> str:
    """The end of a text, safe for a terminal, on one line."""
    return " ".join(terminal_safe(text.replace("\n", " ")).split())[-TAIL_LENGTH:]
