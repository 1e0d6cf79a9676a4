"""A run's report and records -> counts that know how each document came to be labelled, and whether
candidates agree about it: what few labels and many documents without one need."""

from collections.abc import Iterable, Mapping
from typing import Any

from vlm_lab.analysis.aggregation import CandidateCounts, aggregate_records
from vlm_lab.analysis.family_agreement import AgreementCollector, AnswerReader
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import CandidateKey, Conventions, Field, Record, Report


def count_records(
    report: Report, records: Iterable[Record], clusters: Mapping[str, str]
) -> dict[CandidateKey, CandidateCounts]:
    """The counts of a run's records, in one pass."""
    probabilities = _find_inclusion_probabilities(report)
    incomplete = {
        document["suite"] for document in report.documents if document.get("reference") is False
    }
    readers = {
        suite["name"]: _make_reader(suite) for suite in report.suites if suite["name"] in incomplete
    }
    collector = AgreementCollector(readers)
    counts = aggregate_records(collector.watch(records), clusters)
    for candidate, candidate_counts in counts.items():
        candidate_counts.inclusion_probabilities = probabilities.get(candidate.suite, {})
        if candidate.suite in readers:
            judged_paths = candidate_counts.field_outcomes.keys()
            candidate_counts.agreement = collector.find_agreement(candidate, judged_paths)
    return counts


def _find_inclusion_probabilities(report: Report) -> dict[str, dict[str, float]]:
    """By suite and document, of those that were drawn for their label."""
    probabilities: dict[str, dict[str, float]] = {}
    for document in report.documents:
        probability = document.get("inclusion_probability")
        if probability:
            probabilities.setdefault(document["suite"], {})[document["id"]] = probability
    return probabilities


def _make_reader(suite: Mapping[str, Any]) -> AnswerReader:
    """Of a suite as a report has it: of this run, or read back from report.json."""
    fields = [get_adapter(Field).validate_python(each) for each in suite.get("fields") or ()]
    conventions = get_adapter(Conventions).validate_python(suite.get("conventions") or {})
    return AnswerReader({each.path: each for each in fields}, conventions)
