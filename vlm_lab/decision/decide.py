"""Figures -> a word for each model: chosen, rejected or needs_more_data, and what would change it.

A model meets the rules only when every lower bound reaches its rule; it is rejected when an upper
one lies below; else it needs more data. The bounds allow for all models and prompts that were tried
on the same documents (Bonferroni): one time in twenty, at most, any of them is chosen wrongly. Of
those that meet the rules, the best on the first figure of `prefer` is chosen, together with all
that cannot be told from it; what is clearly worse is rejected. Nothing is chosen from a dry run, or
while cells were skipped or not run.

vlm-lab decide last
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlm_lab.analysis.aggregation import CandidateCounts, aggregate_records
from vlm_lab.analysis.comparison import adjust_p_values, compare_all_pairs
from vlm_lab.analysis.statistics import SCORES
from vlm_lab.backends import is_incumbent
from vlm_lab.decision.requirements import (
    RuleResult,
    evaluate_rule,
    find_figure,
    find_limited_figure,
)
from vlm_lab.messages import Message
from vlm_lab.types import (
    UPPER_LIMITS,
    CandidateKey,
    Comparison,
    Decision,
    Model,
    ReasonTopic,
    Record,
    Report,
    Rules,
    Summary,
    Verdict,
)

# seconds, bytes and money that differ by less than this share are not told apart
TIE_TOLERANCE = 0.1
UNASKED_STATUSES = {"skipped", "not_run"}


@dataclass(frozen=True, slots=True)
class _CandidateAssessment:
    """What one candidate comes to by itself, before it is held against the others."""

    summary: Summary
    rule_results: tuple[RuleResult, ...]
    blocking_reasons: tuple[Message, ...]
    prompt_count: int

    @property
    def comparison_key(self) -> tuple[str, str]:
        """Model and prompt, as comparisons name it."""
        return self.summary.model, self.summary.prompt_id

    @property
    def verdict(self) -> Verdict:
        if any(result.is_out_of_reach for result in self.rule_results):
            return "rejected"
        if self.blocking_reasons:
            return "needs_more_data"
        statuses = {result.status for result in self.rule_results}
        if "failed" in statuses:
            return "rejected"
        return "needs_more_data" if "open" in statuses else "chosen"


def make_decisions(
    summaries: Sequence[Summary],
    comparisons: Sequence[Comparison],
    models: Sequence[Model],
    rules: Rules,
    verified: Mapping[str, bool],
) -> list[Decision]:
    """One decision for each suite x model, the chosen first. `verified` is by suite; `comparisons`
    are a run's."""
    rules = rules if rules.prefer else replace(rules, prefer=("field_f1",))
    decisions = []
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        suite_summaries = [summary for summary in summaries if summary.suite == suite]
        tail = rules.familywise_error_rate / max(1, sum(map(_has_figures, suite_summaries)))
        assessments = [
            _assess_best_prompt(suite_summaries, name, rules, tail)
            for name in dict.fromkeys(summary.model for summary in suite_summaries)
        ]
        suite_comparisons = [comparison for comparison in comparisons if comparison.suite == suite]
        incumbents = {model.name for model in models if is_incumbent(model)}
        incumbent = next(
            (assessment for assessment in assessments if assessment.summary.model in incumbents),
            None,
        )
        decisions += _decide_suite(
            assessments, suite_comparisons, rules, incumbent, verified.get(suite, False)
        )
    return decisions


def compare_for_decision(
    counts_by_candidate: Mapping[CandidateKey, CandidateCounts], rules: Rules
) -> list[Comparison]:
    """All that `decide` needs: every pair on the headline, and on the figure that is preferred
    first."""
    preferred_scores = [name for name in rules.prefer[:1] if name in SCORES]
    comparisons = [
        comparison
        for score in dict.fromkeys(("field_f1", *preferred_scores))
        for comparison in compare_all_pairs(counts_by_candidate, score)
    ]
    return adjust_p_values(comparisons)


def decide_run(report: Report, records: Iterable[Record], rules: Rules) -> list[Decision]:
    """The decisions from a finished run, under rules that may have changed since; none from a part
    of a suite, none about a candidate that was not asked."""
    verified = {suite["name"]: bool(suite["verified"]) for suite in report.suites}
    partial_suites = report.run.get("partial") or ()
    asked_summaries = [
        summary
        for summary in report.summaries
        if summary.suite not in partial_suites and summary.statuses.keys() - UNASKED_STATUSES
    ]
    return make_decisions(
        asked_summaries,
        compare_for_decision(aggregate_records(records), rules),
        report.models,
        rules,
        verified,
    )


def _decide_suite(
    assessments: Sequence[_CandidateAssessment],
    comparisons: Sequence[Comparison],
    rules: Rules,
    incumbent: _CandidateAssessment | None,
    verified: bool,
) -> list[Decision]:
    assessments = sorted(assessments, key=lambda assessment: _rank_assessment(assessment, rules))
    qualified = [assessment for assessment in assessments if assessment.verdict == "chosen"]
    leader = _find_leader(qualified, rules)
    tied = [
        assessment
        for assessment in qualified
        if leader and not _is_worse(assessment, leader, comparisons, rules)
    ]
    tied.sort(key=lambda assessment: _rank_tied(assessment, rules))
    others = [assessment for assessment in assessments if assessment not in tied]
    decisions = []
    for assessment in [*tied, *others]:
        rejection: list[Message] = []
        if leader and assessment in qualified and assessment not in tied:
            rejection = [_explain_rejection(assessment, leader, comparisons, rules)]
        tied_models: list[str] = []
        if assessment in tied:
            tied_models = [rival.summary.model for rival in tied if rival is not assessment]
        reasons: dict[ReasonTopic, tuple[Message, ...]] = {
            "evidence": _list_reasons_for(assessment),
            "against": (*rejection, *_list_reasons_against(assessment, tied_models, verified)),
            "pipeline": _compare_with_incumbent(assessment, incumbent, comparisons),
        }
        verdict = "rejected" if rejection else assessment.verdict
        decisions.append(_build_decision(assessment, verdict, reasons, verified))
    return decisions


def _rank_tied(assessment: _CandidateAssessment, rules: Rules) -> list[float]:
    """Of those that cannot be told apart on the first figure, the better on the next ones first."""
    names = (*rules.prefer[1:], "cost_per_1000", "median_seconds")
    return [_compute_sort_value(assessment, name) for name in names]


def _build_decision(
    assessment: _CandidateAssessment,
    verdict: Verdict,
    reasons: Mapping[ReasonTopic, tuple[Message, ...]],
    verified: bool,
) -> Decision:
    return Decision(
        suite=assessment.summary.suite,
        model=assessment.summary.model,
        prompt_id=assessment.summary.prompt_id,
        verdict=verdict,
        reasons=reasons,
        more_documents=_count_more_documents(assessment),
        verified=verified,
    )


def _has_figures(summary: Summary) -> bool:
    return any(estimate.value is not None for estimate in summary.scores.values())


def _assess_best_prompt(
    summaries: Sequence[Summary], model: str, rules: Rules, tail: float
) -> _CandidateAssessment:
    """The word of a model's best prompt: one that meets the rules, else one that may, else the
    least bad."""
    prompt_summaries = [summary for summary in summaries if summary.model == model]
    prompt_count = sum(map(_has_figures, prompt_summaries))
    assessments = [
        _CandidateAssessment(
            summary,
            tuple(evaluate_rule(summary, name, rule, tail) for name, rule in rules.require.items()),
            tuple(_find_blocking_reasons(summary)),
            prompt_count,
        )
        for summary in prompt_summaries
    ]
    return min(assessments, key=lambda assessment: _rank_assessment(assessment, rules))


def _find_blocking_reasons(summary: Summary) -> list[Message]:
    """Why nothing can be chosen from this, whatever the figures."""
    if not summary.documents:
        return [Message("no_document")]
    return [
        Message(name, {"n": count, "documents": summary.documents})
        for name in ("dry_run", "skipped", "not_run")
        if (count := summary.statuses.get(name))
    ]


def _rank_assessment(assessment: _CandidateAssessment, rules: Rules) -> tuple[float, ...]:
    verdict_rank = ("chosen", "needs_more_data", "rejected").index(assessment.verdict)
    return (
        verdict_rank,
        bool(assessment.blocking_reasons),
        *(_compute_sort_value(assessment, name) for name in rules.prefer),
    )


def _compute_sort_value(assessment: _CandidateAssessment, name: str) -> float:
    """Smaller is better, whichever way the figure counts; what is not measured comes last."""
    if name in UPPER_LIMITS:
        value = find_limited_figure(assessment.summary, name)
        return float("inf") if value is None else value
    estimate = find_figure(assessment.summary, name)
    return float("inf") if estimate is None or estimate.value is None else -estimate.value


def _find_leader(
    qualified: Sequence[_CandidateAssessment], rules: Rules
) -> _CandidateAssessment | None:
    return (
        min(qualified, key=lambda assessment: _compute_sort_value(assessment, rules.prefer[0]))
        if qualified
        else None
    )


def _is_worse(
    assessment: _CandidateAssessment,
    leader: _CandidateAssessment,
    comparisons: Sequence[Comparison],
    rules: Rules,
) -> bool:
    """Whether this one is told from the leader on the figure that is preferred first."""
    score = rules.prefer[0]
    if assessment is leader:
        return False
    if score in UPPER_LIMITS:
        return _compute_sort_value(assessment, score) > (1 + TIE_TOLERANCE) * _compute_sort_value(
            leader, score
        )
    comparison = _find_comparison(
        comparisons, leader.comparison_key, assessment.comparison_key, score
    )
    return bool(
        comparison
        and comparison.is_significant
        and (comparison.difference.value or 0) * _get_sign(comparison, leader.comparison_key) > 0
    )


def _find_comparison(
    comparisons: Sequence[Comparison], first: tuple[str, str], second: tuple[str, str], score: str
) -> Comparison | None:
    return next(
        (
            comparison
            for comparison in comparisons
            if {comparison.first, comparison.second} == {first, second}
            and comparison.score == score
        ),
        None,
    )


def _get_sign(comparison: Comparison, first: tuple[str, str]) -> int:
    return 1 if comparison.first == first else -1


def _explain_rejection(
    assessment: _CandidateAssessment,
    leader: _CandidateAssessment,
    comparisons: Sequence[Comparison],
    rules: Rules,
) -> Message:
    return Message(
        "beaten", {"what": _describe_difference(leader, assessment, comparisons, rules.prefer[0])}
    )


def _describe_difference(
    first: _CandidateAssessment,
    second: _CandidateAssessment,
    comparisons: Sequence[Comparison],
    score: str,
) -> Message:
    """`a differs by +0.031 (+0.012 to +0.050) in field_f1 on 120 documents`"""
    comparison = _find_comparison(comparisons, first.comparison_key, second.comparison_key, score)
    arguments: dict[str, Any] = {"model": first.summary.candidate.label, "name": score}
    if comparison is None or comparison.difference.value is None:
        return Message("better", arguments)
    sign = _get_sign(comparison, first.comparison_key)
    arguments |= {"value": sign * comparison.difference.value, "n": comparison.difference.n}
    interval_ends = [
        sign * end
        for end in (comparison.difference.low, comparison.difference.high)
        if end is not None
    ]
    message = Message("differs_somehow", arguments)
    if interval_ends:
        interval = {"low": min(interval_ends), "high": max(interval_ends)}
        message = Message("differs", {**arguments, **interval})
    return message if comparison.is_significant else Message("chance", {"what": message})


def _list_reasons_for(assessment: _CandidateAssessment) -> tuple[Message, ...]:
    """The rules that are met for certain; what is open speaks for nobody."""
    reasons = tuple(result.reason for result in assessment.rule_results if result.status == "met")
    return reasons or (Message("none_met"),)


def _list_reasons_against(
    assessment: _CandidateAssessment, tied_models: Sequence[str], verified: bool
) -> list[Message]:
    reasons = [
        *assessment.blocking_reasons,
        *(result.reason for result in assessment.rule_results if result.status == "failed"),
    ]
    reasons += [
        Message("open", {"what": result.reason})
        for result in assessment.rule_results
        if result.status == "open"
    ]
    reasons += [Message("alike", {"models": ", ".join(tied_models)})] if tied_models else []
    reasons += (
        [Message("best_prompt", {"n": assessment.prompt_count})]
        if assessment.prompt_count > 1
        else []
    )
    return reasons if verified else [*reasons, Message("unverified")]


def _count_more_documents(assessment: _CandidateAssessment) -> int | None:
    """The most that any open rule asks for; None where another open rule cannot be settled by
    documents."""
    counts = [count.more_documents for count in assessment.rule_results if count.status == "open"]
    known_counts = [count for count in counts if count is not None]
    return (
        max(known_counts)
        if known_counts
        and len(known_counts) == len(counts)
        and assessment.verdict == "needs_more_data"
        else None
    )


def _compare_with_incumbent(
    assessment: _CandidateAssessment,
    incumbent: _CandidateAssessment | None,
    comparisons: Sequence[Comparison],
) -> tuple[Message, ...]:
    """How this candidate compares with the user's present pipeline."""
    if incumbent is None or assessment is incumbent:
        return ()
    comparison = _find_comparison(
        comparisons, assessment.comparison_key, incumbent.comparison_key, "field_f1"
    )
    arguments = {"model": incumbent.summary.model}
    if comparison is None or comparison.difference.value is None:
        return (Message("not_compared", arguments),)
    return (
        Message(
            "beside",
            {
                **arguments,
                "what": _describe_difference(assessment, incumbent, [comparison], "field_f1"),
            },
        ),
    )
