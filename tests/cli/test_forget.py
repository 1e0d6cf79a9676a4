"""`vlm-lab forget DOCUMENT`: nothing of its name or values is left in results or cache."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_joined_runs import MODELS_FILE, NEW, OLD, answers, write
from vlm_lab.cli.main import main
from vlm_lab.records.record_lines import encode_record
from vlm_lab.records.report_json import read_report, read_report_records, write_report
from vlm_lab.records.run_folder import read_heads
from vlm_lab.records.run_settings import RunSettings, write_settings
from vlm_lab.records.runs import lock_run
from vlm_lab.report.formats import write_format
from vlm_lab.suite.label_checks import LabelCheck, read_label_checks, write_label_check
from vlm_lab.suite.label_drafts import LabelDraft, write_draft
from vlm_lab.suite.label_draws import LabelDraw, read_label_frame, write_label_draws
from vlm_lab.types import Record

COUNT = 12
SECRETS = ("d7", "Scan 7 geheim.png", "EXPECTED-7-7", "SAID-7-7", "REPLY-7-7")
STRAY, RECORDED, OTHER = "a" * 64, "b" * 64, "c" * 64


def fill(each: Record, run: str) -> Record:
    """The record with values and a name of its document's own."""
    number = each.document[1:]
    fields = [
        replace(result, expected=f"EXPECTED-{number}-{number}", actual=f"SAID-{number}-{number}")
        for result in each.fields
    ]
    return replace(
        each,
        document_name=f"Scan {number} geheim.png",
        raw_response=f"REPLY-{number}-{number}",
        fields=tuple(fields),
        reply_key=RECORDED if number == "7" and run == NEW else None,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs with all that a run leaves, a cache, corrections and a baseline."""
    (tmp_path / "models.yaml").write_text(MODELS_FILE)
    corrections = tmp_path / "suite" / "corrections.json"
    corrections.parent.mkdir()
    entries = [
        {"document": name, "path": "f0", "reference": f"EXPECTED-{name[1:]}", "verdict": ""}
        for name in ("d7", "d8")
    ]
    corrections.write_text(json.dumps(entries))
    write_label_draws(corrections.parent, [LabelDraw(name, 0.5) for name in ("d7", "d8")])
    for name in ("d7", "d8"):
        write_draft(corrections.parent, LabelDraft(document=name, decided={"f0": "EXPECTED-7-7"}))
        check = LabelCheck(document=name, blind=True, kept=(), changed=(), reference_sha256="")
        write_label_check(corrections.parent, check)
    for name, model in ((OLD, "good"), (NEW, "bad")):
        rows = [fill(each, name) for each in answers(model, "wrong", COUNT)]
        about_suite = {"corrections": str(corrections), "folder": str(corrections.parent)}
        run = write(tmp_path / "results", name, rows, about_suite)
        described = [
            {**each, "name": f"Scan {each['id'][1:]} geheim.png"}
            for each in read_report(run).documents[:COUNT]
        ]
        notes = [f"warning: Scan {number} geheim.png has two pages" for number in (7, 8)]
        report = replace(read_report(run), documents=described, notes=notes)
        write_report(run / "report.json", report, rows)
        settings = RunSettings(
            started=name,
            command=("run", "-k", "d7 or d8"),
            options={"command": ["run", "-k", "d7 or d8"]},
            suites=("invoices",),
            partial=(),
            first_prompts={model: "default"},
            cases=tuple(each.key for each in rows),
        )
        write_settings(run, settings)
        for each in rows:
            path = run / model / f"{each.document}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_record(each))
        with (run / "records.jsonl").open("ab") as file:
            file.write(b'{"suite": "invoices", "document": "d7", "raw_resp')
        for form in ("html", "md", "csv", "confluence"):
            write_format(form, run)
        for file_name in ("pages/invoices--d7-1.jpg", "crops/invoices--d7-1.json"):
            path = run / "report_files" / file_name
            path.parent.mkdir(exist_ok=True)
            path.write_text("SAID-7-7")
    for key in (STRAY, RECORDED, OTHER):
        path = tmp_path / "cache/replies" / key[:2] / f"{key}.json"
        path.parent.mkdir(parents=True)
        run_folder = tmp_path / "results" / NEW
        path.write_text(json.dumps({"raw_response": "REPLY-7-7", "run": str(run_folder)}))
    other = tmp_path / "cache/replies" / "cc" / f"{OTHER}.json"
    other.write_text(json.dumps({"raw_response": "REPLY-8-8", "run": str(write_other(tmp_path))}))
    (tmp_path / "cache/checks").mkdir()
    (tmp_path / "cache/checks/x.json").write_text("EXPECTED-7-7")
    monkeypatch.chdir(tmp_path)
    assert main(["report", OLD, "--with", NEW]) == 0
    assert main(["report", OLD, NEW]) == 0
    assert main(["accept", NEW]) == 0
    return tmp_path


def write_other(folder: Path) -> Path:
    """A run elsewhere that is still there."""
    run = folder / "elsewhere" / OLD
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    return run


def find_secrets(project: Path) -> Iterator[str]:
    """Files below results and cache that tell of the document, by name or in what they say."""
    pattern = re.compile(rf"{'|'.join(SECRETS[1:])}|(?<![\w-])d7(?![\w-])")
    for top in ("results", "cache"):
        for path in (project / top).rglob("*"):
            said = path.read_text("utf-8", "replace") if path.is_file() else ""
            if pattern.search(said) or "d7" in re.split(r"\W", path.stem):
                yield str(path)


@pytest.mark.parametrize("typed", ["d7", "Scan 7 geheim.png"])
def test_nothing_of_it_stays(project: Path, capsys: pytest.CaptureFixture[str], typed: str) -> None:
    assert len([*find_secrets(project)]) > 20
    capsys.readouterr()
    assert main(["forget", typed, "--yes"]) == 0
    said = capsys.readouterr().out
    assert "deleted the document Scan 7 geheim.png, d7 of invoices: its answers in 2 runs" in said
    assert said.count("its report's figures are now without it") == 2
    assert [*find_secrets(project)] == []
    for name in (OLD, NEW):
        run = project / "results" / name
        report = read_report(run)
        assert [each.documents for each in report.summaries] == [COUNT - 1]
        assert {each.document for each in read_heads(run)} == {
            f"d{number}" for number in range(COUNT) if number != 7
        }
        assert len([*read_report_records(run)]) == COUNT - 1
        assert "warning: Scan 8 geheim.png has two pages" in report.notes
        assert (run / "report.html").exists()
        assert len([*run.glob("*/d8.json")]) == 1
    assert [entry["document"] for entry in json.loads(
        (project / "suite/corrections.json").read_text()
    )] == ["d8"]  # fmt: skip
    assert [draw.document for draw in read_label_frame(project / "suite")] == ["d8"]
    assert [check.document for check in read_label_checks(project / "suite")] == ["d8"]
    assert [path.name for path in (project / "suite").glob("*/*.draft")] == ["d8.draft"]
    baseline = json.loads((project / "results/baseline.json").read_text())
    assert len(baseline["candidates"][0]["documents"]) == COUNT - 1
    assert (project / f"cache/replies/cc/{OTHER}.json").exists()


def test_what_is_asked_about_stays_without_a_yes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [*find_secrets(project)]
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["forget", "d7"]) == 2
    assert "add --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert main(["forget", "d7"]) == 1
    with lock_run(project / "results" / NEW):
        assert main(["forget", "d7", "--yes"]) == 2
    assert "another process is writing this run" in capsys.readouterr().err
    assert [*find_secrets(project)] == before


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["d77"], "no run has a document of the id or file name 'd77'"),
        (["d7", "--suite", "receipts"], "no run has a document of the id or file name 'd7'"),
    ],
)
def test_a_document_that_is_not_there(
    project: Path, capsys: pytest.CaptureFixture[str], typed: list[str], said: str
) -> None:
    assert main(["forget", *typed, "--yes"]) == 2
    assert said in capsys.readouterr().err


def test_a_run_whose_report_cannot_be_read_keeps_nothing_either(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "results" / OLD / "report.json"
    path.write_text('{"schema_version": 1, "note": "SAID-7-7"}')
    assert main(["forget", "d7", "--yes"]) == 0
    assert f"{OLD}: its report could not be written anew and is gone" in capsys.readouterr().out
    assert [*find_secrets(project)] == []


def test_a_document_of_several_suites_is_told_by_its_suite(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipts = project / "results" / OLD
    with (receipts / "records.jsonl").open("a") as file:
        head = {"suite": "receipts", "model": "good", "prompt_id": "default", "document": "d7"}
        file.write("\n" + json.dumps(head) + "\n")
    assert main(["forget", "d7", "--yes"]) == 2
    assert "'d7' is in several suites; name one: --suite invoices" in capsys.readouterr().err
    assert main(["forget", "d7", "--suite", "invoices", "--yes"]) == 0
    assert [each.suite for each in read_heads(receipts) if each.document == "d7"] == ["receipts"]


def test_a_long_name_is_cut_where_it_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = project / "results" / OLD / "records.jsonl"
    long_name = "n" * 5000
    records.write_text(records.read_text().replace("Scan 7 geheim.png", long_name))
    capsys.readouterr()
    assert main(["forget", "d7", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "n" * 200 + "..." in said
    assert "n" * 201 not in said
    assert main(["forget", "n" * 5000, "--yes"]) == 2
    assert "n" * 201 not in capsys.readouterr().err
