"""pytest tests/records/test_runs.py: the run somebody means, and its report without its records."""

from pathlib import Path

import pytest

from tests.case_records import record
from tests.runs import write_run
from vlm_lab.errors import UserError
from vlm_lab.records.report_json import read_report
from vlm_lab.records.runs import find_run
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
