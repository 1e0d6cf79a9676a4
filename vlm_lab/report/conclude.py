"""The end of a run: what was written becomes summaries, report.json and report.md."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.config import Candidates
from vlm_lab.decision import comparisons_for, decide
from vlm_lab.report.build import write_report
from vlm_lab.report.html import write_html
from vlm_lab.report.markdown import markdown
from vlm_lab.run_folder import private_file, read_records
from vlm_lab.statistics import summaries_of
from vlm_lab.suspects import suspects
from vlm_lab.tally import Key, tally
from vlm_lab.types import Case, Comparison, Decision, Document, Model, Suite, Summary, Suspect

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run comes to: figures, differences, decisions, doubtful references."""

    summaries: tuple[Summary, ...]
    comparisons: tuple[Comparison, ...] = ()
    decisions: tuple[Decision, ...] = ()
    suspects: tuple[Suspect, ...] = ()


def conclude(
    folder: Path,
    run: Mapping[str, Any],
    environment: Mapping[str, Any],
    candidates: Candidates,
    plan: Sequence[Case],
    notes: Sequence[str],
) -> Conclusion:
    """Writes report.json, report.md and report.html into the run's folder and returns what they say."""
    order = [case.key for case in plan]
    concluded = _conclusion(read_records(folder, order), read_records(folder, order), candidates, plan, run)
    head = _head(run, environment, plan, notes)
    tail = {name: getattr(concluded, name) for name in Conclusion.__slots__}
    write_report(folder / "report.json", head, read_records(folder, order), tail)
    with private_file(folder / "report.md") as file:
        file.write(markdown(head, concluded.summaries, notes).encode("utf-8", "replace"))
    write_html(folder)
    return concluded


def _conclusion(
    counted: Iterable[Record], read: Iterable[Record], candidates: Candidates, plan: Sequence[Case], run: Record
) -> Conclusion:
    """Two passes over the records, neither of which holds them."""
    planned: dict[Key, list[str]] = {}
    for case in plan:
        suite, model, prompt_id, document = case.key
        planned.setdefault((suite, model, prompt_id), []).append(document)
    tallies = tally(counted)
    summaries = summaries_of(tallies, candidates.models, planned)
    if run["dry_run"]:
        return Conclusion(tuple(summaries))
    comparisons = comparisons_for(tallies, candidates.rules)
    suites = {case.document.suite.name: case.document.suite for case in plan}
    verified = {name: suite.verified for name, suite in suites.items()}
    whole = [summary for summary in summaries if summary.suite not in run["partial"]]
    decisions = decide(whole, comparisons, candidates.models, candidates.rules, verified)
    return Conclusion(tuple(summaries), tuple(comparisons), tuple(decisions), tuple(suspects(read, suites)))


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
        "path": str(document.path),
        "tags": document.tags,
        "reference": document.reference is not None,
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
