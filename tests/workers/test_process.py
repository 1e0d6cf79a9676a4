"""One process and all its children: what ends it, what it says last, and that nothing is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.processes import has_ended
from vlm_lab.errors import GenerationError
from vlm_lab.workers.process import Worker, WorkerCode

WORKER = """
import os, signal, subprocess, sys, time
from vlm_lab.workers import child

def serve_requests(channel):
    child.greet_parent(channel)
    while True:
        request = channel.receive()
        child.send_answer(channel, child.run_guarded(lambda: answer(**request), lambda e: [str(e)]))

def answer(do):
    if do == "spawn":
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        return {"pid": sleeper.pid}
    if do == "print":
        while True:
            print("z" * 10000)
    if do == "leave":
        print("these are", "my last words")
        os._exit(3)
    exec(do)
    return {"done": True}
"""
CHECK_ENVIRONMENT = """
import os
assert (os.environ["TYPED"], os.environ["OURS"]) == ("typed", "ours")
"""
DRAW_PAGES = """
from PIL import Image
for _ in range(3):
    Image.new("RGB", (1240, 1754))
assert Image.core.get_stats()["reused_blocks"] == 2
"""


@pytest.fixture
def code(tmp_path: Path) -> WorkerCode:
    (tmp_path / "own_worker.py").write_text(WORKER)
    return WorkerCode(entry_module="own_worker", search_paths=[str(tmp_path), *sys.path])


@pytest.fixture
def worker(code: WorkerCode) -> Iterator[Worker]:
    worker = Worker(code, {})
    yield worker
    worker.close()


def test_a_start_neither_reads_nor_changes_the_environment_that_other_threads_change(
    code: WorkerCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numpy puts a variable into it and takes it out while it is imported."""
    environments: list[dict[str, str] | None] = []

    class WatchedPopen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            environments.append(options.get("env"))
            super().__init__(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", WatchedPopen)
    monkeypatch.setenv("TYPED", "typed")
    before = dict(os.environ)
    worker = Worker(code, {"TYPED": "ours", "OURS": "ours"})
    try:
        assert worker.request_answer({"do": CHECK_ENVIRONMENT}, 60) == {"done": True}
    finally:
        worker.close()
    assert len(environments) == 2  # the worker and its guard
    assert None not in environments
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("do", "kind", "said"),
    [
        ("leave", "WorkerDied", "exited with status 3; the last it said: these are my last words"),
        ("os._exit(0)", "WorkerDied", "exited with status 0; the last it said: nothing"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "WorkerDied", "was killed by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", "Timeout", "no answer within 1 s"),
        ("time.sleep(600)", "Timeout", "no answer within 1 s"),
        ("print", "Timeout", "no answer within 1 s"),
    ],
)
def test_what_ends_a_worker_is_said_and_its_children_end_too(
    worker: Worker, do: str, kind: str, said: str
) -> None:
    sleeper = worker.request_answer({"do": "spawn"}, 10)["pid"]
    with pytest.raises(GenerationError, match="exited|killed|no answer") as caught:
        worker.request_answer({"do": do}, 1)
    assert caught.value.kind == kind
    assert said in str(caught.value)
    assert has_ended(worker.pid)
    assert has_ended(sleeper)


def test_one_image_gets_the_memory_of_the_one_before(worker: Worker) -> None:
    assert worker.request_answer({"do": DRAW_PAGES}, 30) == {"done": True}


def test_what_is_printed_without_end_is_kept_nowhere(worker: Worker, tmp_path: Path) -> None:
    used = psutil.Process().memory_info().rss
    with pytest.raises(GenerationError, match="no answer"):
        worker.request_answer({"do": "print"}, 1)
    assert psutil.Process().memory_info().rss - used < 20e6


@pytest.mark.parametrize("do", ["raise SystemExit(7)", "raise KeyboardInterrupt", "1 / 0"])
def test_an_error_is_an_answer(worker: Worker, do: str) -> None:
    assert "error" in worker.request_answer({"do": do}, 10)
    assert worker.request_answer({"do": "pass"}, 10) == {"done": True}


PARENT = """
import sys, time
from vlm_lab.workers.process import Worker, WorkerCode
worker = Worker(WorkerCode(entry_module="own_worker", search_paths=sys.path), {})
print(worker.pid, worker.request_answer({"do": "spawn"}, 10)["pid"], flush=True)
worker.request_answer({"do": sys.argv[1]}, 600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("do", ["time.sleep(600)", "os.kill(os.getpid(), signal.SIGSTOP)"])
def test_nothing_outlives_the_parent(tmp_path: Path, end: signal.Signals, do: str) -> None:
    (tmp_path / "own_worker.py").write_text(WORKER)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, do],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        descendants = psutil.Process(parent.pid).children(recursive=True)
        assert len(pids) == 2
        parent.send_signal(end)
        for pid in {*pids, *(process.pid for process in descendants)}:
            assert has_ended(pid)
