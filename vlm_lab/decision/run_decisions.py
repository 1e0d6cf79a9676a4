"""A run's report and counts -> its comparisons and decisions: the one way to them, for the end of a
run and for `vlm-lab decide`, so that the same rules give the same words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vlm_lab.analysis.aggregation import CandidateCounts
from vlm_lab.analysis.comparison import HEADLINE_SCORE, adjust_p_values, compare_all_pairs
from vlm_lab.analysis.label_evidence import count_records
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.decision.assessment import Strata
from vlm_lab.decision.decide import make_decisions
from vlm_lab.messages import Message
from vlm_lab.suite.tags import split_by_tag
from vlm_lab.types import CandidateKey, Comparison, Decision, Record, Report, Rules, Summary

UNASKED_STATUSES = {"skipped", "not_run"}
UNTESTED_FIGURES = ("peak_memory_gb",)  # one measurement a model


def decide_run(
    report: Report, records: Iterable[Record], rules: Rules
) -> tuple[list[Comparison], list[Decision]]:
    """`decide_counts` for records that are not counted yet."""
    return decide_counts(report, count_records(report, records, find_clusters(report)), rules)


def decide_counts(
    report: Report, counts: Mapping[CandidateKey, CandidateCounts], rules: Rules
) -> tuple[list[Comparison], list[Decision]]:
    """A run's comparisons and decisions, under rules that may have changed since. There is no word
    from a part of a suite or from the documents that prompts are tuned on, and none about a
    candidate that was not asked."""
    comparisons = compare_for_decision(report, counts, rules)
    undecided = {*(report.run.get("partial") or ()), *report.tuned_suites}
    summaries = [
        summary
        for summary in report.summaries
        if summary.suite not in undecided and summary.statuses.keys() - UNASKED_STATUSES
    ]
    decisions = make_decisions(
        summaries,
        comparisons,
        report.models,
        rules,
        {suite["name"]: bool(suite["verified"]) for suite in report.suites},
        summarize_strata(report, counts, rules.by, summaries) if rules.by else {},
        report.run.get("looks") or {},
        dict(_describe_unverified(report)),
    )
    return comparisons, decisions


def _describe_unverified(report: Report) -> Iterator[tuple[str, Message]]:
    """By suite, how many references nobody has checked, where a person has checked others."""
    for suite in report.suites:
        verified_count = suite.get("verified_references") or 0
        if verified_count:
            reference_count = suite["references"]
            figures = {"n": reference_count - verified_count, "documents": reference_count}
            yield suite["name"], Message("partly_verified", figures)


def find_clusters(report: Report) -> dict[str, str]:
    """The tag that groups each suite's documents, where one does."""
    return {suite["name"]: suite.get("cluster") or "" for suite in report.suites}


def compare_for_decision(
    report: Report, counts: Mapping[CandidateKey, CandidateCounts], rules: Rules
) -> list[Comparison]:
    """Every pair of a suite on the headline, and on the figure that is preferred first."""
    preferred = [name for name in rules.prefer[:1] if name not in UNTESTED_FIGURES]
    comparisons = [
        comparison
        for score in dict.fromkeys((HEADLINE_SCORE, *preferred))
        for comparison in compare_all_pairs(
            counts, score, report.models, rules.familywise_error_rate
        )
    ]
    return adjust_p_values(comparisons)


def summarize_strata(
    report: Report,
    counts: Mapping[CandidateKey, CandidateCounts],
    tag: str,
    summaries: Sequence[Summary],
) -> dict[CandidateKey, Strata]:
    """Each candidate's summaries by the value of a tag, where the suite's documents have it."""
    tags_by_suite: dict[str, dict[str, Mapping[str, str]]] = {}
    for document in report.documents:
        tags_by_suite.setdefault(document["suite"], {})[document["id"]] = document["tags"]
    for candidate_counts in counts.values():  # a report over very many does not name all of them
        tags = tags_by_suite.setdefault(candidate_counts.candidate.suite, {})
        for name, document_tags in candidate_counts.tags.items():
            tags.setdefault(name, document_tags)
    strata: dict[CandidateKey, Strata] = {}
    for summary in summaries:
        by_value = split_by_tag(tags_by_suite.get(summary.suite, {}), tag)
        if "" in by_value:
            continue
        strata[summary.candidate] = {
            value: stratum
            for value, documents in sorted(by_value.items())
            if (stratum := _summarize_stratum(counts[summary.candidate], documents)).documents
        }
    return strata


def _summarize_stratum(counts: CandidateCounts, documents: Sequence[str]) -> Summary:
    part = counts.restrict_to(documents)
    return summarize_counts({counts.candidate: part}, (), {counts.candidate: documents})[0]
