"""What a case of thousands may cost, counted: files that it opens, and bytes that it leaves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.projects import records_of, run_folder_of, write_project
from tests.suites import REFERENCE

COUNT = 60
FIRST = 20  # by then what is made once is made
# Notes each file that is opened while a case runs, and what of vlm_lab's objects stays after it.
PROBE = f"""
import gc, json, os, sys, tracemalloc
seen = {{"opened": [], "kept": [], "running": False, "collector": []}}

def note_opening(event, arguments):
    # Beside the cases a thread imports what the report is drawn with.
    if event == "open" and seen["running"] and str(arguments[0]).startswith(os.getcwd()):
        if not os.path.isdir(arguments[0]):  # the run's folder is made to last, too
            seen["opened"][-1].append(str(arguments[0]))

sys.addaudithook(note_opening)
tracemalloc.start()

def pytest_collection_modifyitems(items):
    seen["collector"].append(gc.isenabled())
    seen["parameters"] = [sorted(item.callspec.params) for item in items]

def pytest_runtest_logstart():
    seen["collector"].append(gc.isenabled())
    seen["opened"].append([])
    seen["running"] = True

def pytest_runtest_setup(item):
    terminal = item.config.pluginmanager.get_plugin("terminalreporter")
    seen["reports"] = sum(map(len, terminal.stats.values()))
    kept = [id(report) for reports in terminal.stats.values() for report in reports]
    seen["different_reports"] = len(set(kept))

def pytest_runtest_logfinish():
    seen["running"] = False
    if len(seen["opened"]) in ({FIRST}, {COUNT}):
        gc.collect()
        taken = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/vlm_lab/*")])
        seen["kept"].append(sum(each.size for each in taken.statistics("filename")))

def pytest_unconfigure():
    with open("probe.json", "w") as file:
        json.dump(seen, file)
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe saw of COUNT replayed cases, each with one value misread."""
    folder = tmp_path_factory.mktemp("many")
    names = [f"d{number:03}" for number in range(COUNT)]
    write_project(
        folder,
        "models:\n  - {name: m, backend: replay, model_id: answers.jsonl}\n",
        {name: {**REFERENCE, "invoice_number": name} for name in names},
    )
    answers = [{"document": name, "prediction": REFERENCE} for name in names]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    (folder / "conftest.py").write_text(PROBE)
    command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-p", "no:cacheprovider"]
    assert subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
    assert len(records_of(run_folder_of(folder))) == COUNT
    found: dict[str, Any] = json.loads((folder / "probe.json").read_text())
    return found


def test_a_case_opens_each_file_once(seen: dict[str, Any]) -> None:
    """Its document and its reference are hashed; a line and a file of its own are written."""
    for opened in seen["opened"][FIRST:]:
        suffixes = sorted(Path(name).suffix for name in opened)
        assert suffixes == [".json", ".jsonl", ".part", ".png"], opened


def test_a_finished_case_leaves_next_to_nothing(seen: dict[str, Any]) -> None:
    first, last = seen["kept"]
    assert (last - first) / (COUNT - FIRST) < 1000


def test_no_cycles_are_looked_for_while_cases_are_collected(seen: dict[str, Any]) -> None:
    while_collecting, *while_running = seen["collector"]
    assert (while_collecting, all(while_running)) == (False, True)


def test_a_case_is_no_parameter_that_pytest_remembers_and_sorts_by(seen: dict[str, Any]) -> None:
    assert seen["parameters"] == [["model"]] * COUNT


def test_pytest_counts_cases_that_passed_and_keeps_the_report_of_one(seen: dict[str, Any]) -> None:
    assert (seen["reports"], seen["different_reports"]) == (COUNT - 1, 1)
