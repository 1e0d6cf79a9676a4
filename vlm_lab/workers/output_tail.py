"""What a worker prints -> its last words, for an error that quotes them.

It goes through a pipe and not into a file: one that prints without end would fill the disk.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vlm_lab.sanitize import terminal_safe

TAIL_LENGTH = 600  # characters that an error quotes
TAIL_BYTES = 4 * TAIL_LENGTH
READ_BYTES = 1 << 16
# What an engine says last is often that something went wrong above.
EXCEPTION_LINE = re.compile(r"\b\w*(?:Error|Exception): .*")
POINTER_UP = "root cause above"
LAST_WORDS_SECONDS = 1.0  # a grandchild that left the group may hold the pipe open


class OutputTail:
    """The end of everything that processes write to the stderr that `lend_write_end()` gives."""

    def __init__(self, hide: Callable[[str], str] = str, kept_bytes: int = TAIL_BYTES) -> None:
        """`hide` takes out what an error must not quote."""
        self._hide, self._kept_bytes = hide, kept_bytes
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
            self._tail = (self._tail + data)[-self._kept_bytes :]
        os.close(self._read_end)

    def read(self) -> str:
        """The last words of a process that has ended, safe for a terminal, on one line."""
        self.wait()
        return self.peek()

    def peek(self) -> str:
        """The last words so far of one that may go on."""
        return format_tail(self._decode())

    def read_cause(self) -> str:
        """Of a process that has ended: the last exception that it named, and what follows; its
        last words where it named none."""
        self.wait()
        lines = self._decode().splitlines()
        for index in range(len(lines) - 1, -1, -1):
            named = EXCEPTION_LINE.search(lines[index])
            if named and POINTER_UP not in lines[index]:
                return format_head("\n".join([named[0], *lines[index + 1 :]]))
        return format_tail("\n".join(lines))

    def _decode(self) -> str:
        tail = self._tail
        text = tail.decode("utf-8", "replace")
        if len(tail) == self._kept_bytes:
            text = text.split(maxsplit=1)[-1]  # half a word may be half of what is to be hidden
        return self._hide(text)

    def wait(self) -> None:
        """Until all that was printed is read."""
        self._thread.join(LAST_WORDS_SECONDS)


def format_tail(text: str) -> str:
    """The end of a text, safe for a terminal, on one line."""
    return _join_lines(text)[-TAIL_LENGTH:]


def format_head(text: str) -> str:
    """The beginning of one, likewise."""
    return _join_lines(text)[:TAIL_LENGTH]


def _join_lines(text: str) -> str:
    return " ".join(terminal_safe(text.replace("\n", " ")).split())
