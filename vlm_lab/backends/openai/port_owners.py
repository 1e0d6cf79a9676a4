"""A port of this machine -> the users whose processes listen there, as far as Linux tells.

Everybody may listen on a port that is free: another user of this machine, who reads it off the list
of processes, can take the one that a server of ours is about to open.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SOCKET_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENING = "0A"


def find_listener_users(port: int) -> set[int]:
    """Their numbers; nothing where nobody listens, or the system does not say."""
    return {user for listened_port, user in _read_listeners() if listened_port == port}


def _read_listeners() -> Iterator[tuple[int, int]]:
    """Each listening socket's port and user."""
    for table in SOCKET_TABLES:
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                columns = line.split()
                local_address, state, user = columns[1], columns[3], columns[7]
                if state == LISTENING:
                    yield int(local_address.rpartition(":")[2], 16), int(user)
