"""report.json of somebody else: what later code relies on is there, or a sentence says which key is
not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.report import made
from vlm_lab.cli.main import main
from vlm_lab.errors import UserError
from vlm_lab.records.report_json import read_report

ABSENT = object()
ODD_PARTS: list[tuple[list[str | int], Any, str]] = [
    (["run", "id"], ABSENT, "run.id: Field required"),
    (["run", "id"], 17, "run.id: Input should be a valid string"),
    (["run", "dry_run"], "no", "run.dry_run"),
    (["run", "started"], ABSENT, "run.started"),
    (["run", "command"], "run", "run.command"),
    (["run", "options"], None, "run.options"),
    (["run", "options", "max_pages"], "4", "run.options.max_pages"),
    (["run", "options", "output_dir"], "a\0b", "run.options.output_dir: Value error, holds"),
    (["run", "options", "models_files"], [5], "run.options.models_files.0"),
    (["run", "partial"], 5, "run.partial"),
    (["run", "sweeps"], [{"model": "m", "setting": "dpi"}], "run.sweeps.0.values"),
    (["run", "looks"], {"invoices": "2"}, "run.looks.invoices"),
    (["run", "holdout"], {"invoices": {}}, "run.holdout.invoices.opened"),
    (["suites"], {}, "suites"),
    (["suites", 0, "pages"], ABSENT, "suites.0.pages: Field required"),
    (["suites", 0, "pages"], {"max": 4}, "suites.0.pages.dpi: Field required"),
    (["suites", 0, "pages", "dpi"], "150", "suites.0.pages.dpi"),
    (["suites", 0, "conventions"], ABSENT, "suites.0.conventions: Field required"),
    (["suites", 0, "conventions"], [], "suites.0.conventions"),
    (["suites", 0, "conventions", "languages"], "de", "suites.0.conventions.languages"),
    (["suites", 0, "conventions", "date_order"], "ydm", "suites.0.conventions.date_order"),
    (["suites", 0, "schema_sha256"], ABSENT, "suites.0.schema_sha256"),
    (["suites", 0, "verified"], ABSENT, "suites.0.verified"),
    (["suites", 0, "verified_references"], "2", "suites.0.verified_references"),
    (["suites", 0, "fields"], [{"type": "text"}], "suites.0.fields.0.path"),
    (["suites", 0, "folder"], 5, "suites.0.folder"),
    (["prompts", 0, "sha256"], ABSENT, "prompts.0.sha256"),
    (["documents", 1, "suite"], "receipts", "documents.1.suite: 'receipts' is none of its suites"),
    (["documents", 1, "name"], ABSENT, "documents.1.name"),
    (["documents", 1, "tags"], ["de"], "documents.1.tags"),
    (["documents", 1, "path"], ["a"], "documents.1.path"),
    (["documents", 1, "decided"], 5, "documents.1.decided"),
    (["environment", "packages"], [], "environment.packages"),
    (["environment", "cpu"], 8, "environment.cpu"),
    (["summaries", 0, "suite"], "receipts", "summaries.0.suite: 'receipts' is none of its suites"),
    (["summaries", 0, "examples"], {"digit": [{}]}, "summaries.0.examples.digit.0.document"),
]


@pytest.fixture(scope="module")
def report_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return (made.write_run(tmp_path_factory.mktemp("made")) / "report.json").read_text()


def replace_part(data: Any, keys: Sequence[str | int], value: Any) -> None:
    for key in keys[:-1]:
        data = data[key]
    if value is ABSENT:
        del data[keys[-1]]
    else:
        data[keys[-1]] = value


@pytest.mark.parametrize(("keys", "value", "said"), ODD_PARTS)
def test_a_part_that_is_missing_or_of_another_type(
    tmp_path: Path, report_text: str, keys: list[str | int], value: Any, said: str
) -> None:
    data = json.loads(report_text)
    replace_part(data, keys, value)
    (tmp_path / "report.json").write_text(json.dumps(data))
    with pytest.raises(UserError) as refusal:
        read_report(tmp_path)
    sentence = str(refusal.value)
    assert sentence.startswith(f"{tmp_path}/report.json: is no report of this version ({said}")
    assert "\n" not in sentence


def test_further_keys_and_halves_of_characters_are_let_through(
    tmp_path: Path, report_text: str
) -> None:
    data = json.loads(report_text)
    data["suites"][0] |= {"colour": "red", "folder": "\ud800"}
    (tmp_path / "report.json").write_text(json.dumps(data))
    assert read_report(tmp_path).suites[0]["colour"] == "red"


@pytest.mark.parametrize("form", ["html", "md", "csv", "confluence"])
@pytest.mark.parametrize("key", ["pages", "conventions"])
def test_every_form_of_a_report_says_so(
    tmp_path: Path, report_text: str, capsys: pytest.CaptureFixture[str], form: str, key: str
) -> None:
    run = tmp_path / "20260102T030405Z"
    run.mkdir()
    (run / "records.jsonl").write_text("{}\n")
    data = json.loads(report_text)
    del data["suites"][0][key]
    (run / "report.json").write_text(json.dumps(data))
    assert main(["report", str(run), "--format", form]) == 2
    assert f"suites.0.{key}: Field required" in capsys.readouterr().err
