"""pytest tests/test_resume.py: a run that broke off is gone on with as the same run, or not at
all; however it ended, what it had is there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.processes import wait_for_file
from tests.projects import (
    RUN,
    SLOW_REPORT,
    calls_of,
    echo,
    read_figures,
    records_of,
    run_folder_of,
    write_project,
)
from tests.suites import REFERENCE

COMMAND = (sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider")


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)


def questions_of(folder: Path) -> list[str]:
    """What was asked since this was last called: `m inv_1`."""
    lines = [line.split() for line in calls_of(folder) if "inv_" in line]
    (folder / "calls.txt").unlink(missing_ok=True)
    return [f"{words[0].removesuffix(':')} {words[2]}" for words in lines]


def test_its_selection_and_its_settings_are_gone_on_with(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo("a") + echo("b"))
    (pytester.path / "fails.txt").write_text("inv_2")
    first = run(pytester, "-k", "a-default and not inv_3", "--max-pages=1", "--rounds=2")
    first.assert_outcomes(passed=1, failed=1, deselected=4)
    (pytester.path / "fails.txt").unlink()
    questions_of(pytester.path)
    run(pytester, "--resume=last").assert_outcomes(passed=1, deselected=5)
    assert questions_of(pytester.path) == ["a inv_2"] * 2
    folder = run_folder_of(pytester.path)
    report = json.loads((folder / "report.json").read_text())
    assert [row["document"] for row in report["records"]] == ["inv_1", "inv_2"]
    assert (report["run"]["partial"], report["run"]["options"]["max_pages"]) == (["invoices"], 1)
    assert {"--max-pages=1", "--rounds=2"} <= {*report["run"]["command"]}


def test_nothing_left_to_do_is_no_error_and_the_report_is_there(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    run(pytester).assert_outcomes(passed=3)
    folder = run_folder_of(pytester.path)
    figures = read_figures(folder)
    (folder / "report.json").unlink()
    (folder / "m" / "inv_1.json").unlink()
    (folder / "m" / "inv_2.json").write_text("{}")
    (folder / "m" / "0123.part").write_text('{"half')
    result = run(pytester, "--resume=last")
    result.assert_outcomes(deselected=3)
    assert result.ret == 0
    assert read_figures(folder) == figures
    files = {path.name: json.loads(path.read_text()) for path in (folder / "m").iterdir()}
    assert files == {f"{row['document']}.json": row for row in records_of(folder)}
    assert not list(pytester.path.rglob("*.part"))


def change_prompt(suite: Path) -> None:
    (suite / "prompt.md").write_text("Please answer as {{ schema }}")


def change_document(suite: Path) -> None:
    Image.new("RGB", (32, 32), "black").save(suite / "documents" / "inv_1.png")


def change_reference(suite: Path) -> None:
    (suite / "references" / "inv_1.json").write_text('{"invoice_number": "A-18"}')


def correct_reference(suite: Path) -> None:
    verdict = {"reference": "A-17", "verdict": "reference_wrong", "right": "A-18"}
    correction = {"document": "inv_1", "path": "invoice_number", **verdict}
    (suite / "corrections.json").write_text(json.dumps([correction]))


def change_settings(suite: Path) -> None:
    models = suite.parents[1] / "models.yaml"
    models.write_text("models:\n" + echo("a", ", revision: abc") + echo("b", seconds=0.001))


def rename_price(suite: Path) -> None:
    models = suite.parents[1] / "models.yaml"
    models.write_text("models:\n" + echo("a", ", notes: cheaper") + echo("b", seconds=0.001))


def remove_document(suite: Path) -> None:
    (suite / "documents" / "inv_1.png").unlink()


def add_document(suite: Path) -> None:
    Image.new("RGB", (32, 32), "black").save(suite / "documents" / "inv_4.png")


@pytest.mark.parametrize(
    ("change", "asked_again", "sentence"),
    [
        (change_prompt, 6, "the prompt default (invoices) is another now: its cases are asked"),
        (change_document, 2, "1 document is another now, asked again: inv_1.png"),
        (change_reference, 2, "the reference of 1 document is another now, asked again: inv_1.png"),
        (correct_reference, 2, "the reference of 1 document is another now, asked again: inv_1"),
        (change_settings, 3, "the settings of a are others now: asked again"),
        (rename_price, 0, ""),
        (remove_document, 0, "2 cases of this run are there no longer: a-default-inv_1, b-"),
        (add_document, 0, ""),
    ],
)
def test_what_changed_is_asked_again_and_said(
    pytester: pytest.Pytester,
    change: Callable[[Path], None],
    asked_again: int,
    sentence: str,
) -> None:
    write_project(pytester.path, "models:\n" + echo("a") + echo("b", seconds=0.001))
    run(pytester, "--replies=off").assert_outcomes(passed=6)
    questions_of(pytester.path)
    change(pytester.path / "benchmarks" / "invoices")
    result = run(pytester, "--resume=last")
    assert result.ret == 0
    assert len(questions_of(pytester.path)) == asked_again
    assert sentence in result.stdout.str()
    report = (run_folder_of(pytester.path) / "report.md").read_text().replace("\\", "")
    assert sentence in report
    listed = run(pytester, "--resume=last", "--collect-only").parseoutcomes()
    assert [*listed] == ["deselected"], "everything is answered now"


@pytest.mark.parametrize(
    ("began_with", "resumed_with", "sentence"),
    [
        ([], ["--dry-run"], "calls models, and no dry run is mixed into it; leave --dry-run away"),
        (["--sample=2"], ["--sample=1"], "--sample 1: RUN began with 2; leave --sample away"),
        ([], ["--prompt=default"], "--prompt default: RUN began with none; leave --prompt away"),
        ([], ["-k", "inv_1"], "RUN: the command leaves out 2 of its 3 cases (m-default-inv_2)"),
    ],
)
def test_what_would_make_it_another_run_is_one_line(
    pytester: pytest.Pytester, began_with: list[str], resumed_with: list[str], sentence: str
) -> None:
    write_project(pytester.path, "models:\n" + echo())
    run(pytester, *began_with)
    folder = run_folder_of(pytester.path)
    before = (folder / "records.jsonl").read_bytes()
    result = run(pytester, "--resume=last", *resumed_with)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    output = result.stdout.str() + result.stderr.str()
    assert sentence.replace("RUN", folder.name) in output
    assert "INTERNALERROR" not in output
    assert "Traceback" not in output
    assert (folder / "records.jsonl").read_bytes() == before


def test_a_dry_run_stays_one(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    run(pytester, "--dry-run", "--sample=2").assert_outcomes(passed=2)
    result = run(pytester, "--resume=last")
    assert result.ret == 0
    assert "dry run: no model was called" in result.stdout.str()
    assert calls_of(pytester.path) == []


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A run that is under way."""
    process = subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while len(calls_of(folder)) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


def test_two_processes_do_not_write_one_run(pytester: pytest.Pytester) -> None:
    references = {f"inv_{number}": REFERENCE for number in range(9)}
    write_project(pytester.path, "models:\n" + echo(seconds=1), references)
    process = start(pytester.path)
    try:
        result = run(pytester, "--resume=last")
        assert process.poll() is None, "it was still being written"
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stdout.fnmatch_lines("*another process is writing this run; wait for its end*")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    run(pytester, "--resume=last", "--collect-only").assert_outcomes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_leave_a_report_as_ctrl_c_does(
    pytester: pytest.Pytester, number: signal.Signals
) -> None:
    references = {f"inv_{number:02}": REFERENCE for number in range(30)}
    write_project(pytester.path, "models:\n" + echo(seconds=0.2), references)
    process = start(pytester.path)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    folder = run_folder_of(pytester.path)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert f"go on with: {RUN} -p no:cacheprovider --resume {folder.name}" in output
    assert "Traceback" not in output
    (summary,) = json.loads((folder / "report.json").read_text())["summaries"]
    assert summary["statuses"]["ok"] == len(records_of(folder)) < 30


def test_who_ignores_sighup_is_not_ended_by_it(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo(seconds=0.5))
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "nohup", *COMMAND],
        cwd=pytester.path,
        stdout=subprocess.DEVNULL,
    )
    while len(calls_of(pytester.path)) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0


def test_a_second_ctrl_c_is_clean(pytester: pytest.Pytester) -> None:
    references = {f"inv_{number:02}": REFERENCE for number in range(30)}
    write_project(pytester.path, "models:\n" + echo(seconds=0.2), references)
    (pytester.path / "conftest.py").write_text(SLOW_REPORT)
    process = start(pytester.path)
    process.send_signal(signal.SIGINT)
    wait_for_file(pytester.path / "reporting")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    folder = run_folder_of(pytester.path)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in output
    command = f"{RUN} -p no:cacheprovider --resume {folder.name}"
    assert f"interrupted before the report was written; go on with: {command}" in output
    assert not list(pytester.path.rglob("*.part"))
    assert len(records_of(folder)) >= 1


def test_a_reply_whose_record_was_lost_is_this_runs_own(pytester: pytest.Pytester) -> None:
    """A crash between the two: it is not asked again, and no cached one either."""
    write_project(pytester.path, "models:\n" + echo())
    run(pytester, "--replies=refresh").assert_outcomes(passed=3)
    folder = run_folder_of(pytester.path)
    lines = (folder / "records.jsonl").read_text().splitlines(keepends=True)
    (folder / "records.jsonl").write_text("".join(lines[:2]))
    questions_of(pytester.path)
    run(pytester, "--resume=last").assert_outcomes(passed=1, deselected=2)
    assert questions_of(pytester.path) == []
    assert [row["cached"] for row in records_of(folder)] == [False] * 3


def test_halves_of_files_go_from_the_cache_where_they_are_ours(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    places = ("", "replies", "replies/ab", "checks", "engines", "engines/vllm")
    for place in places:
        folder = pytester.path / "cache" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "0123.part").write_text('{"half')
    run(pytester).assert_outcomes(passed=3)
    left = [path.parent.name for path in (pytester.path / "cache").rglob("*.part")]
    assert sorted(left) == ["engines", "vllm"]


FULL_DISK = """
import {module} as module
def full(path, durable=False):
    raise OSError(28, "No space left on device", str(path))
module.atomic_private_file = full
"""


def test_a_cache_that_takes_no_more_costs_no_answer(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    conftest = FULL_DISK.format(module="vlm_lab.run.reply_cache")
    (pytester.path / "conftest.py").write_text(conftest)
    result = run(pytester)
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    sentence = "replies: cannot be written (No space left on device); every answer is in this run"
    assert result.stdout.str().count(sentence) == 1
    folder = run_folder_of(pytester.path)
    assert sentence in (folder / "report.md").read_text()
    assert [row["status"] for row in records_of(folder)] == ["ok"] * 3


def test_a_report_that_cannot_be_written_is_one_line_and_comes_with_resume(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo())
    conftest = FULL_DISK.format(module="vlm_lab.records.report_json")
    (pytester.path / "conftest.py").write_text(conftest)
    result = run(pytester)
    assert result.ret == 1
    output = result.stdout.str() + result.stderr.str()
    assert "report.json: cannot be written (No space left on device); every answer is in" in output
    assert "INTERNALERROR" not in output
    assert "Traceback" not in output
    (pytester.path / "conftest.py").unlink()
    assert run(pytester, "--resume=last").ret == 0
    report = json.loads((run_folder_of(pytester.path) / "report.json").read_text())
    assert [row["status"] for row in report["records"]] == ["ok"] * 3
