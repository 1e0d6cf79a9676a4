"""A candidate -> what is to be done next about it, the most urgent first, and the command that
does it.

A command names the run as it can be found: by its id in results/, else by its folder.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vlm_lab.commands import (
    format_command,
    format_resume_command,
    format_run_argument,
    format_run_command,
)
from vlm_lab.failure_messages import DOCUMENT_MESSAGES, PROMPT_MESSAGES
from vlm_lab.messages import Message, list_first_names
from vlm_lab.report.plain_words import find_incumbents
from vlm_lab.types import Decision, Report, Summary

UNFINISHED = ("error", "not_run")  # statuses of cells that a run that is gone on with asks again


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do; `command` is "" where no command does it."""

    message: Message
    command: str = ""


def find_next_steps(report: Report, summary: Summary) -> list[NextStep]:
    """The steps that one candidate waits for; the present pipeline waits for none of its own."""
    steps = [*_find_run_steps(report, summary), *_find_reference_steps(report, summary.suite)]
    decision = next(
        (each for each in report.decisions if each.candidate == summary.candidate), None
    )
    if decision and summary.model not in find_incumbents(report):
        steps += _find_decision_steps(report, decision)
    return steps


def find_suite_steps(report: Report, suite: str) -> list[NextStep]:
    """What is to be done before anything can be believed of any candidate."""
    return list(_find_reference_steps(report, suite))


def _find_run_steps(report: Report, summary: Summary) -> Iterator[NextStep]:
    """Cells that have no answer. What must be corrected before they can have one comes first: going
    on with the run does not help before."""
    file_step = find_file_step(report, [summary])
    if file_step:
        yield file_step
    refused_count = len(_find_reasons(summary, PROMPT_MESSAGES))
    if refused_count:
        figures = {"prompt": summary.prompt_id, "n": refused_count}
        yield NextStep(Message("correct_prompt", figures), build_resume_command(report))
    unfinished_count = count_unfinished(summary) - refused_count
    if unfinished_count:
        yield NextStep(Message("finish_run", {"n": unfinished_count}), build_resume_command(report))
    skipped_count = summary.statuses.get("skipped", 0)
    skipped_count -= len(_find_reasons(summary, DOCUMENT_MESSAGES, ["skipped"]))
    if skipped_count:
        backends = {model.backend for model in report.models if model.name == summary.model}
        command = format_command("weights") if "transformers" in backends else ""
        yield NextStep(Message("see_skips", {"n": skipped_count}), command)


def find_file_step(report: Report, summaries: Iterable[Summary]) -> NextStep | None:
    """What to do about files that cannot become pages, for whichever model; None where there are
    none."""
    names_by_document: dict[tuple[str, str], str] = {}
    for summary in summaries:
        for document, reason in _find_reasons(summary, DOCUMENT_MESSAGES).items():
            name = reason.figures.get("name", document)
            names_by_document[summary.suite, document] = str(name)
    if not names_by_document:
        return None
    names = list_first_names([*names_by_document.values()])
    message = Message("replace_files", {"n": len(names_by_document), "names": names})
    return NextStep(message, build_resume_command(report))


def count_unfinished(summary: Summary) -> int:
    """Cells that were not asked, or failed by no fault of their document."""
    failed_count = sum(summary.statuses.get(status, 0) for status in UNFINISHED)
    return failed_count - len(_find_reasons(summary, DOCUMENT_MESSAGES, UNFINISHED))


def _find_reasons(
    summary: Summary, kinds: Container[str], statuses: Container[str] = (*UNFINISHED, "skipped")
) -> dict[str, Message]:
    """Why documents have no answer, where it is one of these messages."""
    return {
        document: reason
        for document, (status, reason) in summary.unanswered.items()
        if status in statuses and isinstance(reason, Message) and reason.kind in kinds
    }


def _find_reference_steps(report: Report, suite: str) -> Iterator[NextStep]:
    """References that nobody has looked at: they decide what is right."""
    doubtful = sum(label_error.suite == suite for label_error in report.suspects)
    if doubtful:
        command = format_command("corrections", find_run_argument(report))
        yield NextStep(Message("check_doubtful", {"n": doubtful}), command)
    elif not all(each["verified"] for each in report.suites if each["name"] == suite):
        yield NextStep(Message("check_references"))


def _find_decision_steps(report: Report, decision: Decision) -> Iterator[NextStep]:
    run = find_run_argument(report)
    if decision.verdict == "chosen":
        names = ["--model", decision.model, "--prompt", decision.prompt_id]
        yield NextStep(Message("hand_over"), format_command("export", run, *names))
        yield NextStep(Message("accept_run"), format_command("accept", run))
    elif decision.more_documents and decision.labels_drawn:
        message = Message("draw_more", {"n": decision.more_documents})
        command = format_command("label", run, "--suite", decision.suite, "--serve")
        yield NextStep(message, command)
    elif decision.more_documents:
        unlabelled_count = sum(
            document["suite"] == decision.suite and document.get("reference") is False
            for document in report.documents
        )
        if unlabelled_count:
            command = format_command("label", run, "--suite", decision.suite, "--serve")
            yield NextStep(Message("label_drawn", {"n": unlabelled_count}), command)
        options = _list_run_options(report, decision)
        command = format_run_command(*options, "-k", decision.model)
        yield NextStep(Message("label_more", {"n": decision.more_documents}), command)
    elif decision.verdict == "rejected":
        command = format_command("report", run, "--format", "html")
        yield NextStep(Message("see_errors"), command)


def build_resume_command(report: Report) -> str:
    """What was typed, with the run to go on with; of joined runs, nobody typed anything."""
    options = report.run.get("options", {})
    if "joined" in report.run or not {"project", "output_dir"} <= options.keys():
        return format_run_command("--resume", find_run_argument(report))
    run = Path(options["output_dir"], report.run["id"])
    return format_resume_command(report.run["command"], Path(options["project"]), run)


def find_run_argument(report: Report) -> str:
    """How a command is told which run is meant."""
    options = report.run.get("options", {})
    run = Path(options.get("output_dir", ""), report.run["id"])
    return format_run_argument(run, Path(options.get("project", run.parent.parent)))


def _list_run_options(report: Report, decision: Decision) -> Iterator[str]:
    """What a run like this one is to be typed with, so that it finds the candidate and asks it
    about this suite alone."""
    yield f"--suite={decision.suite}"
    options = report.run.get("options", {})
    for sweep in report.run.get("sweeps") or ():
        if decision.model in sweep["values"]:
            yield f"--sweep={sweep['setting']}={','.join(map(str, sweep['values'].values()))}"
    default_file = Path(options.get("project", ""), "models.yaml")
    for models_file in options.get("models_files", ()):
        if Path(models_file) != default_file:
            yield f"--models-file={models_file}"
