"""Figures -> a word for each model: chosen, rejected or needs_more_data, and what would change it.

A model meets the rules only when every lower bound reaches its rule; it is rejected when an upper
one lies below; else it needs more data. The bounds allow for all models and prompts that were tried
on the same documents, and for all planned looks at them (Bonferroni): one time in twenty, at most,
any of them is chosen wrongly. Of those that meet the rules, the best on the first figure of
`prefer` is chosen, together with all that cannot be told from it; what is clearly worse is
rejected. Nothing is chosen from a dry run, or while cells were skipped or not run.

vlm-lab decide last
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vlm_lab.decision.assessment import (
    Assessment,
    Strata,
    assess_best_prompt,
    has_figures,
    rank_assessment,
)
from vlm_lab.decision.preference import find_leader, is_worse, rank_tied
from vlm_lab.decision.reasons import UNVERIFIED, SuiteContext, collect_reasons
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey, Comparison, Decision, Model, Rules, Summary

NO_STRATA: Mapping[CandidateKey, Strata] = {}
FIRST_LOOKS: Mapping[str, int] = {}
NONE_VERIFIED: Mapping[str, Message] = {}


def make_decisions(
    summaries: Sequence[Summary],
    comparisons: Sequence[Comparison],
    models: Sequence[Model],
    rules: Rules,
    verified: Mapping[str, bool],
    strata: Mapping[CandidateKey, Strata] = NO_STRATA,
    looks: Mapping[str, int] = FIRST_LOOKS,
    unverified: Mapping[str, Message] = NONE_VERIFIED,
) -> list[Decision]:
    """One decision for each suite x model, the chosen first. `verified`, `looks` and `unverified`
    (which references nobody has checked, where it is not all) are by suite, `comparisons` a run's,
    `strata` each candidate's summaries by the value of `rules.by`."""
    rules = rules if rules.prefer else replace(rules, prefer=("field_f1",))
    incumbents = {model.name for model in models if model.incumbent}
    decisions = []
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        suite_summaries = [summary for summary in summaries if summary.suite == suite]
        suite_strata = {
            (candidate.model, candidate.prompt_id): candidate_strata
            for candidate, candidate_strata in strata.items()
            if candidate.suite == suite
        }
        assessments = _assess_models(suite_summaries, rules, suite_strata)
        context = SuiteContext(
            rules=rules,
            comparisons=[each for each in comparisons if each.suite == suite],
            incumbent=_find_incumbent(assessments, incumbents),
            verified=verified.get(suite, False),
            unverified=unverified.get(suite, UNVERIFIED),
            look=looks.get(suite, 1),
        )
        decisions += _decide_suite(assessments, context)
    return decisions


def _assess_models(
    summaries: Sequence[Summary], rules: Rules, strata: Mapping[tuple[str, str], Strata]
) -> list[Assessment]:
    claims = max(1, sum(map(has_figures, summaries))) * rules.looks
    tail = rules.familywise_error_rate / claims
    return [
        assess_best_prompt(summaries, name, rules, tail, strata)
        for name in dict.fromkeys(summary.model for summary in summaries)
    ]


def _find_incumbent(assessments: Sequence[Assessment], incumbents: set[str]) -> Assessment | None:
    return next(
        (assessment for assessment in assessments if assessment.summary.model in incumbents), None
    )


def _decide_suite(assessments: Sequence[Assessment], context: SuiteContext) -> list[Decision]:
    rules = context.rules
    assessments = sorted(assessments, key=lambda assessment: rank_assessment(assessment, rules))
    qualified = [assessment for assessment in assessments if assessment.verdict == "chosen"]
    leader = find_leader(qualified, rules)
    tied = [
        assessment
        for assessment in qualified
        if leader and not is_worse(assessment, leader, context.comparisons, rules)
    ]
    tied.sort(key=lambda assessment: rank_tied(assessment, rules))
    others = [assessment for assessment in assessments if assessment not in tied]
    decisions = []
    for assessment in tied:
        rivals = [rival for rival in tied if rival is not assessment]
        decisions.append(_build_decision(assessment, None, rivals, context))
    for assessment in others:
        better = leader if assessment in qualified else None
        decisions.append(_build_decision(assessment, better, (), context))
    return decisions


def _build_decision(
    assessment: Assessment,
    leader: Assessment | None,
    tied: Sequence[Assessment],
    context: SuiteContext,
) -> Decision:
    share = assessment.summary.labelled_share
    return Decision(
        suite=assessment.summary.suite,
        model=assessment.summary.model,
        prompt_id=assessment.summary.prompt_id,
        verdict=assessment.verdict if leader is None else "rejected",
        reasons=collect_reasons(assessment, leader, tied, context),
        more_documents=_count_more_documents(assessment),
        verified=context.verified,
        strata=assessment.list_stratum_verdicts(),
        exploratory=context.is_exploratory,
        labels_drawn=bool(share and share.drawn),
    )


def _count_more_documents(assessment: Assessment) -> int | None:
    """The most that any open rule asks for, in each stratum; None where an open rule cannot be
    settled by documents."""
    open_results = [result for result in assessment.rule_results if result.status == "open"]
    counts_by_stratum: dict[str, int] = {}
    for result in open_results:
        if result.more_documents is None:
            return None
        count = max(result.more_documents, counts_by_stratum.get(result.stratum, 0))
        counts_by_stratum[result.stratum] = count
    if not open_results or assessment.verdict != "needs_more_data":
        return None
    for_all = counts_by_stratum.pop("", 0)
    return max(for_all, sum(counts_by_stratum.values()))
