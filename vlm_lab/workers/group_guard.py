"""A process group -> its end, also when the process that guards it is killed.

A worker leads a group of its own, so that its children end with it. Nobody can kill a group after
his own SIGKILL; a shell that waits for the end of a pipe does.
"""

import os
import signal
import subprocess
from contextlib import suppress

# `read` returns when the other end of the pipe is closed: by the kernel, however its owner ended.
GUARD_SCRIPT = 'read line; kill -KILL "-$1"'


class GroupGuard:
    """Kills the group when told to, or when this process is no more."""

    def __init__(self, group_id: int) -> None:
        self._group_id = group_id
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", GUARD_SCRIPT, "guard", str(group_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},  # as in `process.make_exec_model`; it needs none
            start_new_session=True,  # Ctrl-C is not for it
        )

    def kill_group(self) -> None:
        """Kills all that is left of the group, and guards it no longer: its number may be given
        to others."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: of zombies, the latter
            os.killpg(self._group_id, signal.SIGKILL)
        self._shell.kill()
        self._shell.communicate()
