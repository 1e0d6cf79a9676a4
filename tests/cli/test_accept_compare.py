"""`vlm-lab accept` and `vlm-lab compare`: a run is kept, and held against another."""

import argparse
import importlib
from pathlib import Path

import pytest

from tests.case_records import failed, record
from tests.runs import write_run
from vlm_lab.decision.baseline import build_run_baseline, load_baseline
from vlm_lab.decision.regression_gate import check_regression
from vlm_lab.errors import UserError
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.types import Failure, Model

MODELS = [Model(name="m", model_id="x")]


def command(name: str, *typed: str) -> int:
    """As `vlm-lab NAME ...` calls it."""
    module = importlib.import_module(f"vlm_lab.cli.{name}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return int(module.main(parser.parse_args(typed)))


def write(folder: Path, wrong: int = 0, prompt: str = "p", dry_run: bool = False) -> Path:
    rows = [
        record(f"inv_{i}", {"gross": "wrong" if i < wrong else "exact", "date": "exact"})
        for i in range(20)
    ]
    return write_run(folder, rows, MODELS, prompt, dry_run)


def test_accept_writes_a_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write(tmp_path / "results" / "1")
    assert command("accept", "--output-dir", str(tmp_path / "results")) == 0
    path = tmp_path / "results" / "baseline.json"
    assert capsys.readouterr().out == f"{path}: 1 candidates, 20 answers of 1\n"
    assert (
        check_regression(
            load_baseline(path), build_run_baseline(read_report(run), read_records(run))
        ).status
        == "ok"
    )


def test_accept_warns_of_what_has_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [record(f"inv_{i}", {"gross": "exact"}) for i in range(4)]
    rows += [failed(f"bad_{i}", message="needs 9 GB\x1b[31m") for i in range(4)]
    rows += [failed("odd", status="skipped", message="no weights"), failed("t", status="unparsed")]
    write_run(tmp_path / "1", rows, MODELS)
    assert command("accept", "--output-dir", str(tmp_path)) == 0
    said = capsys.readouterr().out.splitlines()
    bad = "; ".join(f"bad_{i} (needs 9 GB\N{REPLACEMENT CHARACTER}[31m)" for i in range(3))
    assert said[1:] == [
        "warning: a later run is not held against what has no answer here:",
        f"  m (default): error on 4 of 10 documents: {bad}; and 1 more",
        "  m (default): skipped on 1 of 10 documents: odd (no weights)",
        "to fill it in: scripts/bench --resume 1; then: scripts/vlm-lab accept 1",
    ]


def test_what_a_candidate_is_not_judged_by_is_no_gap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline's own files are held against later ones; other documents it was not to read."""
    own = {"environment": {"replayed": "r-own"}, "reference_sha256": "r-own"}
    rows = [record("own", {"gross": "exact"}, **own)]
    not_meant = Failure("NotApplicable", "only kind: slip")
    rows += [failed("letter", status="skipped", error=not_meant)]
    write_run(tmp_path / "1", rows, MODELS)
    assert command("accept", "--output-dir", str(tmp_path)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    rows += [failed("odd", status="skipped", message="no file")]
    write_run(tmp_path / "2", rows, MODELS)
    assert command("accept", "--output-dir", str(tmp_path)) == 0
    warning = capsys.readouterr().out.splitlines()[2]
    assert warning == "  m (default): skipped on 1 of 3 documents: odd (no file)"


def test_a_dry_run_is_nothing_to_accept(tmp_path: Path) -> None:
    write(tmp_path / "1", dry_run=True)
    with pytest.raises(UserError, match="1 was a dry run"):
        command("accept", "1", "--output-dir", str(tmp_path))


@pytest.mark.parametrize(
    ("wrong", "prompt", "options", "status"),
    [(0, "p", (), 0), (10, "p", (), 1), (10, "q", (), 6), (1, "p", (), 0),
     (1, "p", ("--fail-on-lost-field",), 1), (10, "p", ("--max-drop=0.5",), 0)],
)  # fmt: skip
def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: int, prompt: str,
                 options: tuple[str, ...], status: int) -> None:  # fmt: skip
    write(tmp_path / "a")
    write(tmp_path / "b", wrong, prompt)
    assert command("compare", "a", "b", "--output-dir", str(tmp_path), *options) == status
    words = {0: "ok", 1: "regressed", 6: "not comparable"}
    assert capsys.readouterr().out.splitlines()[-1] == words[status]
