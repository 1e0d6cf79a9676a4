"""A run with a backend of a user's own: what goes wrong in it costs the case in hand."""

import re
import subprocess
import sys

import pytest

from tests.processes import has_ended
from tests.projects import PROJECT, records_of, run_folder_of, write_project
from tests.suites import REFERENCE

# What each document makes the model do; the others are answered.
TROUBLES = {
    "a_hang": ("time.sleep(600)", "Timeout", "no answer within 2 s"),
    "b_exit": ("os._exit(0)", "WorkerDied", "exited with status 0"),
    "c_segfault": ("ctypes.string_at(0)", "WorkerDied", "killed by SIGSEGV"),
    "d_print": ("[print('no end') for _ in iter(int, 1)]", "Timeout", "no answer within 2 s"),
    "e_error": ("1 / 0", "ZeroDivisionError", "division by zero"),
    "f_exit": ("sys.exit('bye')", "SystemExit", "bye"),
    "g_no_reply": ("'a text'", "BadReply", "must return a vlm_lab.types.Generation (got str)"),
}
BACKEND = """
import ctypes, json, os, subprocess, sys, time
from pathlib import Path
from vlm_lab.types import Generation

TROUBLES = {troubles!r}
ANSWER = {answer!r}

class Mine:
    def __init__(self, model, runtime):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with Path("children.txt").open("a") as file:
            file.write(f"{{child.pid}}\\n")

    def generate(self, prompt):
        trouble = TROUBLES.get(prompt.document_id)
        if trouble:
            return eval(trouble)
        return Generation(raw_response=json.dumps(ANSWER), finish_reason="stop")

    def close(self):
        pass
"""
CRASHES_AT_IMPORT = "import os\nos._exit(0)\n"
MODELS = """
models:
  - {name: absent, model_id: x, backend: "crashes:Mine"}
  - {name: mine, model_id: x, backend: "my_backend:Mine", backend_kwargs: {reply_timeout: 2}}
  - {name: other, model_id: x, backend: "my_backend:Mine", only: {kind: [none]}}
"""


@pytest.mark.slow
def test_each_trouble_costs_its_case_and_no_process_is_left(pytester: pytest.Pytester) -> None:
    references = dict.fromkeys([*TROUBLES, "h_good", "i_good"], REFERENCE)
    write_project(pytester.path, MODELS, references)
    codes = {name: code for name, (code, _, _) in TROUBLES.items()}
    source = BACKEND.format(troubles=codes, answer=REFERENCE)
    (pytester.path / "my_backend.py").write_text(source)
    (pytester.path / "crashes.py").write_text(CRASHES_AT_IMPORT)
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout
    rows = records_of(run_folder_of(pytester.path))
    assert len(rows) == 3 * len(references)
    errors = {row["document"]: row["error"] for row in rows if row["model"] == "mine"}
    for name, (_, kind, said) in TROUBLES.items():
        assert errors[name]["type"] == kind
        assert said in errors[name]["message"]
    assert errors["h_good"] is errors["i_good"] is None
    absent = [row["error"]["message"] for row in rows if row["model"] == "absent"]
    assert all("exited with status 0" in message for message in absent)
    assert {row["status"] for row in rows if row["model"] == "other"} == {"skipped"}
    assert "in generate" in done.stdout, "the traceback of a user's own mistake is shown"
    pids = [int(line) for line in (pytester.path / "children.txt").read_text().split()]
    assert len(pids) > 4
    assert all(map(has_ended, pids))


def test_what_is_not_isolated_is_said_before_the_run(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, MODELS.replace('Mine",', 'Mine", isolate: false,'))
    (pytester.path / "my_backend.py").write_text(BACKEND.format(troubles={}, answer=REFERENCE))
    result = pytester.runpytest("benchmarks", "--collect-only", "-k", "mine")
    result.stdout.fnmatch_lines(["mine: unsafe: * (isolate: false)"])


def test_the_backend_of_the_page_is_a_whole_one(pytester: pytest.Pytester) -> None:
    page = (PROJECT / "docs" / "own-backends.md").read_text()
    source = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    models = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    write_project(pytester.path, models)
    (pytester.path / "my_backend.py").write_text(source)
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider", "-k", "inv_1")
    result.assert_outcomes(passed=1, deselected=2)
    (row,) = records_of(run_folder_of(pytester.path))
    assert row["prediction"] == {"notes": "hello on 1 pages"}


ESCAPES = """
from vlm_lab.errors import GenerationError, Skip

class Mine:
    def __init__(self, model, runtime):
        print("\\x1b]0;printed\\x07")

    def generate(self, prompt):
        if prompt.document_id == "inv_1":
            raise GenerationError("Odd\\x1b[31m", "told \\x1b[2J")
        if prompt.document_id == "inv_2":
            raise Skip("skipped \\x1b[2J")
        raise RuntimeError("raised \\x1b[2J")

    def close(self):
        pass
"""


def test_no_escape_of_a_worker_reaches_the_terminal(pytester: pytest.Pytester) -> None:
    write_project(
        pytester.path, 'models:\n  - {name: mine, model_id: x, backend: "my_backend:Mine"}\n'
    )
    (pytester.path / "my_backend.py").write_text(ESCAPES)
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider", "-rA", "--color=no")
    shown = result.stdout.str() + result.stderr.str()
    for words in ("told \ufffd[2J", "skipped \ufffd[2J", "raised \ufffd[2J"):
        assert words in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
