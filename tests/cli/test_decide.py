"""`vlm-lab decide`: the word, its evidence, and models.yaml with nothing else changed."""

import difflib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.case_records import record
from tests.cli.test_accept_compare import command
from tests.runs import write_run
from vlm_lab.cli.decide import format_decision
from vlm_lab.config.models_file import load_candidates
from vlm_lab.types import Decision, Model

FILE = """\
# The candidates.

defaults:
  prompts: [default]   # one is enough
decide: {require: {field_f1: 0.9}}

models:
  - name: good                    # a comment that stays
    model_id: "hub/good"
    price: {per_hour: 1.10}

    # about notes
    notes: 'asked by Ann'
  - name: bad
    model_id: hub/bad
    status: needs_more_data       # until we know

  # a comment before the last one
  - name: other
    model_id: hub/other
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(FILE)
    rows = []
    for model, share in (("good", 0), ("bad", 3)):
        for i in range(60):
            outcomes = {f"f{k}": "wrong" if k < share + (i % 3) else "exact" for k in range(40)}
            rows.append(
                record(
                    f"d{i}",
                    {**outcomes} if model == "bad" else dict.fromkeys(outcomes, "exact"),
                    model=model,
                )
            )
    rows = [
        replace(row, scores={**row.scores, "exact": 20, "wrong": 20}) if row.model == "bad" else row
        for row in rows
    ]
    models = [Model(name=name, model_id="x") for name in ("good", "bad")]
    write_run(tmp_path / "results" / "20260102T030405Z", rows, models)
    return tmp_path


def decide(folder: Path, *typed: str) -> int:
    return command(
        "decide",
        "--models-file",
        str(folder / "models.yaml"),
        "--output-dir",
        str(folder / "results"),
        *typed,
    )


def test_the_word_and_its_evidence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert decide(folder) == 0
    out = capsys.readouterr().out
    assert out.startswith("good: chosen (prompt default, invoices)\n  for:     field_f1 1.000 (")
    assert "bad: rejected" in out
    assert (folder / "models.yaml").read_text() == FILE, "only --write writes"


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 more document would"), (7, "7 more documents would")]
)
def test_how_many_documents_would_decide(count: int, said: str) -> None:
    decision = Decision(
        suite="s", model="m", prompt_id="p", verdict="needs_more_data", more_documents=count
    )
    assert [*format_decision(decision)][-1] == f"  About {said} decide."


def test_write_changes_status_and_notes_and_nothing_else(folder: Path) -> None:
    assert decide(folder, "--write") == 0
    text = (folder / "models.yaml").read_text()
    changed = [
        line for line in difflib.ndiff(FILE.splitlines(), text.splitlines()) if line[0] in "+-"
    ]
    assert all("status:" in line or "notes:" in line for line in changed), changed
    models = {model.name: model for model in load_candidates([folder / "models.yaml"]).models}
    assert {name: model.status for name, model in models.items()} == {
        "good": "chosen", "bad": "rejected", "other": "needs_more_data",
    }  # fmt: skip
    assert models["good"].notes.startswith(
        "asked by Ann [vlm-lab 20260102T030405Z, prompt default: field_f1 1.000"
    )
    assert models["other"].notes == ""
    assert "# until we know" in text


def test_writing_twice_is_writing_once(folder: Path) -> None:
    decide(folder, "--write")
    once = (folder / "models.yaml").read_text()
    decide(folder, "--write")
    assert (folder / "models.yaml").read_text() == once


def test_lists_without_indentation_stay_so(folder: Path) -> None:
    text = (
        "models:\n- name: good\n  model_id: a\n  prompts:\n  - default\n"
        "- name: bad\n  model_id: b\n"
    )
    (folder / "models.yaml").write_text(text)
    decide(folder, "--write")
    after = (folder / "models.yaml").read_text()
    assert [
        line for line in after.splitlines() if "status" not in line and "notes" not in line
    ] == text.splitlines()
    assert yaml.safe_load(after)["models"][1]["status"] == "rejected"


def test_windows_line_ends_and_a_document_mark_stay(folder: Path) -> None:
    text = b"---\r\nmodels:\r\n  - name: good\r\n    model_id: a\r\n"
    (folder / "models.yaml").write_bytes(text)
    decide(folder, "--write")
    lines = (folder / "models.yaml").read_bytes().splitlines(keepends=True)
    kept_lines = [line for line in lines if b"status" not in line and b"notes" not in line]
    assert kept_lines == text.splitlines(keepends=True)
    assert all(line.endswith(b"\r\n") for line in lines)
