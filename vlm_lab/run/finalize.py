"""A run's records and plan -> its Report: report.json, report.md and report.html."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.analysis.aggregation import aggregate_records
from vlm_lab.analysis.cluster_warnings import find_cluster_warnings
from vlm_lab.analysis.comparison import collect_prompt_warnings
from vlm_lab.analysis.evidence import collect_evidence
from vlm_lab.analysis.expected_cost import estimate_expected_costs
from vlm_lab.analysis.label_errors import find_label_errors
from vlm_lab.analysis.repeatability import summarize_probes
from vlm_lab.analysis.rescoring import exclude_label_errors
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.config.models_file import Candidates
from vlm_lab.decision.run_decisions import decide_counts, find_clusters
from vlm_lab.fields.schema import hash_schema
from vlm_lab.messages import Message
from vlm_lab.records.report_json import write_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.report.formats import write_format
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.corrections import CORRECTIONS_FILE
from vlm_lab.types import (
    CandidateKey,
    Case,
    Document,
    GateOutcome,
    LabelError,
    Record,
    Repeatability,
    Report,
    Suite,
    Summary,
)

MAX_NOTES = 100  # documents that a report has a note on


def finalize_run(
    folder: Path,
    run: Mapping[str, Any],
    environment: Mapping[str, Any],
    candidates: Candidates,
    cases: Sequence[Case],
    notes: Sequence[str | Message],
    probes: Sequence[Repeatability] = (),
    check_gate: Callable[[Report], GateOutcome | None] = lambda _: None,
) -> Report:
    """Writes report.json, report.md and report.html into the run's folder and returns what they
    say, how it compares with a baseline (`check_gate`) included."""
    order = [case.key for case in cases]

    def read_run_records() -> Iterator[Record]:
        return read_records(folder, order)

    report = _describe_plan(run, environment, cases)
    report = _analyze_records(report, read_run_records, candidates, cases)
    all_notes = [
        *notes,
        *_collect_notes(read_run_records()),
        *collect_prompt_warnings(report.summaries),
        *_list_repeated_openings(report),
        *report.notes,
        *summarize_probes(probes),
    ]
    report = replace(report, notes=all_notes, probes=tuple(probes), gate=check_gate(report))
    write_report(folder / "report.json", report, read_run_records())
    for format_name in ("md", "html"):
        write_format(format_name, folder)
    return report


def _describe_plan(
    run: Mapping[str, Any], environment: Mapping[str, Any], cases: Sequence[Case]
) -> Report:
    """What is known of a run before its records are read."""
    models = {case.model.name: case.model for case in cases}
    documents = {(case.document.suite.name, case.document.id): case.document for case in cases}
    suites = {document.suite.name: document.suite for document in documents.values()}
    templates = {(case.document.suite.name, case.prompt_id): case.template for case in cases}
    prompts = [
        {"suite": suite, "id": prompt_id, "template": template, "sha256": _hash_text(template)}
        for (suite, prompt_id), template in templates.items()
    ]
    return Report(
        run=run,
        environment=environment,
        suites=[_describe_suite(suite, documents.values()) for suite in suites.values()],
        models=list(models.values()),
        prompts=prompts,
        documents=[_describe_document(document) for document in documents.values()],
        summaries=(),
    )


def _analyze_records(
    report: Report,
    read_run_records: Callable[[], Iterator[Record]],
    candidates: Candidates,
    cases: Sequence[Case],
) -> Report:
    """The report with what the records come to. Each figure is a pass over them, none of which
    holds them."""
    planned_documents: dict[CandidateKey, list[str]] = {}
    for case in cases:
        planned_documents.setdefault(case.candidate, []).append(case.document.id)
    clusters = find_clusters(report)
    counts = aggregate_records(read_run_records(), clusters)
    summaries = summarize_counts(counts, candidates.models, planned_documents)
    if report.run["dry_run"]:
        return replace(report, summaries=tuple(summaries))
    suites = {case.document.suite.name: case.document.suite for case in cases}
    label_errors = _drop_decided_errors(find_label_errors(read_run_records(), suites), cases)
    summaries_without_errors: list[Summary] = []
    if label_errors:
        kept_records = exclude_label_errors(read_run_records(), label_errors)
        kept_counts = aggregate_records(kept_records, clusters)
        summaries_without_errors = summarize_counts(
            kept_counts, candidates.models, planned_documents
        )
    report = replace(report, summaries=tuple(summaries))
    comparisons, decisions = decide_counts(report, counts, candidates.rules)
    evidence = collect_evidence(read_run_records(), clusters)
    cost_rates = candidates.rules.cost
    expected_costs = (
        estimate_expected_costs(read_run_records(), summaries, cost_rates) if cost_rates else ()
    )
    return replace(
        report,
        comparisons=tuple(comparisons),
        decisions=tuple(decisions),
        suspects=tuple(label_errors),
        notes=find_cluster_warnings(counts),
        without_suspects=tuple(summaries_without_errors),
        calibrations=tuple(evidence.calibrations.values()),
        expected_costs=tuple(expected_costs),
        machines=evidence.machines,
    )


def _drop_decided_errors(
    label_errors: Sequence[LabelError], cases: Sequence[Case]
) -> list[LabelError]:
    """Those that nobody has decided about: a doubt that a person has looked into is no task."""
    decided = {
        (case.document.suite.name, case.document.id, path)
        for case in cases
        for path in case.document.decided
    }
    return [
        error for error in label_errors if (error.suite, error.document, error.path) not in decided
    ]


def _list_repeated_openings(report: Report) -> Iterator[Message]:
    """Holdouts that were looked at before: what was concluded then may be in the prompts now."""
    for suite, holdout in report.run["holdout"].items():
        opened = holdout["opened"]
        if len(opened) > 1:
            figures = {"suite": suite, "n": len(opened), "first": opened[0]}
            yield Message("holdout_again", figures)


def _collect_notes(records: Iterable[Record]) -> list[Message]:
    """What is to be said of documents' pages, each document once; the records have all of it."""
    notes_by_document: dict[tuple[str, str], Message] = {}
    for record in records:
        if record.notes and len(notes_by_document) < MAX_NOTES:
            figures = {"name": terminal_safe(record.document_name), "notes": record.notes}
            notes_by_document.setdefault(
                (record.suite, record.document), Message("record_notes", figures)
            )
    return list(notes_by_document.values())


def _describe_suite(suite: Suite, documents: Iterable[Document]) -> dict[str, Any]:
    """`verified` is true where a person has checked each reference that the run asked about."""
    references = [each for each in documents if each.suite is suite and each.reference is not None]
    verified_count = sum(document.verified for document in references)
    are_verified = 0 < len(references) == verified_count
    return {
        "name": suite.name,
        "folder": str(suite.folder),
        "corrections": str(suite.corrections or suite.folder / CORRECTIONS_FILE),
        "schema_sha256": hash_schema(suite.schema),
        "fields": list(suite.fields),
        "empty": suite.empty,
        "verified": suite.verified or are_verified,
        "references": len(references),
        "verified_references": verified_count,
        "cluster": suite.cluster,
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
