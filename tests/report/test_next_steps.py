"""pytest tests/report/test_next_steps.py: what is to be done next, and the command that does it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.case_records import failed
from tests.report.candidates import answer, decide, make_report, summarize
from vlm_lab.commands import format_resume_command
from vlm_lab.messages import Message, in_english
from vlm_lab.report.next_steps import find_file_step, find_next_steps
from vlm_lab.report.terminal import format_resume_lines
from vlm_lab.types import Decision, Failure, Record


@pytest.mark.parametrize(
    ("decision", "kinds", "commands"),
    [
        (
            decide("perfect", "chosen"),
            ["hand_over", "accept_run"],
            ["export 20260102T030405Z --model perfect --prompt default", "accept 20260102T030405Z"],
        ),
        (decide("perfect", "rejected"), ["see_errors"], ["report 20260102T030405Z --format html"]),
        (decide("perfect", "needs_more_data", more_documents=40), ["label_more"], ["-k perfect"]),
        (decide("perfect", "needs_more_data"), [], []),
        (decide("today", "chosen"), [], []),
    ],
)
def test_each_verdict_has_its_next_step(
    decision: Decision, kinds: list[str], commands: list[str]
) -> None:
    (summary,) = summarize([answer("a", "exact", decision.model)])
    verified = [{"name": "invoices", "verified": True}]
    steps = find_next_steps(make_report([summary], decisions=[decision], suites=verified), summary)
    assert [step.message.kind for step in steps] == kinds
    assert all(
        step.command.endswith(command) for step, command in zip(steps, commands, strict=True)
    )


def test_documents_without_a_reference_are_labelled_before_others_are_sought() -> None:
    decision = decide("perfect", "needs_more_data", more_documents=40)
    (summary,) = summarize([answer("a", "exact", "perfect")])
    verified = [{"name": "invoices", "verified": True}]
    about = {"suite": "invoices", "name": "", "path": "", "tags": {}}
    documents = [{**about, "id": each, "reference": each == "a"} for each in "abc"]
    report = make_report([summary], decisions=[decision], suites=verified, documents=documents)
    first, second = find_next_steps(report, summary)
    assert first.message == Message("label_drawn", {"n": 2})
    assert first.command.endswith("label 20260102T030405Z --suite invoices --serve")
    assert second.message.kind == "label_more"


def test_cells_without_an_answer_come_first() -> None:
    rows = [answer("a", "exact"), failed("b", model="perfect"), failed("c", "skipped")]
    rows[2] = replace(rows[2], model="perfect")
    (summary,) = summarize(rows)
    steps = find_next_steps(make_report([summary]), summary)
    assert [step.message.kind for step in steps] == ["finish_run", "see_skips", "check_references"]
    assert steps[0].command.endswith("--resume 20260102T030405Z")
    assert steps[1].command.endswith("vlm-lab weights")


@pytest.mark.parametrize(
    ("folder", "named"),
    [("/house/results", "20260102T030405Z"), ("/far/runs", "/far/runs/20260102T030405Z")],
)
def test_a_step_names_a_run_as_it_can_be_found(folder: str, named: str) -> None:
    """And resumes it as it was begun."""
    options = {"project": "/house", "output_dir": folder}
    command = ["--sample", "3", f"--output-dir={folder}"]
    run_id = "20260102T030405Z"
    run = {"id": run_id, "dry_run": False, "options": options, "command": command}
    (summary,) = summarize([failed("b", model="perfect")])
    resume = find_next_steps(make_report([summary], run=run), summary)[0]
    assert resume.command == format_resume_command(command, Path("/house"), Path(folder, run_id))
    assert resume.command.endswith(f"--sample 3 --output-dir={folder} --resume {named}")
    (summary,) = summarize([answer("a", "exact")])
    chosen = make_report([summary], run=run, decisions=[decide("perfect", "chosen")])
    commands = [step.command for step in find_next_steps(chosen, summary)]
    assert [command for command in commands if command.endswith(f"accept {named}")]


def test_a_step_names_what_brings_its_answers_and_its_candidates() -> None:
    """Recorded answers have no weights; a candidate of another file is found in that file alone."""
    (summary,) = summarize([failed("a", "skipped", model="today")])
    (skips, _) = find_next_steps(make_report([summary]), summary)
    assert (skips.message.kind, skips.command) == ("see_skips", "")
    (summary,) = summarize([answer("a", "exact")])
    decision = decide("perfect", "needs_more_data", more_documents=40)
    files = ["/house/models.yaml", "/house/more models.yaml"]
    options = {"project": "/house", "models_files": files}
    run = {"id": "1", "dry_run": False, "partial": [], "options": options}
    report = make_report([summary], decisions=[decision], run=run)
    command = find_next_steps(report, summary)[-1].command
    expected = "--suite=invoices '--models-file=/house/more models.yaml' -k perfect"
    assert command.endswith(f" {expected}")


def fail(status: str, kind: str, **figures: str) -> Record:
    """A cell without an answer, and why."""
    failure = Failure(type="", message="", reason=Message(kind, figures))
    document = figures.get("name", "other.pdf").partition(".")[0]
    return failed(document, status, model="perfect", error=failure)


BROKEN = fail("error", "pdf_broken", name="a.pdf", said="no trailer")
LATE = fail("error", "no_reply_within", seconds="60")


@pytest.mark.parametrize(
    ("rows", "expected", "closing"),
    [
        (
            [BROKEN],
            ["replace a.pdf and go on with the run, or leave it out and start another: 1 document"],
            ["replace a.pdf and go on with the run, or leave it out"],
        ),
        ([fail("error", "file_too_large", name="a.pdf")], ["replace a.pdf"], ["replace a.pdf"]),
        ([fail("error", "pdf_empty", name="a.pdf")], ["replace a.pdf"], ["replace a.pdf"]),
        ([fail("error", "page_too_late", name="a.pdf")], ["replace a.pdf"], ["replace a.pdf"]),
        ([fail("skipped", "pdf_locked", name="a.pdf")], ["replace a.pdf"], ["replace a.pdf"]),
        ([fail("error", "page_interrupted", name="a.pdf")], ["go on with the"], ["go on with: "]),
        ([fail("error", "prompt_broken")], ["correct the prompt default"], ["go on with: "]),
        ([LATE], ["go on with the run: 1 document has no answer"], ["go on with: "]),
        ([fail("error", "process_died")], ["go on with the run: 1 document"], ["go on with: "]),
        ([fail("skipped", "no_weights")], ["see what it lacks: 1 document was skipped"], []),
        ([fail("skipped", "picture_heic", name="a.heic")], ["see what it lacks"], []),
        (
            [BROKEN, fail("skipped", "pdf_locked", name="b.pdf"), LATE],
            [
                "replace a.pdf, b.pdf and go on with the run, or leave them out and start another:"
                " 2 documents cannot be read",
                "go on with the run: 1 document has no answer",
            ],
            ["replace a.pdf, b.pdf", "go on with: "],
        ),
    ],
)
def test_a_step_is_about_what_keeps_cells_from_an_answer(
    rows: list[Record], expected: list[str], closing: list[str]
) -> None:
    """A file, a prompt, a model or the machine: --resume alone brings no answer of a broken
    file."""
    (summary,) = summarize(rows)
    report = make_report([summary])
    (*steps, references) = find_next_steps(report, summary)
    assert references.message.kind == "check_references"
    lines = [in_english(step.message) for step in steps]
    assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected
    assert all("--resume" in step.command or "weights" in step.command for step in steps)
    lines = format_resume_lines(report, "COMMAND")
    assert [line[: len(start)] for line, start in zip(lines, closing, strict=True)] == closing
    assert all(line.endswith(": COMMAND") for line in lines)


def test_a_file_that_no_candidate_reads_is_one_file() -> None:
    rows = [BROKEN, replace(BROKEN, model="cheap")]
    step = find_file_step(make_report(summarize(rows)), summarize(rows))
    assert step is not None
    assert step.message == Message("replace_files", {"n": 1, "names": "a.pdf"})
