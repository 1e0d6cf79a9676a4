"""A finished run's plan -> its Report: report.json, report.md and report.html."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.analysis.prefill_bias import measure_prefill_bias
from vlm_lab.config.models_file import Candidates
from vlm_lab.errors import UserError
from vlm_lab.fields.schema import hash_schema
from vlm_lab.messages import Message
from vlm_lab.records.run_folder import read_records
from vlm_lab.run.run_analysis import analyze_run, write_run_report
from vlm_lab.suite.corrections import CORRECTIONS_FILE
from vlm_lab.suite.label_checks import read_label_checks
from vlm_lab.types import (
    Case,
    Document,
    GateOutcome,
    PrefillBias,
    Record,
    Repeatability,
    Report,
    Suite,
)


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

    plan = _describe_plan(run, environment, cases)
    biases, unread = measure_prefill_biases(cases)
    report = replace(
        plan, notes=[*notes, *unread], probes=tuple(probes), prefill_biases=tuple(biases)
    )
    report = analyze_run(report, read_run_records, order, candidates.rules)
    report = replace(report, gate=check_gate(report))
    write_run_report(folder, report, read_run_records())
    return report


def measure_prefill_biases(cases: Sequence[Case]) -> tuple[list[PrefillBias], list[str]]:
    """Of each suite that was labelled on the page, and what is wrong with a file that cannot be
    read: a run does not end at it."""
    suites = {case.document.suite.name: case.document.suite for case in cases}
    biases, unread = [], []
    for suite in suites.values():
        try:
            bias = measure_prefill_bias(suite.name, read_label_checks(suite.folder))
        except UserError as error:
            unread.append(str(error))
            continue
        biases += [bias] if bias else []
    return biases, unread


def _describe_plan(
    run: Mapping[str, Any], environment: Mapping[str, Any], cases: Sequence[Case]
) -> Report:
    """What is known of a run before its records are read."""
    models = {case.model.name: case.model for case in cases}
    documents = {(case.document.suite.name, case.document.id): case.document for case in cases}
    suites = {document.suite.name: document.suite for document in documents.values()}
    templates = {(case.document.suite.name, case.prompt_id): case.template for case in cases}
    prompts = [
        describe_prompt(suite, prompt_id, template)
        for (suite, prompt_id), template in templates.items()
    ]
    return Report(
        run=run,
        environment=environment,
        suites=[describe_suite(suite, documents.values()) for suite in suites.values()],
        models=list(models.values()),
        prompts=prompts,
        documents=[describe_document(document) for document in documents.values()],
        summaries=(),
    )


def describe_suite(suite: Suite, documents: Iterable[Document]) -> dict[str, Any]:
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


def describe_prompt(suite: str, prompt_id: str, template: str) -> dict[str, Any]:
    """What a report says of a suite's prompt."""
    return {"suite": suite, "id": prompt_id, "template": template, "sha256": _hash_text(template)}


def describe_document(document: Document) -> dict[str, Any]:
    """What a report says of a document beside its records."""
    return {
        "suite": document.suite.name,
        "id": document.id,
        "name": document.name,
        "path": str(document.path),
        "tags": document.tags,
        "decided": sorted(document.decided),
        "reference": document.reference is not None,
        "inclusion_probability": document.inclusion_probability,
    }


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
