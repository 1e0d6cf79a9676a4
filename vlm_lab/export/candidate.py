"""A run -> the candidate that leaves this package: its model, its prompt, the suite it was measured
on, and the newest of its answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.config.models_file import allow_listed_plugins
from vlm_lab.errors import UserError
from vlm_lab.export.settings import EXPORTERS
from vlm_lab.fields.schema import hash_schema
from vlm_lab.suite import load_suite
from vlm_lab.types import ANSWERED, CandidateKey, Model, Record, Report, Suite


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

    @property
    def suite_entry(self) -> Mapping[str, Any]:
        """What report.json says of the suite."""
        return _find_suite_entry(self.report, self.suite.name)


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
    model = _find_model(report, name)
    suite = _load_measured_suite(report, name, folder)
    decided_prompt_ids = [
        decision.prompt_id
        for decision in report.decisions
        if (decision.suite, decision.model) == (suite.name, name)
    ]
    chosen_prompt_id = prompt_id or [*decided_prompt_ids, model.prompts[0]][0]
    record = _find_newest_answer(records, CandidateKey(suite.name, name, chosen_prompt_id))
    return ExportedCandidate(model, chosen_prompt_id, suite, record, report)


def _find_model(report: Report, name: str) -> Model:
    """UserError where the run has none of that name, or one that cannot leave this package."""
    models = {model.name: model for model in report.models}
    if name not in models:
        raise UserError(f"no model {name!r} in the run; it has {', '.join(models)}")
    backend = models[name].backend
    if backend not in EXPORTERS:
        raise UserError(
            f"{name}: a candidate of backend {backend!r} cannot leave this package; "
            f"{' and '.join(EXPORTERS)} can"
        )
    return models[name]


def _find_newest_answer(records: Iterable[Record], candidate: CandidateKey) -> Record:
    """UserError where there is none, or where another model had read the pages for it."""
    answered_records = [
        record
        for record in records
        if record.candidate == candidate and record.status in ANSWERED and record.prompt
    ]
    if not answered_records:
        raise UserError(
            f"{candidate.model}: the run has no answer of it with prompt {candidate.prompt_id!r}; "
            "give another with --prompt"
        )
    newest = max(answered_records, key=lambda record: record.measured_at or "")
    if newest.page_text:
        readers = ", ".join(reading.reader for reading in newest.page_text.readings)
        raise UserError(
            f"{candidate.model}: prompt {candidate.prompt_id!r} shows text that {readers} reads "
            "from the pages, and an export has no reader; name another prompt with --prompt"
        )
    return newest


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
