"""The end of a run: what was written becomes summaries, report.json and report.md."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.analysis.aggregation import CandidateCounts, aggregate_records
from vlm_lab.analysis.comparison import collect_prompt_warnings
from vlm_lab.analysis.evidence import collect_evidence
from vlm_lab.analysis.label_errors import find_label_errors
from vlm_lab.analysis.repeatability import summarize_probes as probe_lines
from vlm_lab.analysis.rescoring import exclude_label_errors
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.config.models_file import Candidates
from vlm_lab.decision.decide import compare_for_decision, make_decisions
from vlm_lab.fields.schema import hash_schema
from vlm_lab.messages import Message
from vlm_lab.records.report_json import write_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.report.formats import write_format
from vlm_lab.report.formatting import has_run
from vlm_lab.types import CandidateKey, Case, Comparison, Document, Model, Repeatability, Suite
from vlm_lab.types.results import Conclusion

Record = Mapping[str, Any]


def finalize_run(
    folder: Path,
    run: Mapping[str, Any],
    environment: Mapping[str, Any],
    candidates: Candidates,
    plan: Sequence[Case],
    notes: Sequence[str | Message],
    probes: Sequence[Repeatability] = (),
) -> Conclusion:
    """Writes report.json, report.md and report.html into the run's folder and returns what they
    say."""
    order = [case.key for case in plan]

    def records() -> Iterator[Record]:
        return read_records(folder, order)

    concluded = replace(_analyze_records(records, candidates, plan, run), probes=tuple(probes))
    told = [*notes, *collect_prompt_warnings(concluded.summaries), *probe_lines(probes)]
    head = _build_report_head(run, environment, plan, told)
    tail = {name: getattr(concluded, name) for name in Conclusion.__slots__}
    write_report(folder / "report.json", head, records(), tail)
    for form in ("md", "html"):
        write_format(form, folder)
    return concluded


def _analyze_records(
    records: Callable[[], Iterator[Record]],
    candidates: Candidates,
    plan: Sequence[Case],
    run: Record,
) -> Conclusion:
    """Each figure is a pass over the records, none of which holds them."""
    planned: dict[CandidateKey, list[str]] = {}
    for case in plan:
        planned.setdefault(case.candidate, []).append(case.document.id)
    tallies = aggregate_records(records())
    summaries = tuple(summarize_counts(tallies, candidates.models, planned))
    if run["dry_run"]:
        return Conclusion(summaries)
    suites = {case.document.suite.name: case.document.suite for case in plan}
    doubtful = tuple(find_label_errors(records(), suites))
    spared = aggregate_records(exclude_label_errors(records(), doubtful)) if doubtful else {}
    paired = _compare_candidates(
        tallies, aggregate_records(row for row in records() if row.get("verified")), candidates
    )
    judged = [each for each in summaries if each.suite not in run["partial"] and has_run(each)]
    verified = {name: suite.verified for name, suite in suites.items()}
    seen = collect_evidence(records())
    return Conclusion(
        summaries,
        tuple(paired),
        tuple(make_decisions(judged, paired, candidates.models, candidates.rules, verified)),
        doubtful,
        tuple(summarize_counts(spared, candidates.models, planned)) if doubtful else (),
        calibrations=tuple(seen.calibrations.values()),
        machines=seen.machines,
    )


def _compare_candidates(
    tallies: Mapping[CandidateKey, CandidateCounts],
    verified: Mapping[CandidateKey, CandidateCounts],
    candidates: Candidates,
) -> list[Comparison]:
    """Between models on all documents; beside the user's present pipeline on those that a person
    has verified, because the other references are what that pipeline wrote."""
    pipelines = {model.name for model in candidates.models if model.backend == "replay"}
    found = compare_for_decision(tallies, candidates.rules)
    if not verified:
        return found
    beside = [
        each
        for each in compare_for_decision(verified, candidates.rules)
        if _get_model_names(each) & pipelines
    ]
    return [each for each in found if not _get_model_names(each) & pipelines] + beside


def _get_model_names(comparison: Comparison) -> set[str]:
    return {comparison.first[0], comparison.second[0]}


def _build_report_head(
    run: Mapping[str, Any],
    environment: Mapping[str, Any],
    plan: Sequence[Case],
    notes: Sequence[str | Message],
) -> dict[str, Any]:
    models: dict[str, Model] = {case.model.name: case.model for case in plan}
    documents: dict[tuple[str, str], Document] = {
        (c.document.suite.name, c.document.id): c.document for c in plan
    }
    suites: dict[str, Suite] = {
        document.suite.name: document.suite for document in documents.values()
    }
    prompts = {(case.document.suite.name, case.prompt_id): case.template for case in plan}
    described = [_describe_suite(suite) for suite in suites.values()]
    return {
        "run": run,
        "environment": environment,
        "suite": described[0] if len(described) == 1 else None,
        "suites": described,
        "models": list(models.values()),
        "prompts": [
            {"suite": suite, "id": prompt_id, "template": text, "sha256": _hash_text(text)}
            for (suite, prompt_id), text in prompts.items()
        ],
        "documents": [_describe_document(document) for document in documents.values()],
        "notes": list(notes),
    }


def _describe_suite(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "schema_sha256": hash_schema(suite.schema),
        "fields": list(suite.fields),
        "empty": suite.empty,
        "verified": suite.verified,
        "conventions": suite.conventions,
        "pages": {"max": suite.max_pages, "dpi": suite.dpi},
    }


def _describe_document(document: Document) -> dict[str, Any]:
    return {
        "suite": document.suite.name,
        "id": document.id,
        "name": document.name,
        "path": str(document.path),
        "tags": document.tags,
        "reference": document.reference is not None,
    }


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
