"""One model's failure costs no other model anything: four real workers in one run, three of which fail."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.projects import records_of, run_folder_of, write_project

# Kills the worker of one candidate in the middle of a reply, and notes the memory of pytest and all its children
# after each model.
CONFTEST = """
import os, signal, threading
from pathlib import Path
import psutil
from vlm_lab.backends.transformers import Transformers

def note():
    this = psutil.Process()
    used = sum(each.memory_info().rss for each in [this, *this.children(recursive=True)])
    with Path("memory.txt").open("a") as file:
        file.write(f"{used}\\n")

def generate(self, prompt, plain=Transformers.generate):
    if self.model.name == "killed":
        threading.Timer(0.5, os.kill, (self._alive().pid, signal.SIGKILL)).start()
    return plain(self, prompt)

def close(self, plain=Transformers.close):
    plain(self)
    note()

Transformers.generate, Transformers.close = generate, close
"""
MODELS = """
models:
  - {{name: hangs, model_id: {folder}, generation_kwargs: {long}, backend_kwargs: {{reply_timeout: 1}}}}
  - {{name: killed, model_id: {folder}, generation_kwargs: {long}}}
  - {{name: gone, model_id: acme/none}}
  - {{name: well, model_id: {folder}, generation_kwargs: {{max_new_tokens: 4}}}}
"""


@pytest.mark.slow
def test_three_models_fail_and_the_fourth_is_complete(
    pytester: pytest.Pytester, checkpoint: Callable[[str], Path]
) -> None:
    models = MODELS.format(folder=checkpoint("qwen2_vl"), long="{max_new_tokens: 15000, eos_token_id: null}")
    write_project(pytester.path, models)
    (pytester.path / "conftest.py").write_text(CONFTEST)
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "--device=cpu"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    folder = run_folder_of(pytester.path)
    cells: dict[str, list[tuple[str, str]]] = {}
    for row in records_of(folder):
        cells.setdefault(row["model"], []).append((row["status"], (row["error"] or {}).get("type", "")))
    assert [kind for _, kind in cells["hangs"]] == ["Timeout", "Timeout", "WorkerDied"]
    assert cells["killed"] == [("error", "WorkerDied")] * 3
    assert [status for status, _ in cells["gone"]] == ["skipped"] * 3
    assert len(cells["well"]) == 3
    assert {kind for _, kind in cells["well"]} == {""}
    report = json.loads((folder / "report.json").read_text())
    told = {each["model"]: str(each["unanswered"]) for each in report["summaries"]}
    assert "no answer within 1 s" in told["hangs"]
    assert "killed by SIGKILL" in told["killed"]
    assert "vlm-lab weights fetch gone" in told["gone"]
    used = [int(line) for line in (pytester.path / "memory.txt").read_text().split()]
    assert max(used) - used[0] < 50e6
