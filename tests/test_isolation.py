"""One model's failure costs no other model anything, and nothing outlives a run: real workers, real
runs of pytest."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.projects import records_of, run_folder_of, write_project
from vlm_lab.messages import in_english
from vlm_lab.records.report_json import read_report

# Kills the worker of one candidate in the middle of a reply, notes who answers, and the memory of
# pytest and all its children: at the start (tests are collected, nothing of a model has been
# touched) and after each model.
CONFTEST = """
import os, signal, threading
from pathlib import Path
import psutil
from vlm_lab.backends.transformers.backend import Transformers

def note():
    this = psutil.Process()
    used = sum(each.memory_info().rss for each in [this, *this.children(recursive=True)])
    with Path("memory.txt").open("a") as file:
        file.write(f"{used}\\n")

def pytest_collection_finish(session):
    note()

def generate(self, prompt, plain=Transformers.generate):
    pid = self._ensure_worker().pid
    Path("worker.txt").write_text(f"{pid}\\n")
    if self.model.name == "killed":
        threading.Timer(0.5, os.kill, (pid, signal.SIGKILL)).start()
    return plain(self, prompt)

def close(self, plain=Transformers.close):
    plain(self)
    note()

Transformers.generate, Transformers.close = generate, close
"""
LONG = "{max_new_tokens: 15000, eos_token_id: null}"
MODELS = """
models:
  - {{name: hangs, model_id: {folder}, generation_kwargs: {long},
      backend_kwargs: {{reply_timeout: 1}}}}
  - {{name: killed, model_id: {folder}, generation_kwargs: {long}}}
  - {{name: gone, model_id: acme/none}}
  - {{name: full, model_id: {full}, generation_kwargs: {{max_new_tokens: 4}},
      trust_remote_code: true}}
  - {{name: well, model_id: {folder}, generation_kwargs: {{max_new_tokens: 4}}}}
"""
# Runs out of memory at the first case of each process: a process that was started again would do so
# again.
FULL = """
import torch
from transformers import Qwen2VLForConditionalGeneration

class OutOfMemoryOnce(Qwen2VLForConditionalGeneration):
    room = False

    def generate(self, *args, **kwargs):
        if not self.room:
            self.room = True
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")
        return super().generate(*args, **kwargs)
"""
COMMAND = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "--device=cpu"]


@pytest.fixture(scope="module")
def qwen(checkpoint: Callable[[str], Path]) -> Path:
    """Built before `pytester` is there, which drops what is imported beside it: torch cannot be
    imported twice."""
    return checkpoint("qwen2_vl")


def out_of_memory_once(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint, with code of its own that fails once. transformers renames no weights for
    such code, so that they are named as its parameters are."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(checkpoint, folder)
    weights = load_file(folder / "model.safetensors")
    prefixes = {
        "model.": "model.language_model.",
        "visual.": "model.visual.",
        "lm_head.": "lm_head.",
    }
    renamed = {
        prefixes[f"{name.partition('.')[0]}."] + name.partition(".")[2]: tensor
        for name, tensor in weights.items()
    }
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    (folder / "full.py").write_text(FULL)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageTextToText": "full.OutOfMemoryOnce"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.slow
def test_four_models_fail_and_the_fifth_is_complete(
    qwen: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_MODULES_CACHE", str(pytester.path / "modules"))
    full = out_of_memory_once(qwen, pytester.path / "full")
    write_project(pytester.path, MODELS.format(folder=qwen, long=LONG, full=full))
    (pytester.path / "conftest.py").write_text(CONFTEST)
    done = subprocess.run(COMMAND, cwd=pytester.path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    run = run_folder_of(pytester.path)
    cells: dict[str, list[tuple[str, str]]] = {}
    for row in records_of(run):
        cells.setdefault(row["model"], []).append(
            (row["status"], (row["error"] or {}).get("type", ""))
        )
    assert [kind for _, kind in cells["hangs"]] == ["Timeout", "Timeout", "WorkerDied"]
    assert cells["killed"] == [("error", "WorkerDied")] * 3
    assert [status for status, _ in cells["gone"]] == ["skipped"] * 3
    assert [kind for _, kind in cells["full"]] == ["OutOfMemory", "", ""]
    assert len(cells["well"]) == 3
    assert {kind for _, kind in cells["well"]} == {""}
    assert (run / "report.json").exists(), done.stdout + done.stderr
    told = {
        summary.model: " ".join(in_english(reason) for _, reason in summary.unanswered.values())
        for summary in read_report(run).summaries
    }
    assert "no answer within 1 s" in told["hangs"]
    assert "killed by SIGKILL" in told["killed"]
    assert "vlm-lab weights fetch gone" in told["gone"]
    assert "Tried to allocate 9.00 GiB" in told["full"]
    used = [int(line) for line in (pytester.path / "memory.txt").read_text().split()]
    assert len(used) > len(cells) - 1
    assert max(used) - used[0] < 80e6, (
        "what the suite itself imports on the way, the report's libraries among it, is counted, too"
    )


def busy(folder: Path, seconds: float = 180) -> int:
    """The worker's pid, once it has computed for a while in the one reply that it was asked for."""
    end, start, pid = time.monotonic() + seconds, None, 0
    while time.monotonic() < end:
        time.sleep(0.05)
        if pid:
            used = psutil.Process(pid).cpu_times().user
            start = used if start is None else start
            if used - start > 0.5:
                return pid
        elif (folder / "worker.txt").exists():
            pid = int((folder / "worker.txt").read_text() or 0)
    raise AssertionError("no worker has begun to generate")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "end", "status"),
    [(os.killpg, signal.SIGINT, 2), (os.kill, signal.SIGINT, 2), (os.kill, signal.SIGKILL, -9)],
    ids=["a terminal's Ctrl-C", "kill -INT of pytest alone", "kill -9 of pytest alone"],
)
def test_nothing_of_a_run_lives_two_seconds_after_its_end_in_the_middle_of_a_reply(
    qwen: Path,
    pytester: pytest.Pytester,
    kill: Callable[[int, int], None],
    end: signal.Signals,
    status: int,
) -> None:
    """A terminal sends Ctrl-C to all processes of the run, `kill` to one. The reply would take
    minutes."""
    models = f"models:\n  - {{name: long, model_id: {qwen}, generation_kwargs: {LONG}}}\n"
    write_project(pytester.path, models)
    (pytester.path / "conftest.py").write_text(CONFTEST)
    with subprocess.Popen(
        COMMAND,
        cwd=pytester.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        worker = busy(pytester.path)
        descendants = psutil.Process(run.pid).children(recursive=True)
        assert worker in [each.pid for each in descendants]
        kill(run.pid, end)
        time.sleep(2)
        assert [each for each in descendants if lives(each)] == []
        assert run.wait(timeout=120) == status


# What comes between the collection and the first case goes on for a minute.
GETS_READY = """
import time
from pathlib import Path

def pytest_collection_finish(session):
    Path("loading").touch()
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "status"),
    [(signal.SIGINT, 2), (signal.SIGTERM, -15), (signal.SIGKILL, -9)],
)
def test_nothing_of_a_run_lives_two_seconds_after_its_end_while_the_first_model_loads(
    qwen: Path, pytester: pytest.Pytester, end: signal.Signals, status: int
) -> None:
    write_project(pytester.path, f"models:\n  - {{name: loads, model_id: {qwen}}}\n")
    (pytester.path / "conftest.py").write_text(GETS_READY)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(COMMAND, cwd=pytester.path, stdout=quiet, stderr=quiet) as run:
        while not (pytester.path / "loading").exists():
            assert run.poll() is None
            time.sleep(0.05)
        descendants = psutil.Process(run.pid).children(recursive=True)
        assert [each for each in descendants if os.getpgid(each.pid) == each.pid != run.pid], (
            "no worker, which leads a group of its own"
        )
        run.send_signal(end)
        time.sleep(2)
        assert [each for each in descendants if lives(each)] == []
        assert run.wait(timeout=60) == status
    assert not list((pytester.path / "results").glob("*")), "no case has begun"


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; one that is dead and that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
