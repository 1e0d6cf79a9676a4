"""How many labels a rule takes, from the rule, the candidates and the documents."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.projects import RUN, echo, write_project
from tests.suites import REFERENCE, write_suite
from vlm_lab.cli.main import main

ABSENT = "  - {name: far, model_id: some/model}\n"


def plan(
    folder: Path, capsys: pytest.CaptureFixture[str], *options: str, status: int = 0
) -> list[str]:
    assert main(["plan", *options]) == status
    output = capsys.readouterr()
    return (output.out + output.err).splitlines()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rules = "decide:\n  require: {totals.gross: 0.98, max_error_rate: 0.1, field_f1: 0.5}\n"
    models = f"models:\n{echo('a')}{echo('b')}{ABSENT}{rules}"
    write_project(tmp_path, models, dict.fromkeys([f"d{n}" for n in range(23)], REFERENCE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_a_rule_takes_is_said_with_the_hours(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = plan(project, capsys)
    assert max(map(len, lines[:-1])) <= 80
    *words, last_line = [" ".join(line.split()) for line in lines]
    text = " ".join(words)
    assert last_line == f"next: {RUN} --suite invoices --dry-run"
    for said in (
        "invoices: 23 documents, 23 with a reference",
        "candidates that can run here: a (default), b (default)",
        "1 of 3 models cannot, not counted: far",
        "totals.gross: 0.98 cannot be shown with 23: 149 without an error at the least, 183 with 2"
        " candidates; 160 more to label, about 8.0 hours",
        "field_f1: 0.5 can be shown with 23: 5 without an error at the least, 6 with 2 candidates",
        "labels at 3 minutes each",
    ):
        assert said in text
    assert "max_error_rate" not in text
    longer = " ".join(plan(project, capsys, "--minutes-per-label=6"))
    assert "about 16.0 hours" in " ".join(longer.split())
    command = shlex.split(last_line.removeprefix("next: "))
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0
    assert "it would take 183 for 2 candidates" in done.stdout


def test_suites_are_chosen_by_name_and_only_labelled_documents_count(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_suite(project / "benchmarks" / "till", {"r1": REFERENCE, "r2": REFERENCE})
    (folder / "references" / "r2.json").unlink()
    lines = plan(project, capsys, "--suite", "till")
    assert lines[0] == "till: 2 documents, 1 with a reference"
    assert not any(line.startswith("invoices") for line in lines)
    assert any("cannot be shown with 1:" in line for line in lines)
    (line,) = plan(project, capsys, "--suite", "tlil", status=2)
    assert line == "vlm-lab plan: no suite tlil in benchmarks; did you mean 'till'?"
    (line,) = plan(project, capsys, "--minutes-per-label=0", status=2)
    assert line.endswith("--minutes-per-label: must be above 0 (got 0)")


def test_no_number_of_documents_shows_a_rule_of_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "models.yaml").write_text(
        f"models:\n{echo('a')}decide:\n  require: {{field_f1: 1}}\n"
    )
    text = " ".join(" ".join(plan(project, capsys)).split())
    assert "field_f1: 1 cannot be shown with any number: leave it below 1" in text
