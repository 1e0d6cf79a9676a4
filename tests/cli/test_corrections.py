"""`vlm-lab corrections`: which file is written, from wherever it is typed; the page."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.case_records import lines, record
from tests.projects import PROJECT, echo, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.cli.main import main
from vlm_lab.types import FieldResult

OTHER = {"invoice_number": "A-17", "totals": {"gross": "120.00"}}


@pytest.fixture
def run(pytester: pytest.Pytester) -> Path:
    """A run in which two families agree against one reference."""
    models = [
        echo(name, answer=OTHER).replace("model_id: x", f"model_id: {name}")
        for name in ("qwen", "phi")
    ]
    references = {"inv_1": REFERENCE}
    write_project(pytester.path, "models:\n" + "".join(models), references)
    pytester.runpytest("benchmarks", "-q")
    return run_folder_of(pytester.path)


def read_paths(path: Path) -> list[str]:
    return [entry["path"] for entry in json.loads(path.read_text())]


def test_the_suite_is_found_from_any_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = run.parents[1] / "benchmarks" / "invoices"
    monkeypatch.chdir(tmp_path)
    assert main(["corrections", str(run)]) == 0
    assert read_paths(suite / "corrections.json") == ["totals.gross"]


def test_what_is_decided_is_not_asked_again(
    run: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run.parents[1] / "benchmarks" / "invoices" / "corrections.json"
    assert main(["corrections", run.name]) == 0
    assert "inv_1 totals.gross = '119.00': 2 families say" in capsys.readouterr().out
    decided = [{**entry, "verdict": "model_wrong"} for entry in json.loads(path.read_text())]
    path.write_text(json.dumps(decided))
    assert main(["corrections", run.name]) == 0
    said = capsys.readouterr().out
    assert "1 of 1 doubtful values are decided" in said
    assert "inv_1" not in said
    assert "1 in all, 0 to decide; run the benchmark again" in said
    assert json.loads(path.read_text()) == decided
    assert "doubtful" not in pytester.runpytest("benchmarks", "-q").stdout.str()


def test_the_file_that_the_suite_names_is_written(run: Path) -> None:
    suite = run.parents[1] / "benchmarks" / "invoices"
    (suite / "suite.yaml").write_text("corrections: mine.json")
    (suite / "mine.json").write_text("[]")
    assert main(["corrections", run.name]) == 0
    assert read_paths(suite / "mine.json") == ["totals.gross"]
    assert not (suite / "corrections.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "start in the project's folder, or give --write=SUITE/corrections.json"),
        (("--serve",), "start in the project's folder, or move the suite back"),
        (("--suite=other",), "--suite=other: this run has invoices"),
        (("--serve", "--lang=xx"), "start in the project's folder"),
    ],
)
def test_a_suite_that_is_gone_is_an_error_with_what_to_do(
    run: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    shutil.rmtree(run.parents[1] / "benchmarks" / "invoices")
    assert main(["corrections", run.name, *options]) == 2
    assert said in capsys.readouterr().err


def test_several_suites_are_served_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "1"
    folder.mkdir(parents=True)
    rows = [record("a", suite="one"), record("a", suite="two")]
    (folder / "records.jsonl").write_bytes(lines(rows))
    assert main(["corrections", "1", "--serve"]) == 2
    assert "has the suites one, two" in capsys.readouterr().err
    assert main(["corrections", "1", "--serve", "--suite=two"]) == 2
    assert "no folder benchmarks/two here" in capsys.readouterr().err


def test_a_long_value_of_a_reference_is_cut_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the whole of it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "1"
    folder.mkdir(parents=True)
    long_value = "9\x1b[2J" * 3000
    doubted = FieldResult(
        path="number",
        field="number",
        type="identifier",
        expected=long_value,
        actual="A-17",
        outcome="wrong",
    )
    rows = [record("a", model=name, model_id=name, fields=(doubted,)) for name in ("qwen", "phi")]
    (folder / "records.jsonl").write_bytes(lines(rows))
    assert main(["corrections", "1", "--write=mine.json"]) == 0
    said = capsys.readouterr().out
    assert "a number = '9" in said
    assert "...: 2 families say 'A-17'" in said
    assert len(said) < 1000
    assert "\x1b" not in said
    (entry,) = json.loads(Path("mine.json").read_text())
    assert entry["reference"] == long_value


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own
        content: bytes = answer.read()
    return content.decode()


@pytest.mark.parametrize(
    ("ending", "shell", "told"),
    [
        (signal.SIGINT, "", "Ctrl-C ends it"),
        (signal.SIGTERM, "", "Ctrl-C ends it"),
        (signal.SIGHUP, "", "Ctrl-C ends it"),
        (signal.SIGTERM, "trap '' INT; exec ", "`kill PID` ends it"),  # as what a shell runs with &
    ],
)
def test_the_page_is_served_until_it_is_ended(
    run: Path, ending: signal.Signals, shell: str, told: str
) -> None:
    if signal.getsignal(ending) is signal.SIG_IGN:
        pytest.skip(f"{ending.name} is ignored by what started the tests (nohup does that)")
    command = [sys.executable, "-m", "vlm_lab", "corrections", run.name, "--serve", "--lang=ru"]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin", "HOME": str(run)}
    with subprocess.Popen(
        ["sh", "-c", f"{shell or 'exec '}{shlex.join(command)}"],
        cwd=run.parents[1],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline() + server.stdout.readline()
            (address,) = re.findall(r"http://127\.0\.0\.1:\d+/\S{43}/", said)
            assert told.replace("PID", str(server.pid)) in server.stdout.readline()
            assert "Кто решил" in fetch(address)
            document = json.loads(fetch(f"{address}documents/inv_1"))
            assert document["pages"] == ["pages/inv_1/1"]
            server.send_signal(ending)
            assert server.wait(30) == 0
        finally:
            server.kill()  # or leaving would wait for one that did not end
        assert "0 decided" in server.stdout.read()
