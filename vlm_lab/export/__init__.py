"""A candidate of a run -> a folder that needs nothing of ours and reads invoices as measured.

prompt.txt  schema.json  settings.json  requirements.txt  read_invoice.py  README.md
pages.py images_only.py   modules of this package, copied as they stand
checkpoint/               the weights, where the hub does not have them

vlm-lab export last --model qwen2-vl-2b
"""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.interpreter import find_site_packages, resolve_interpreter
from vlm_lab.config.models_file import allow_listed_plugins
from vlm_lab.errors import UserError
from vlm_lab.export.requirements import render_requirements
from vlm_lab.export.settings import CHECKPOINT_FOLDER, EXPORTERS, TEMPLATES, build_runtime
from vlm_lab.fields.schema import hash_schema
from vlm_lab.messages import translate_messages
from vlm_lab.suite import load_suite
from vlm_lab.types import ANSWERED, CandidateKey, Decision, Model, Record, Report, Suite

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


@dataclass(frozen=True, slots=True)
class ExportedCandidate:
    """A candidate of a run, with the suite it was measured on and the newest of its answers."""

    model: Model
    prompt_id: str
    suite: Suite
    record: Record
    report: Report

    @property
    def candidate(self) -> CandidateKey:
        return CandidateKey(self.suite.name, self.model.name, self.prompt_id)


def find_candidate(
    report: Report,
    records: Iterable[Record],
    name: str,
    prompt_id: str | None = None,
    folder: Path | None = None,
) -> ExportedCandidate:
    """The candidate `name` of a run. Its prompt is the one that was decided on where none is given,
    its suite the only one it was asked on, or the one in `folder`. UserError where it was not
    measured or the suite has changed since."""
    models = {model.name: model for model in report.models}
    if name not in models:
        raise UserError(f"no model {name!r} in the run; it has {', '.join(models)}")
    model = models[name]
    if model.backend not in EXPORTERS:
        raise UserError(
            f"{name}: a candidate of backend {model.backend!r} cannot leave this package; "
            f"{' and '.join(EXPORTERS)} can"
        )
    suite = _load_measured_suite(report, name, folder)
    decided_prompt_ids = [
        decision.prompt_id
        for decision in report.decisions
        if (decision.suite, decision.model) == (suite.name, name)
    ]
    chosen_prompt_id = prompt_id or [*decided_prompt_ids, model.prompts[0]][0]
    candidate_key = CandidateKey(suite.name, name, chosen_prompt_id)
    answered_records = [
        record
        for record in records
        if record.candidate == candidate_key and record.status in ANSWERED and record.prompt
    ]
    if not answered_records:
        raise UserError(
            f"{name}: the run has no answer of it with prompt {chosen_prompt_id!r}; "
            "give another with --prompt"
        )
    newest = max(answered_records, key=lambda record: record.measured_at or "")
    if newest.page_text:
        readers = ", ".join(reading.reader for reading in newest.page_text.readings)
        raise UserError(
            f"{name}: prompt {chosen_prompt_id!r} shows text that {readers} reads from the pages, "
            "and an export has no reader; name another prompt with --prompt"
        )
    return ExportedCandidate(model, chosen_prompt_id, suite, newest, report)


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
    checked_by = _describe_checks(_find_suite_entry(candidate.report, candidate.suite.name))
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


def _load_measured_suite(report: Report, name: str, folder: Path | None) -> Suite:
    """The suite, read again from its folder: a run keeps no more of its schema than a hash."""
    measured_suites = dict.fromkeys(
        summary.suite for summary in report.summaries if summary.model == name
    )
    suite_name = folder.resolve().name if folder else next(iter(measured_suites), "")
    if suite_name not in measured_suites or (folder is None and len(measured_suites) > 1):
        raise UserError(
            f"{name} was measured on {', '.join(measured_suites) or 'nothing'}; "
            "say which suite with --suite=FOLDER"
        )
    options = report.run.get("options") or {}
    suite_folder = (
        folder
        or _make_path(options.get("suite"))
        or Path(options.get("project") or ".") / "benchmarks" / suite_name
    )
    # What a run says of itself decides no more than a schema which code runs.
    allow_listed_plugins([Path("models.yaml")])
    suite = load_suite(suite_folder, schema=_make_path(options.get("schema")))
    measured_sha256 = _find_suite_entry(report, suite_name).get("schema_sha256")
    if hash_schema(suite.schema) != measured_sha256:
        raise UserError(
            f"{suite_folder}: its schema is not the one that the run measured; "
            "restore it, or measure again"
        )
    return suite


def _find_suite_entry(report: Report, name: str) -> Mapping[str, Any]:
    """What report.json says of a suite; {} where it has none of that name."""
    return next((entry for entry in report.suites if entry["name"] == name), {})


def _make_path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _collect_page_settings(candidate: ExportedCandidate) -> dict[str, Any]:
    """How many pages of a document became images, and how finely, in this run."""
    page_limits = _find_suite_entry(candidate.report, candidate.suite.name).get("pages", {})
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
