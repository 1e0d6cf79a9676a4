"""A program of somebody else's that runs beside us, such as a server: its start, its last words,
its end.

It is an argument list and never a line for a shell. It leads a process group of its own, so that
Ctrl-C in the terminal is ours to handle and its children end with it, also when we are killed.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from vlm_lab.messages import Message
from vlm_lab.workers.group_guard import GroupGuard
from vlm_lab.workers.output_tail import OutputTail
from vlm_lab.workers.process import describe_exit

LOG_BYTES = 1 << 16  # of its log that are looked through for what ended it
END_SECONDS = 10  # for a server to let go of what no kernel frees: files in /dev/shm


class Program:
    """One process with all its children. OSError where it cannot be started. `hide` takes a secret
    out of what it says."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        folder: Path,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._name = name
        self._output = OutputTail(hide, LOG_BYTES)
        with self._output.lend_write_end() as write_end:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                cwd=folder,
                env={**os.environ, **variables},
                start_new_session=True,
            )
        self._guard: GroupGuard | None = GroupGuard(self._process.pid)

    @property
    def pid(self) -> int:
        """Of the process that was started, and of its group."""
        return self._process.pid

    def has_ended(self, seconds: float = 0) -> bool:
        """Whether it ends within `seconds`."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def peek_output(self) -> str:
        """The last that it said so far."""
        return self._output.peek()

    def describe_end(self) -> Message:
        """How one that has ended did, and what it said of that."""
        self._kill_group()  # a child may hold the pipe open
        return describe_exit(self._name, self._process.wait(), self._output.read_cause())

    def close(self) -> None:
        """Asks it to end, and then ends it and its children, whatever they do; twice is once."""
        if self._guard is None:
            return
        try:
            with suppress(ProcessLookupError, PermissionError):  # macOS: of zombies, the latter
                os.killpg(self.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        finally:
            self._kill_group()
            self._process.wait()
            self._output.wait()

    def _kill_group(self) -> None:
        if self._guard:
            self._guard.kill_group()
            self._guard = None
