"""`vlm-lab decide A B` and `vlm-lab report A --with B`: candidates of several runs as one, where
the runs are over the same documents."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.case_records import failed, record
from tests.report import made
from vlm_lab.cli.main import main
from vlm_lab.config.models_file import load_candidates
from vlm_lab.decision.run_decisions import decide_run
from vlm_lab.records.joined_runs import join_runs
from vlm_lab.records.record_lines import encode_record
from vlm_lab.records.report_json import read_report, read_report_records, write_report
from vlm_lab.run.run_analysis import analyze_run
from vlm_lab.types import CandidateKey, Model, Record, Report, Rules

OLD, NEW = "20260101T000000Z", "20260102T000000Z"
COUNT = 60
MODELS_FILE = """\
decide: {require: {field_f1: 0.9}}
models:
  - {name: good, model_id: hub/good}
  - {name: bad, model_id: hub/bad}
"""
Change = Callable[[Record], Record]


def answers(model: str, outcome: str, count: int = COUNT, **other: Any) -> list[Record]:
    """A candidate that has every field of every document so."""
    fields = {f"f{number}": outcome for number in range(20)}
    return [
        record(f"d{number}", fields, model=model, scoring_sha256=f"s-{number}", **other)
        for number in range(count)
    ]


def write(
    results: Path,
    name: str,
    records: Sequence[Record],
    suite: dict[str, Any] | None = None,
    models: Iterable[Model] = (),
    **facts: Any,
) -> Path:
    """A finished run in `results`; `facts` are of the run itself."""
    folder = results / name
    folder.mkdir(parents=True)
    plan = made.plan(folder)
    described_suite = {**plan["suites"][0], "verified": True, **(suite or {})}
    document = {**plan["documents"][0], "suite": described_suite["name"], "tags": {}}
    documents = [{**document, "id": f"d{number}"} for number in range(COUNT)]
    run = {**plan["run"], "id": name, "started": name, "partial": [], **facts}
    names = dict.fromkeys(each.model for each in records)
    report = Report(
        **{
            **plan,
            "run": run,
            "documents": documents,
            "suites": [described_suite],
            "notes": [],
        },
        models=[*models] or [Model(name=each, model_id=f"hub/{each}") for each in names],
        summaries=(),
    )
    cases = [each.key for each in records]
    report = analyze_run(report, lambda: iter(records), cases, Rules(require={"field_f1": 0.9}))
    write_report(folder / "report.json", report, records)
    lines = b"".join(encode_record(each) + b"\n" for each in records)
    (folder / "records.jsonl").write_bytes(lines)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(MODELS_FILE)
    return tmp_path / "results"


def run_command(results: Path, name: str, *typed: str) -> int:
    models_file = str(results.parent / "models.yaml")
    return main([name, *typed, "--output-dir", str(results), "--models-file", models_file])


def test_two_runs_decide_as_one_run_of_all_would(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = answers("good", "exact"), answers("bad", "wrong")
    old, new = write(results, OLD, good), write(results, NEW, bad)
    both = write(results, "20260103T000000Z", [*good, *bad])
    assert run_command(results, "decide", OLD, NEW) == 0
    joined_lines = capsys.readouterr().out.splitlines()
    assert joined_lines[0] == f"This report joins the runs {OLD}, {NEW}."
    assert run_command(results, "decide", both.name) == 0
    assert joined_lines[1:] == capsys.readouterr().out.splitlines()
    rules = load_candidates([results.parent / "models.yaml"]).rules
    joined = join_runs([new, old])
    report = analyze_run(joined.report, joined.read_records, joined.cases, rules)
    whole = decide_run(read_report(both), read_report_records(both), rules)
    assert (tuple(whole[0]), tuple(whole[1])) == (report.comparisons, report.decisions)
    assert [each.documents for each in report.summaries] == [COUNT, COUNT]


def change_one(records: Sequence[Record], change: Change) -> list[Record]:
    return [change(each) if each.document == "d7" else each for each in records]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"document_sha256": "other"}, "another file in the runs"),
        ({"reference_sha256": None}, "another reference in the runs"),
        ({"scoring_sha256": "other"}, "a correction or a rule of suite.yaml is another"),
    ],
)
def test_a_document_that_differs_is_named_and_there_is_no_word(
    results: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], why: str
) -> None:
    write(results, OLD, answers("good", "exact"))
    new = change_one(answers("bad", "wrong"), lambda each: replace(each, **change))
    write(results, NEW, new)
    assert run_command(results, "decide", OLD, NEW) == 2
    said = capsys.readouterr().err
    assert f"Suite invoices: 1 document left out, so there is no word ({why}" in said
    assert "): d7\n" in said
    assert "no word about a suite of which the runs did not ask the same documents" in said
    assert run_command(results, "report", OLD, "--with", NEW) == 0
    assert f"1 document left out, so there is no word ({why}" in capsys.readouterr().out
    (folder,) = (results / NEW).glob("joined-*")
    report = read_report(folder)
    assert [each.documents for each in report.summaries] == [COUNT - 1] * 2
    assert report.run["partial"] == ["invoices"]
    assert not report.decisions
    assert report.comparisons[0].difference.n == COUNT - 1
    assert "d7" not in {each["id"] for each in report.documents}
    page = (folder / "report.html").read_text()
    assert "the joined runs asked other documents" in page
    assert f"Run {OLD} + {NEW}" in page


def test_a_document_of_one_run_alone_is_left_out(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(results, OLD, answers("good", "exact"))
    write(results, NEW, answers("bad", "wrong", COUNT - 12))
    assert run_command(results, "decide", OLD, NEW) == 2
    said = capsys.readouterr().err
    named = ", ".join(f"d{number}" for number in range(COUNT - 12, COUNT - 2))
    assert f"12 documents left out, so there is no word (not every run asked it): {named}" in said
    assert "2 more" in said


@pytest.mark.parametrize(
    ("suite", "facts", "said"),
    [
        ({"schema_sha256": "1"}, {}, "the suite invoices has another schema in the second"),
        ({"empty": "absent"}, {}, "has another rule for empty values"),
        ({"cluster": "supplier"}, {}, "has another cluster"),
        ({}, {"options": {"max_pages": 1}}, "has another limit of pages or dpi"),
        ({}, {"dry_run": True}, f"{NEW} was a dry run"),
        ({"name": "receipts"}, {}, "have no suite in common"),
    ],
)
def test_runs_under_other_rules_are_refused_in_one_line(
    results: Path,
    capsys: pytest.CaptureFixture[str],
    suite: dict[str, Any],
    facts: dict[str, Any],
    said: str,
) -> None:
    write(results, OLD, answers("good", "exact"))
    rows = answers("bad", "wrong", suite=suite.get("name", "invoices"))
    write(results, NEW, rows, suite, **facts)
    for typed in (["decide", OLD, NEW], ["report", OLD, "--with", NEW]):
        assert run_command(results, *typed) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


def test_runs_without_a_document_in_common_are_refused(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(results, OLD, answers("good", "exact"))
    rows = [replace(each, scoring_sha256="other") for each in answers("bad", "wrong")]
    write(results, NEW, rows)
    assert run_command(results, "decide", OLD, NEW) == 2
    said = capsys.readouterr().err
    assert "no document of the suite invoices has the same file, reference and scoring" in said
    assert run_command(results, "decide", OLD, OLD) == 2
    assert "a run is named twice" in capsys.readouterr().err


@pytest.mark.parametrize("is_asked", [True, False], ids=["asked again", "skipped in the newest"])
def test_of_a_candidate_in_both_the_newest_answers_count(
    results: Path, capsys: pytest.CaptureFixture[str], is_asked: bool
) -> None:
    old = write(results, OLD, [*answers("good", "wrong"), *answers("bad", "wrong")])
    again = answers("good", "exact") if is_asked else [
        failed(f"d{number}", "skipped", "no weights", model="good", scoring_sha256=f"s-{number}")
        for number in range(COUNT)
    ]  # fmt: skip
    new = write(results, NEW, again)
    assert run_command(results, "decide", OLD, NEW) == 0
    said = capsys.readouterr().out
    note = f"In several of the runs: good (default); the answers of {NEW} count."
    assert (note in said) is is_asked
    assert ("good: chosen" in said) is is_asked
    joined = join_runs([old, new])
    folders = {CandidateKey(*key[:3]).model: folder for key, folder in joined.cases.items()}
    assert folders == {"good": new if is_asked else old, "bad": old}


def test_of_what_decides_about_a_word_the_most_cautious_counts(results: Path) -> None:
    opened = {"documents": 60, "opened": ["2026-01-01"]}
    twice = {"documents": 60, "opened": ["2026-01-01", "2026-01-02"]}
    tuned = {"documents": 60, "opened": []}
    old = write(results, OLD, answers("good", "exact"), looks={"invoices": 3},
                holdout={"invoices": twice, "letters": tuned})  # fmt: skip
    new = write(results, NEW, answers("bad", "wrong"), {"verified": False}, looks={"invoices": 1},
                holdout={"invoices": opened, "letters": opened}, partial=["letters"])  # fmt: skip
    report = join_runs([new, old]).report
    assert report.run["looks"] == {"invoices": 3}
    assert report.run["holdout"] == {"invoices": twice, "letters": tuned}
    assert report.tuned_suites == ["letters"]
    assert report.run["partial"] == ["letters"]
    assert [suite["verified"] for suite in report.suites] == [False]


def test_what_else_differs_is_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(results, OLD, answers("good", "exact"))
    changed = Model(name="good", model_id="hub/good", revision="v2")
    rows = answers("good", "exact", prompt_id="terse")
    folder = write(results, NEW, rows, models=[changed])
    report = read_report(folder)
    prompts = [{**report.prompts[0], "sha256": "1"}]
    machine = {**report.environment, "cpu": "another"}
    report = replace(report, prompts=prompts, environment=machine)
    write_report(folder / "report.json", report, rows)
    assert run_command(results, "decide", OLD, NEW) == 0
    said = capsys.readouterr().out
    assert "Prompts of one name and another text in the runs: invoices/default" in said
    assert "Models with other settings in the runs: good" in said
    assert "their seconds do not compare" in said


def test_every_form_of_the_joined_report(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(results, OLD, answers("good", "exact"))
    write(results, NEW, answers("bad", "wrong"))
    before = (results / NEW / "report.json").read_bytes()
    for form, said in (("md", "Прогон"), ("csv", "")):
        typed = ["report", OLD, "--with", NEW, "--format", form, "--lang", "ru"]
        assert run_command(results, *typed) == 0
        place = Path(capsys.readouterr().out.strip())
        assert place.exists()
        assert not said or f"{OLD} + {NEW}" in place.read_text()
    assert run_command(results, "report", NEW, "--with", OLD, "--no-values") == 0
    assert "no-values/report.html" in capsys.readouterr().out
    assert (results / NEW / "report.json").read_bytes() == before
    assert run_command(results, "report", OLD, NEW, "--with", OLD) == 2
    assert "join others with --with alone" in capsys.readouterr().err


def test_write_notes_all_runs(results: Path) -> None:
    write(results, OLD, answers("good", "exact"))
    write(results, NEW, answers("bad", "wrong"))
    assert run_command(results, "decide", OLD, NEW, "--write") == 0
    models = {each.name: each for each in load_candidates([results.parent / "models.yaml"]).models}
    assert models["good"].status == "chosen"
    assert f"[vlm-lab {OLD} + {NEW}, prompt default" in models["good"].notes
