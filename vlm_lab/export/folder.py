"""A candidate -> the files of the folder that is handed over, and what its README says."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.interpreter import find_site_packages, resolve_interpreter
from vlm_lab.errors import UserError
from vlm_lab.export.candidate import ExportedCandidate
from vlm_lab.export.requirements import render_requirements
from vlm_lab.export.settings import CHECKPOINT_FOLDER, EXPORTERS, TEMPLATES, build_runtime
from vlm_lab.messages import translate_messages
from vlm_lab.types import Decision

README_TEMPLATE = """\
# {model} with prompt `{prompt_id}`: {verdict}

Measured in run {run} on {documents} documents of the suite `{suite}`, against {references}.
For it: {evidence}
Against it: {against}

    python -m venv .venv && .venv/bin/python -m pip install -r requirements.txt
    .venv/bin/python read_invoice.py INVOICE.pdf

{weights} prompt.txt is the text as it was sent, schema.json what it asks for; \
settings.json has all that decides a reply.
"""


def write_export(candidate: ExportedCandidate, folder: Path) -> Path:
    """The folder. UserError where there is something in it already, or where a setting cannot be
    carried over."""
    exporter = EXPORTERS[candidate.model.backend]
    reply_settings = exporter.build_settings(
        candidate.model, candidate.record, candidate.report, candidate.suite.schema
    )
    settings = {**reply_settings, **_collect_page_settings(candidate)}
    files = {
        "prompt.txt": candidate.record.prompt or "",
        "schema.json": _format_json(candidate.suite.schema),
        "settings.json": _format_json(settings),
        "requirements.txt": _render_requirements(candidate),
        "read_invoice.py": (TEMPLATES / exporter.script).read_text("utf-8"),
        **{path.name: path.read_text("utf-8") for path in exporter.modules},
        "README.md": render_readme(candidate),
    }
    checkpoint = _find_carried_checkpoint(candidate)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; give another folder with --output")
        for name, text in files.items():
            (folder / name).write_bytes(text.encode())
        if checkpoint:
            hidden = shutil.ignore_patterns(".*")
            shutil.copytree(checkpoint, folder / CHECKPOINT_FOLDER, ignore=hidden)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); give another folder with --output"
        ) from None
    return folder


def _describe_checks(suite_entry: Mapping[str, Any]) -> str:
    """What the references were worth, said after their name."""
    if suite_entry.get("verified"):
        return "that a person has checked"
    if suite_entry.get("verified_references"):
        return "of which a person has checked some"
    return "that nobody has checked"


def render_readme(candidate: ExportedCandidate) -> str:
    """What it is, why it was taken, how to run it."""
    decision = _find_decision(candidate)
    checked_by = _describe_checks(candidate.suite_entry)
    summaries = [
        summary
        for summary in candidate.report.summaries
        if summary.candidate == candidate.candidate
    ]
    verdict, evidence = "no decision was made on it", "nothing"
    against = "the run decided nothing on this prompt"
    if decision:
        verdict = decision.verdict
        evidence = "; ".join(translate_messages(decision.reasons_for("evidence")))
        against = "; ".join(translate_messages(decision.reasons_for("against"))) or "nothing"
    return README_TEMPLATE.format(
        model=candidate.model.name,
        prompt_id=candidate.prompt_id,
        verdict=verdict,
        run=candidate.report.run["id"],
        documents=summaries[0].documents if summaries else 0,
        suite=candidate.suite.name,
        references=f"references {checked_by}",
        evidence=evidence,
        against=against,
        weights=_describe_weights(candidate),
    )


def _describe_weights(candidate: ExportedCandidate) -> str:
    """Where the script finds what answers."""
    if candidate.model.serve is not None:
        return (
            "It asks a server at base_url in settings.json; start one with the engine and the "
            "arguments that stand there under measured_with."
        )
    if EXPORTERS[candidate.model.backend].find_checkpoint is None:
        return "It asks the server that settings.json names."
    if _find_carried_checkpoint(candidate):
        return "checkpoint/ has its weights."
    return "Its weights come from the hub, at the commit in settings.json."


def _find_carried_checkpoint(candidate: ExportedCandidate) -> Path | None:
    find_checkpoint = EXPORTERS[candidate.model.backend].find_checkpoint
    return find_checkpoint(candidate.model, candidate.report) if find_checkpoint else None


def _render_requirements(candidate: ExportedCandidate) -> str:
    """Of the interpreter that the model ran in; what draws pages is of the run's own."""
    exporter, environment = EXPORTERS[candidate.model.backend], candidate.record.environment
    python = resolve_interpreter(candidate.model, build_runtime(candidate.report))
    model_paths = map(str, find_site_packages(python)) if python else ()
    run_environment = candidate.report.environment
    versions = {**run_environment.get("packages", {}), **environment}
    names = (*exporter.packages, *exporter.optional_packages)
    return render_requirements(
        exporter.packages,
        exporter.optional_packages,
        [*model_paths, *sys.path],
        {name: versions.get(name) for name in names},
        str(versions.get("python") or run_environment.get("python") or "3.11"),
    )


def _collect_page_settings(candidate: ExportedCandidate) -> dict[str, Any]:
    """How many pages of a document became images, and how finely, in this run."""
    page_limits = candidate.suite_entry.get("pages", {})
    options = candidate.report.run.get("options") or {}
    suite_limit = page_limits.get("max", candidate.suite.max_pages)
    max_pages = options.get("max_pages") or candidate.model.max_pages or suite_limit
    return {
        "pages": 1 if candidate.model.pages == "first" else max_pages,
        "page_by_page": candidate.model.pages == "each",
        "dpi": candidate.model.dpi or page_limits.get("dpi", candidate.suite.dpi),
    }


def _find_decision(candidate: ExportedCandidate) -> Decision | None:
    decisions = candidate.report.decisions
    return next(
        (decision for decision in decisions if decision.candidate == candidate.candidate), None
    )


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
