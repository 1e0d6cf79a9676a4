"""A run's plan and records -> all that its report concludes from them: figures, comparisons,
decisions, doubts about references, and what is to be said of them.

The one way to a report's conclusions: at the end of a run, when runs are joined, and when a
document was taken out of a run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from vlm_lab.analysis.answers import read_suite_fields
from vlm_lab.analysis.cluster_warnings import find_cluster_warnings
from vlm_lab.analysis.comparison import collect_prompt_warnings
from vlm_lab.analysis.evidence import collect_evidence
from vlm_lab.analysis.expected_cost import estimate_expected_costs
from vlm_lab.analysis.label_errors import find_label_errors
from vlm_lab.analysis.label_evidence import count_records
from vlm_lab.analysis.prefill_bias import describe_prefill_bias
from vlm_lab.analysis.repeatability import summarize_probes
from vlm_lab.analysis.rescoring import exclude_label_errors
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.analysis.value_confidence import assess_confidences
from vlm_lab.commands import format_command
from vlm_lab.decision.policy_check import check_policies, find_policy_faults
from vlm_lab.decision.run_decisions import decide_counts, find_clusters
from vlm_lab.decision.sweep import build_sweep_curves
from vlm_lab.messages import Message
from vlm_lab.records.report_json import write_report
from vlm_lab.report.formats import write_format
from vlm_lab.report.images.pages import choose_drawn_documents
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import (
    CandidateKey,
    CaseKey,
    LabelError,
    Record,
    Report,
    Rules,
    Summary,
)

MAX_NOTES = 100  # documents that a report has a note on
# Kinds of the notes that `analyze_run` says anew, whatever a report said before.
CONCLUDED_NOTES = frozenset(
    {
        "record_notes",
        "flattered",
        "holdout_again",
        "policy_unreadable",
        "alike_in_groups",
        "asked_again",
        "not_asked_again",
        "pages_not_drawn",
        "prefill_bias",
        "prefill_bias_unknown",
    }
)
ReadRecords = Callable[[], Iterator[Record]]


def analyze_run(
    report: Report, read_records: ReadRecords, cases: Iterable[CaseKey], rules: Rules
) -> Report:
    """The report with what the records of these cases come to, and a note on what is to be known
    of them behind those that it has."""
    analyzed = _analyze_records(report, read_records, cases, rules)
    concluded_notes = [
        *_collect_notes(read_records()),
        *collect_prompt_warnings(analyzed.summaries),
        *_list_repeated_openings(analyzed),
        *map(describe_prefill_bias, analyzed.prefill_biases),
        *find_policy_faults(analyzed),
        *analyzed.notes,
        *summarize_probes(analyzed.probes),
        *_count_undrawn_documents(analyzed),
    ]
    return replace(analyzed, notes=[*keep_own_notes(report), *concluded_notes])


def keep_own_notes(report: Report) -> list[str | Message]:
    """The notes that the run itself made: those that `analyze_run` did not conclude."""
    return [
        note
        for note in report.notes
        if not isinstance(note, Message) or note.kind not in CONCLUDED_NOTES
    ]


def write_run_report(folder: Path, report: Report, records: Iterable[Record]) -> None:
    """Writes report.json, report.html, which somebody waits for, and report.md."""
    write_report(folder / "report.json", report, records)
    for format_name in ("html", "md"):
        write_format(format_name, folder)


def _analyze_records(
    report: Report, read_records: ReadRecords, cases: Iterable[CaseKey], rules: Rules
) -> Report:
    """Each figure is a pass over the records, none of which holds them."""
    planned_documents: dict[CandidateKey, list[str]] = {}
    for *candidate, document in cases:
        planned_documents.setdefault(CandidateKey(*candidate), []).append(document)
    clusters = find_clusters(report)
    counts = count_records(report, read_records(), clusters)
    summaries = summarize_counts(counts, report.models, planned_documents)
    report = replace(report, summaries=tuple(summaries), notes=())
    if report.run["dry_run"]:
        return report
    suites = read_suite_fields(report.suites)
    conventions = {name: suite.conventions for name, suite in suites.items()}
    label_errors = _drop_decided_errors(find_label_errors(read_records(), conventions), report)
    summaries_without_errors: list[Summary] = []
    if label_errors:
        kept_records = exclude_label_errors(read_records(), label_errors)
        kept_counts = count_records(report, kept_records, clusters)
        summaries_without_errors = summarize_counts(kept_counts, report.models, planned_documents)
    comparisons, decisions = decide_counts(report, counts, rules)
    report = replace(report, comparisons=tuple(comparisons), decisions=tuple(decisions))
    evidence = collect_evidence(read_records(), clusters)
    expected_costs = (
        estimate_expected_costs(read_records(), summaries, rules.cost) if rules.cost else ()
    )
    return replace(
        report,
        sweeps=tuple(build_sweep_curves(report, rules)),
        suspects=tuple(label_errors),
        notes=find_cluster_warnings(counts),
        without_suspects=tuple(summaries_without_errors),
        calibrations=tuple(evidence.calibrations.values()),
        confidences=tuple(assess_confidences(read_records, suites, clusters)),
        policies=tuple(check_policies(report, read_records, suites)),
        expected_costs=tuple(expected_costs),
        machines=evidence.machines,
    )


def _drop_decided_errors(label_errors: Iterable[LabelError], report: Report) -> list[LabelError]:
    """Those that nobody has decided about: a doubt that a person has looked into is no task."""
    decided = {
        (document["suite"], document["id"], path)
        for document in report.documents
        for path in document.get("decided") or ()
    }
    return [
        error for error in label_errors if (error.suite, error.document, error.path) not in decided
    ]


def _list_repeated_openings(report: Report) -> Iterator[Message]:
    """Holdouts that were looked at before: what was concluded then may be in the prompts now."""
    for suite, holdout in (report.run.get("holdout") or {}).items():
        opened = holdout["opened"]
        if len(opened) > 1:
            figures = {"suite": suite, "n": len(opened), "first": opened[0]}
            yield Message("holdout_again", figures)


def _count_undrawn_documents(report: Report) -> Iterator[Message]:
    """What a report over thousands of documents has no pages of."""
    drawn_count = len(choose_drawn_documents(report))
    if drawn_count < len(report.documents):
        figures = {
            "n": len(report.documents) - drawn_count,
            "drawn": drawn_count,
            "command": format_command("corrections", report.run["id"], "--serve"),
        }
        yield Message("pages_not_drawn", figures)


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
