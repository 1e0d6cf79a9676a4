"""pytest tests/test_distributed.py: `-n 2 --dist loadgroup`: one run, several processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest

from tests.processes import has_ended, wait_for_file
from tests.projects import (
    SLOW_REPORT,
    calls_of,
    echo,
    read_figures,
    records_of,
    run_folder_of,
    write_project,
)
from tests.suites import REFERENCE
from vlm_lab.run.xdist_run import _DeviceShares

pytest.importorskip("xdist")

WRONG = {"invoice_number": "A-71", "totals": {"gross": "119,00"}}
BY_MODEL = ("-n", "2", "--dist", "loadgroup")
DOCUMENTS = dict.fromkeys(("inv_1", "inv_2", "inv_3", "inv_4"), REFERENCE)
# Notes which process asked; one model's process is killed by its second document, once.
KILLED = """
import os, signal
from pathlib import Path
from echo import Echo
class Killed(Echo):
    def generate(self, prompt):
        done = Path("killed.txt")
        if prompt.document_id == "inv_2" and (not done.exists() or "always" in self.settings):
            done.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(prompt)
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", *options)


def read_run(folder: Path) -> dict[str, Any]:
    """A run's figures without what differs by time, and its notes."""
    report = json.loads((folder / "report.json").read_text())
    return {
        **read_figures(folder),
        "notes": [note for note in report["notes"] if "distributed" not in str(note)],
        "looks": report["run"]["looks"],
        "suspects": report["suspects"],
    }


def only(folder: Path) -> Path:
    (run_folder,) = folder.glob("2*")
    return run_folder


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--dry-run"],
        pytest.param(["-k", "inv_2 or inv_3"], marks=pytest.mark.soak),
        pytest.param(["--sample", "2"], marks=pytest.mark.soak),
        pytest.param(["--rounds", "2"], marks=pytest.mark.soak),
    ],
)
def test_the_report_is_that_of_one_process(
    pytester: pytest.Pytester, options: Sequence[str]
) -> None:
    answers = pytester.path / "answers"
    answers.mkdir()
    for name in DOCUMENTS:
        (answers / f"{name}.json").write_text(json.dumps(WRONG))
    replay = "  - {name: today, backend: replay, model_id: answers, incumbent: true}\n"
    models = echo("a") + echo("b", answer=WRONG) + echo("c", fails=["inv_2"]) + replay
    write_project(pytester.path, "models:\n" + models, DOCUMENTS)
    alone = run(pytester, *options, "--replies=off", "--output-dir=alone")
    shared = run(pytester, *options, "--replies=off", "--output-dir=shared", *BY_MODEL)
    first, second = only(pytester.path / "alone"), only(pytester.path / "shared")
    assert read_run(first) == read_run(second)
    assert alone.ret == shared.ret
    assert alone.parseoutcomes().get("passed") == shared.parseoutcomes().get("passed")
    keys = ("model", "document", "status")
    rows = [[[row[key] for key in keys] for row in records_of(each)] for each in (first, second)]
    assert rows[0] == rows[1], "each case once, in the run's order"
    rounds = [[len(row["rounds"]) for row in records_of(each)] for each in (first, second)]
    assert rounds[0] == rounds[1], "our own clock times what pytest-benchmark does not"
    names = {path.name for path in second.rglob("*.part")}
    assert not names
    note = next(
        note
        for note in json.loads((second / "report.json").read_text())["notes"]
        if "distributed" in str(note)
    )
    assert note["figures"]["timer"] == "pytest-benchmark"
    for line in (pytester.path / "shared" / "looks.jsonl", pytester.path / "alone" / "looks.jsonl"):
        assert not line.exists() or len(line.read_text().splitlines()) == 1


def test_a_model_is_loaded_by_one_worker_and_two_run_at_once(pytester: pytest.Pytester) -> None:
    models = "".join(echo(name, seconds=0.2) for name in "abcd")
    write_project(pytester.path, "models:\n" + models, DOCUMENTS)
    run(pytester, *BY_MODEL, "--replies=off").assert_outcomes(passed=16)
    loads = [line for line in calls_of(pytester.path) if line.endswith(": load")]
    assert sorted(loads) == [f"{name}: load" for name in "abcd"]
    asked = defaultdict(list)
    for line in calls_of(pytester.path):
        if " pages " in line:
            asked[line[0]].append(line.split()[2])
    assert all(documents == [*DOCUMENTS] for documents in asked.values())


@pytest.mark.soak
@pytest.mark.parametrize(("always", "outcomes"), [(False, 1), (True, 1)])
def test_a_worker_that_is_killed_costs_its_case(
    pytester: pytest.Pytester, always: bool, outcomes: int
) -> None:
    settings = {"always": 1} if always else {}
    killed = echo("k", ", isolate: false", **settings).replace("echo:Echo", "killed:Killed")
    write_project(pytester.path, "models:\n" + echo("a", seconds=0.3) + killed, DOCUMENTS)
    (pytester.path / "killed.py").write_text(KILLED)
    result = run(pytester, *BY_MODEL)
    result.assert_outcomes(passed=7, failed=outcomes)
    assert result.ret == 1
    rows = {
        (row["model"], row["document"]): row for row in records_of(run_folder_of(pytester.path))
    }
    assert len(rows) == 8
    failed = [key for key, row in rows.items() if row["status"] == "error"]
    assert failed == [("k", "inv_2")]
    assert "died" in rows["k", "inv_2"]["error"]["message"]
    assert rows["k", "inv_2"]["error"]["type"] == "WorkerDied"
    again = run(pytester, "--resume", "last", *BY_MODEL)
    again.assert_outcomes(**({"failed": 1} if always else {"passed": 1}))


@pytest.mark.soak
def test_a_run_that_broke_off_is_gone_on_with(pytester: pytest.Pytester) -> None:
    """By several processes, or by one: what was answered is not asked again."""
    write_project(pytester.path, "models:\n" + echo("a") + echo("b", answer=WRONG), DOCUMENTS)
    run(pytester, *BY_MODEL).assert_outcomes(passed=8)
    folder = run_folder_of(pytester.path)
    whole = read_run(folder)
    lines = (folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    for options in (BY_MODEL, ()):
        calls = len(calls_of(pytester.path))
        (folder / "records.jsonl").write_bytes(b"".join([*lines[:3], *lines[4:6]]))
        result = run(pytester, "--resume", "last", *options)
        result.assert_outcomes(passed=3)
        assert len([line for line in calls_of(pytester.path)[calls:] if "pages" in line]) <= 3
        again = read_run(folder)
        for figures in (again, whole):
            for row in figures["records"]:
                row["cached"] = None
            for summary in figures["summaries"]:
                summary["cached"] = None
        assert again == whole
    assert run(pytester, "--resume", "last", *BY_MODEL).ret == 0, "nothing is left to do"


def test_a_regression_ends_it_as_it_ends_one_process(pytester: pytest.Pytester) -> None:
    from vlm_lab.cli.main import main

    write_project(pytester.path, "models:\n" + echo("a") + echo("b"), DOCUMENTS)
    run(pytester, "--output-dir=good")
    results = pytester.path / "good"
    assert main(["accept", "last", "--output-dir", str(results)]) == 0
    baseline = results / "baseline.json"
    (pytester.path / "models.yaml").write_text("models:\n" + echo("a") + echo("b", answer=WRONG))
    options = [f"--baseline={baseline}", "--replies=off"]
    alone = run(pytester, *options, "--output-dir=alone", "--junitxml=alone.xml")
    shared_options = ("--output-dir=shared", "--junitxml=shared.xml")
    shared = run(pytester, *options, *shared_options, *BY_MODEL)
    assert (alone.ret, shared.ret) == (1, 1)
    gates = [
        json.loads((only(pytester.path / name) / "report.json").read_text())["gate"]
        for name in ("alone", "shared")
    ]
    # All but the seconds, which are those of each run.
    outcomes = [(gate["status"], [line["kind"] for line in gate["lines"]]) for gate in gates]
    assert outcomes[0] == outcomes[1]
    shared.stdout.fnmatch_lines(["*8 passed, 1 regressed*"])
    for name in ("alone", "shared"):
        junit_file = ElementTree.parse(pytester.path / f"{name}.xml")  # noqa: S314 - our own
        cases = junit_file.iter("testcase")
        failed = [case.get("name") for case in cases if case.find("failure") is not None]
        assert failed == ["no_worse[invoices-b-default]"]
        (gate,) = junit_file.iter("property")
        assert str(gate.get("value")).startswith("regressed; b (default): ")


def test_what_cannot_be_used_is_said_before_a_worker_starts(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo(), {"inv_1": REFERENCE})
    schema = pytester.path / "benchmarks" / "invoices" / "schema.json"
    schema.write_text('{"properties": {"nothing_of_it": {"type": "string"}}}')
    refused = run(pytester, *BY_MODEL)
    assert refused.ret == 4
    said = refused.stdout.str() + refused.stderr.str()
    assert len(re.findall("share no field", said)) == 1
    assert "created:" not in said
    assert not list((pytester.path).glob("results/2*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output-dir=res\udcff"], "is not UTF-8, and pytest-xdist carries nothing else"),
        (["--resume=last"], "collected.part: cannot be written (Is a directory); remove it"),
    ],
)
def test_what_no_worker_can_be_told_is_one_line(
    pytester: pytest.Pytester, options: Sequence[str], words: str
) -> None:
    write_project(pytester.path, "models:\n" + echo(), {"inv_1": REFERENCE})
    (pytester.path / "results" / "1" / "collected.part").mkdir(parents=True)
    settings = {
        "started": "2026-01-02",
        "command": [],
        "options": {"models_files": ["models.yaml"], "output_dir": "results", "cache": "cache"},
        "suites": ["invoices"],
        "partial": [],
        "first_prompts": {},
        "cases": [],
    }
    (pytester.path / "results" / "1" / "run.json").write_text(json.dumps(settings))
    result = run(pytester, *BY_MODEL, *options)
    said = result.stdout.str() + result.stderr.str()
    assert result.ret == 4, said
    assert words in said
    assert "INTERNALERROR" not in said


def test_what_selects_nothing_leaves_no_run(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    result = run(pytester, *BY_MODEL, "-k", "nowhere")
    assert result.ret == 5
    result.stdout.fnmatch_lines(["-k 'nowhere' selects no case*"])
    assert not list((pytester.path).glob("results/2*"))


@pytest.mark.soak
def test_second_answers_of_all_workers_are_in_the_report(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo("a") + echo("b"), DOCUMENTS)
    run(pytester, *BY_MODEL, "--probe", "2")
    report = json.loads((run_folder_of(pytester.path) / "report.json").read_text())
    repeats = {(probe["model"], probe["how"]): probe["repeats"] for probe in report["probes"]}
    assert repeats["a", "alone"] == repeats["b", "alone"] == 2


@pytest.mark.parametrize(
    ("visible", "workers", "shares"),
    [
        ("0,1,2,3", 2, ["0,2", "1,3"]),
        ("4,7", 2, ["4", "7"]),
        ("0,1", 3, ["0", "1", "0"]),
        ("GPU-5", 2, ["", ""]),
        ("", 2, ["", ""]),
    ],
)
def test_gpus_are_dealt_out(
    monkeypatch: pytest.MonkeyPatch, visible: str, workers: int, shares: Sequence[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    dealt = _DeviceShares(workers)
    assert [dealt.take(f"gw{number}") for number in range(workers)] == shares
    dealt.give_back("gw1")
    assert dealt.take("gw9") == shares[1], "a worker in the place of a dead one"


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_worker_sees_its_gpus(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    seer = "from echo import Echo\nimport os\nclass Seer(Echo):\n    def generate(self, prompt):\n"
    seer += "        self.note('sees ' + os.environ['CUDA_VISIBLE_DEVICES'])\n"
    seer += "        return super().generate(prompt)\n"
    models = "".join(echo(name, seconds=0.5) for name in "ab").replace("echo:Echo", "seer:Seer")
    write_project(pytester.path, "models:\n" + models)
    (pytester.path / "seer.py").write_text(seer)
    run(pytester, *BY_MODEL, "--device", device).assert_outcomes(passed=6)
    seen: Mapping[str, set[str]] = defaultdict(set)
    for line in calls_of(pytester.path):
        if "sees" in line:
            seen[line[0]].add(line.split()[-1])
    assert all(len(each) == 1 for each in seen.values())
    each_sees = sorted(next(iter(each)) for each in seen.values())
    assert each_sees == (["0", "1"] if device == "auto" else ["0,1", "0,1"])


@pytest.mark.soak
def test_a_killed_controller_leaves_a_run_to_go_on_with(pytester: pytest.Pytester) -> None:
    write_project(
        pytester.path, "models:\n" + echo("a", seconds=0.5) + echo("b", seconds=0.5), DOCUMENTS
    )
    command = ["benchmarks", *BY_MODEL]
    process = pytester.popen([*pytester._getpytestargs(), *command])
    path = pytester.path / "calls.txt"
    while process.poll() is None:
        if path.exists() and path.read_text().count(" pages ") >= 4:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()  # type: ignore[union-attr]
    kept = len(records_of(run_folder_of(pytester.path)))
    assert kept >= 1
    again = run(pytester, "--resume", "last", *BY_MODEL)
    assert again.ret == 0
    rows = records_of(run_folder_of(pytester.path))
    assert len({(row["model"], row["document"]) for row in rows}) == 8


# The disk is full from the second record on, and has room again where the reserve was.
FULL_DISK = """
import vlm_lab.records.run_folder as run_folder
append = run_folder.append_line
def append_line(path, line, durable=True):
    is_full = path.name == "records.jsonl" and path.stat().st_size > 0
    if is_full and (path.parent / "reserve.part").exists():
        raise OSError(28, "No space left on device")
    append(path, line, durable)
run_folder.append_line = append_line
"""


def test_a_full_disk_ends_all_workers_with_their_answers(pytester: pytest.Pytester) -> None:
    models = echo("a", seconds=0.3) + echo("b", seconds=0.3)
    write_project(pytester.path, "models:\n" + models, DOCUMENTS)
    (pytester.path / "conftest.py").write_text(FULL_DISK)
    result = run(pytester, *BY_MODEL, "--replies=off")
    output = result.stdout.str() + result.stderr.str()
    assert result.ret == 1, output
    assert "this answer too" in output
    assert "INTERNALERROR" not in output
    assert "Traceback" not in output
    (pytester.path / "conftest.py").unlink()
    folder = run_folder_of(pytester.path)
    asked = [call for call in calls_of(pytester.path) if " pages " in call]
    assert len(asked) == len(records_of(folder)) < 8, "each answer that was paid for is there"
    assert run(pytester, "--resume", "last", *BY_MODEL).ret == 0
    asked = [call for call in calls_of(pytester.path) if " pages " in call]
    assert len(asked) == len(records_of(folder)) == 8
    assert not [*folder.rglob("*.part")]


@pytest.mark.parametrize(
    "ending",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.soak),
        pytest.param(signal.SIGINT, marks=pytest.mark.soak),
    ],
)
def test_a_signal_to_the_controller_leaves_all_that_workers_wrote(
    pytester: pytest.Pytester, ending: signal.Signals
) -> None:
    models = echo("a", seconds=0.4) + echo("b", seconds=0.4)
    write_project(
        pytester.path, "models:\n" + models, dict.fromkeys(map(str, range(40)), REFERENCE)
    )
    command = [sys.executable, "-m", "pytest", "benchmarks", *BY_MODEL]
    with subprocess.Popen(
        command, cwd=pytester.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        wait_for_calls(pytester.path, 4)
        process.send_signal(ending)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert b"go on with:" in output
    calls = len(calls_of(pytester.path))
    folder = run_folder_of(pytester.path)
    report = json.loads((folder / "report.json").read_text())
    answered = [row["document"] for row in report["records"] if row["status"] == "ok"]
    lines = records_of(folder)
    assert len(answered) == len(lines) >= 2
    time.sleep(1)
    assert (len(calls_of(pytester.path)), records_of(folder)) == (calls, lines), "all have ended"
    asked = [call for call in calls_of(pytester.path) if " pages " in call]
    assert len(asked) <= len(lines) + 2, "no more than one a worker is lost"


def interrupt_twice(folder: Path, wait: Callable[[], Any]) -> tuple[int, bytes]:
    """Exit status and output where the second Ctrl-C comes after `wait`, as a terminal sends it: to
    all processes. None of them is left."""
    models = echo("a", seconds=1) + echo("b", seconds=1)
    write_project(folder, "models:\n" + models, dict.fromkeys(map(str, range(20)), REFERENCE))
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "benchmarks", *BY_MODEL],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        wait_for_calls(folder, 2)
        workers = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        wait()
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert all(has_ended(worker.pid, 20) for worker in workers)
    return process.returncode, output


def test_a_second_ctrl_c_is_told_once_and_leaves_no_worker(pytester: pytest.Pytester) -> None:
    (pytester.path / "conftest.py").write_text(SLOW_REPORT)
    reporting = pytester.path / "reporting"
    status, output = interrupt_twice(pytester.path, lambda: wait_for_file(reporting))
    assert status == 2, output
    assert output.count(b"interrupted before the report was written; go on with:") == 1
    assert b"Traceback" not in output


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
def test_a_second_ctrl_c_shows_no_traceback_whenever_it_comes(
    pytester: pytest.Pytester, seconds: float
) -> None:
    status, output = interrupt_twice(pytester.path, lambda: time.sleep(seconds))
    # The second: Python itself ends so where the signal comes while it shuts down.
    assert status in (2, -signal.SIGINT), output
    assert output.count(b"interrupted before the report was written; go on with:") <= 1
    assert b"Traceback" not in output


def test_a_worker_imports_nothing_for_a_report_that_it_does_not_make(
    pytester: pytest.Pytester,
) -> None:
    models = echo("a", seconds=0.3) + echo("b", seconds=0.3)
    references = dict.fromkeys(map(str, range(8)), REFERENCE)
    write_project(pytester.path, "models:\n" + models, references)
    (pytester.path / "conftest.py").write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "def pytest_unconfigure(config):\n"
        "    names = sorted({'vlm_lab.run.finalize', 'matplotlib.figure'} & {*sys.modules})\n"
        "    kind = 'worker' if hasattr(config, 'workerinput') else 'controller'\n"
        "    Path(f'{kind}-{os.getpid()}.txt').write_text(' '.join(names))\n"
    )
    assert pytester.runpytest_subprocess("benchmarks", *BY_MODEL).ret == 0
    imported = {path.stem: path.read_text() for path in pytester.path.glob("*-*.txt")}
    assert len(imported) == 3
    for process, names in imported.items():
        is_controller = process.startswith("controller")
        assert names == ("matplotlib.figure vlm_lab.run.finalize" if is_controller else "")


def wait_for_calls(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len([call for call in calls_of(folder) if " pages " in call]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
