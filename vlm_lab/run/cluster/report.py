"""The rows of a run over many machines -> its report, by the analysis that a plain run has.

All documents are counted. report.json and the page show each document of a run up to
MAX_DOCUMENTS; of a larger one a sample, and the first of those without an answer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from vlm_lab.messages import Message, list_first_names
from vlm_lab.records.run_folder import read_records
from vlm_lab.run.case_builder import CaseBuilder
from vlm_lab.run.cluster.documents import PLAN_FILE, read_plan
from vlm_lab.run.finalize import describe_document, describe_prompt, describe_suite
from vlm_lab.run.left_out import MAX_NAMES
from vlm_lab.run.run_analysis import analyze_run, write_run_report
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Document, Record, Report, Rules, Suite

MAX_DOCUMENTS = 2000  # that a report names one by one
SAMPLED, FAILED = 1000, 1000  # of a larger run: documents as they lie, and those without an answer


def write_cluster_report(
    folder: Path,
    run: Mapping[str, Any],
    environment: Mapping[str, Any],
    suite: Suite,
    builders: Sequence[CaseBuilder],
    rules: Rules,
    notes: Sequence[Message | str],
) -> Report:
    """Writes report.json, report.md and report.html; what they say."""
    ids = [document.id for document in read_plan(folder / PLAN_FILE)]
    is_whole = len(ids) <= MAX_DOCUMENTS
    order = [
        (suite.name, builder.model.name, builder.prompt_id, document_id)
        for builder in builders
        for document_id in ids
    ]

    def read_run_records() -> Iterator[Record]:
        return read_records(folder, order)

    report = Report(
        run=run,
        environment=environment,
        suites=[describe_suite(suite, _read_documents(folder, suite))],
        models=list({builder.model.name: builder.model for builder in builders}.values()),
        prompts=_describe_prompts(suite, builders),
        documents=_describe_documents(folder, suite, None if is_whole else set()),
        summaries=(),
        notes=[*notes, *_describe_left_out(read_run_records())],
    )
    report = analyze_run(report, read_run_records, order, rules)
    records: Iterable[Record] = read_run_records()
    if not is_whole:
        shown = _choose_shown(ids, report)
        report = _restrict_report(report, _describe_documents(folder, suite, shown), len(ids))
        order = [key for key in order if key[-1] in shown]
        records = read_records(folder, order)
    write_run_report(folder, report, records)
    return report


def _read_documents(folder: Path, suite: Suite) -> Iterator[Document]:
    for planned in read_plan(folder / PLAN_FILE):
        yield planned.build_document(suite, Path(planned.location))


def _describe_documents(folder: Path, suite: Suite, shown: set[str] | None) -> list[dict[str, Any]]:
    """Of all documents, or of those shown and those that a person has decided something about."""
    return [
        describe_document(document)
        for document in _read_documents(folder, suite)
        if shown is None or document.id in shown or document.decided
    ]


def _describe_prompts(suite: Suite, builders: Iterable[CaseBuilder]) -> list[dict[str, Any]]:
    templates = {builder.prompt_id: builder.template for builder in builders}
    return [describe_prompt(suite.name, *item) for item in templates.items()]


def _describe_left_out(records: Iterable[Record]) -> Iterator[Message]:
    """The documents that have more pages than were shown, as a plain run says it."""
    names_by_limit: dict[int, dict[str, int]] = {}
    for record in records:
        total, limit = record.pages_total or 0, len(record.page_indices)
        if total > limit > 0:
            names_by_limit.setdefault(limit, {})[record.document_name] = total
    for limit, totals in names_by_limit.items():
        first = [f"{terminal_safe(name)} ({total})" for name, total in totals.items()]
        figures = {"n": len(totals), "limit": limit, "names": list_first_names(first, MAX_NAMES)}
        yield Message("left_out", figures)


def _choose_shown(ids: Sequence[str], report: Report) -> set[str]:
    """Every so-manieth document, the first without an answer, and those that the report names."""
    step = -(-len(ids) // SAMPLED)
    shown = {*ids[::step]}
    for summary in report.summaries:
        shown |= {*islice(summary.unanswered, FAILED)}
        examples = chain.from_iterable(summary.examples.values())
        shown |= {example["document"] for example in examples}
    return shown | {error.document for error in report.suspects[:SAMPLED]}


def _restrict_report(report: Report, documents: Sequence[Any], total: int) -> Report:
    """The report as it is written, with no more in it than a page can show."""
    names = {document["id"] for document in documents}
    summaries = [
        replace(summary, unanswered=dict(islice(summary.unanswered.items(), FAILED)))
        for summary in report.summaries
    ]
    note = Message("documents_sampled", {"n": total, "shown": len(documents)})
    return replace(
        report,
        documents=documents,
        summaries=summaries,
        suspects=[error for error in report.suspects if error.document in names],
        notes=[note, *report.notes],
    )
