"""What became of a process that a test started."""

import time
from pathlib import Path

import psutil


def has_ended(pid: int, seconds: float = 2) -> bool:
    """Whether a process ends within `seconds`; one that nobody has waited for yet has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def wait_for_file(path: Path, seconds: float = 60) -> None:
    """Returns when a process has made a file; fails where it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} is not there after {seconds} s"
        time.sleep(0.01)
