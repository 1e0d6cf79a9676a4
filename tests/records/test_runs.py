"""pytest tests/records/test_runs.py: the run somebody means, and its report without its records."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.case_records import record
from tests.runs import write_run
from vlm_lab.errors import UserError
from vlm_lab.records.report_json import read_report
from vlm_lab.records.runs import create_folder, find_run, lock_run
from vlm_lab.types import Model


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = [record(f"d{i}", {"no": "exact"}, raw_response='],\n"run": {') for i in range(3)]
    return write_run(tmp_path / "20260102T030405Z", rows, [Model(name="m", model_id="x")])


def test_path_id_and_last(run: Path) -> None:
    assert {find_run(name, run.parent) for name in (str(run), run.name, "last")} == {run}
    with pytest.raises(UserError, match="no run 'x' in .*; the newest is 20260102T030405Z"):
        find_run("x", run.parent)
    with pytest.raises(UserError, match="there is none yet"):
        find_run("last", run.parent / "none")


def test_the_report_comes_back_as_what_was_written(run: Path) -> None:
    report = read_report(run)
    assert (report.run["id"], report.models[0].name) == (run.name, "m")
    assert (report.summaries[0].scores["field_f1"].value, report.summaries[0].documents) == (1, 3)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": {}}'])
def test_a_torn_report_is_one_line(run: Path, text: str) -> None:
    (run / "report.json").write_text(text)
    with pytest.raises(UserError, match=f"is no report of this version.*--resume {run}$"):
        read_report(run)
    (run / "report.json").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read_report(run)


def test_a_report_of_another_version_is_one_line(run: Path) -> None:
    path = run / "report.json"
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 1'))
    with pytest.raises(
        UserError, match=r"is no report of this version \(schema_version 2 is wanted, it has 1\)"
    ):
        read_report(run)


def begin(folder: Path, records: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    (folder / "records.jsonl").write_text(records)
    return folder


def test_last_is_the_newest_run_that_began_whatever_was_written_last(tmp_path: Path) -> None:
    first = begin(tmp_path / "20260102T030405Z", "{}\n")
    tenth = begin(tmp_path / "20260102T030405Z-10", "{}\n")
    begin(tmp_path / "20260102T030405Z-9", "{}\n")
    begin(tmp_path / "old-name", "{}\n")
    (tmp_path / "20260102T030406Z").mkdir()  # a crash came before it said what it is
    (tmp_path / "20260102T030406Z" / "records.jsonl").touch()
    (first / "records.jsonl").write_text("{}\n{}\n")
    assert find_run("last", tmp_path) == tenth
    newest = begin(tmp_path / "20260102T030405Z-11")
    assert find_run("last", tmp_path) == newest, "no case of it is answered yet"
    assert find_run("old-name", tmp_path).name == "old-name"


def test_one_process_at_a_time_writes_a_run(tmp_path: Path) -> None:
    with lock_run(tmp_path):
        assert (tmp_path / "records.jsonl").stat().st_mode & 0o777 == 0o600
        with pytest.raises(UserError, match="another process is writing this run"):
            lock_run(tmp_path)
    lock_run(tmp_path).close()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "RO")])
def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match=f"cannot be made .{error.strerror}.; give another place"):
        create_folder(tmp_path / "results", datetime(2026, 1, 2, tzinfo=UTC))
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UserError, match=f"records.jsonl: cannot be written .{error.strerror}"):
        lock_run(tmp_path)


def test_what_a_crash_left_of_a_run_before_it_began_goes_with_the_next(tmp_path: Path) -> None:
    names = [f"20260102T03040{number}Z" for number in range(5)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0123.part").touch()
        (tmp_path / name / "records.jsonl").touch()
    (tmp_path / names[1] / "run.json").write_text("{}")
    (tmp_path / names[2] / "records.jsonl").write_text("{}")
    (tmp_path / names[3] / "m").mkdir()
    with lock_run(tmp_path / names[4]):
        new = create_folder(tmp_path, datetime(2026, 1, 3, tzinfo=UTC))
    assert sorted(path.name for path in tmp_path.iterdir()) == [*names[1:], new.name]
