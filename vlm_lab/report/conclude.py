"""The end of a run: what was written becomes summaries, report.json and report.md."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_lab.config import Candidates
from vlm_lab.report.build import write_report
from vlm_lab.report.markdown import markdown
from vlm_lab.run_folder import private_file, read_records
from vlm_lab.statistics import summarize
from vlm_lab.types import Case, Document, Model, Suite, Summary


def conclude(
    folder: Path,
    run: Mapping[str, Any],
    environment: Mapping[str, Any],
    candidates: Candidates,
    plan: Sequence[Case],
    notes: Sequence[str],
) -> list[Summary]:
    """Writes report.json and report.md into the run's folder and returns what they summarise."""
    planned: dict[tuple[str, str, str], list[str]] = {}
    for case in plan:
        suite, model, prompt_id, document = case.key
        planned.setdefault((suite, model, prompt_id), []).append(document)
    summaries = summarize(read_records(folder), candidates.models, planned)
    head = _head(run, environment, plan, notes)
    tail = {"summaries": summaries, "comparisons": [], "decisions": []}
    write_report(folder / "report.json", head, read_records(folder, [case.key for case in plan]), tail)
    with private_file(folder / "report.md") as file:
        file.write(markdown(head, summaries, notes).encode("utf-8", "replace"))
    return summaries


def _head(
    run: Mapping[str, Any], environment: Mapping[str, Any], plan: Sequence[Case], notes: Sequence[str]
) -> dict[str, Any]:
    models: dict[str, Model] = {case.model.name: case.model for case in plan}
    documents: dict[tuple[str, str], Document] = {(c.document.suite.name, c.document.id): c.document for c in plan}
    suites: dict[str, Suite] = {document.suite.name: document.suite for document in documents.values()}
    prompts = {(case.document.suite.name, case.prompt_id): case.template for case in plan}
    described = [_suite(suite) for suite in suites.values()]
    return {
        "run": run,
        "environment": environment,
        "suite": described[0] if len(described) == 1 else None,
        "suites": described,
        "models": list(models.values()),
        "prompts": [
            {"suite": suite, "id": prompt_id, "template": text, "sha256": _sha256(text)}
            for (suite, prompt_id), text in prompts.items()
        ],
        "documents": [_document(document) for document in documents.values()],
        "notes": list(notes),
    }


def _suite(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "schema_sha256": _sha256(json.dumps(suite.schema, sort_keys=True)),
        "fields": list(suite.fields),
        "empty": suite.empty,
        "verified": suite.verified,
        "conventions": suite.conventions,
        "pages": {"max": suite.max_pages, "dpi": suite.dpi},
    }


def _document(document: Document) -> dict[str, Any]:
    return {
        "suite": document.suite.name,
        "id": document.id,
        "name": document.name,
        "tags": document.tags,
        "reference": document.reference is not None,
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
