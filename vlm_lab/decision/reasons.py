"""Why a candidate has its word: what speaks for it and against it, and how it compares with what
the team uses today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlm_lab.analysis.comparison import HEADLINE_SCORE, find_comparison
from vlm_lab.decision.assessment import Assessment
from vlm_lab.decision.preference import (
    describe_difference,
    is_equivalent,
)
from vlm_lab.messages import Message
from vlm_lab.types import Comparison, ReasonTopic, Rules

UNVERIFIED = Message("unverified")


@dataclass(frozen=True, slots=True)
class SuiteContext:
    """What the words of a suite's candidates have in common. `look` is the number of times that
    its documents were looked at, this one included; `unverified` says which references nobody has
    checked, where `verified` is false."""

    rules: Rules
    comparisons: Sequence[Comparison]
    incumbent: Assessment | None
    verified: bool
    unverified: Message = UNVERIFIED
    look: int = 1

    @property
    def is_exploratory(self) -> bool:
        """Whether more looks were taken than were planned."""
        return not self.rules.anytime and self.look > self.rules.looks


def collect_reasons(
    assessment: Assessment,
    leader: Assessment | None,
    tied: Sequence[Assessment],
    context: SuiteContext,
) -> dict[ReasonTopic, tuple[Message, ...]]:
    """All reasons by topic. `leader` is the one that is clearly better, None where none is; `tied`
    are those that cannot be told from this one."""
    return {
        "evidence": _list_evidence(assessment, tied, context),
        "against": tuple(_list_against(assessment, leader, tied, context)),
        "pipeline": _compare_with_incumbent(assessment, context),
    }


def _list_evidence(
    assessment: Assessment, tied: Sequence[Assessment], context: SuiteContext
) -> tuple[Message, ...]:
    """The rules that are met for certain; what is open speaks for nobody."""
    met = [result.reason for result in assessment.rule_results if result.status == "met"]
    margin = context.rules.equivalence_margin
    equivalent = [
        rival.summary.candidate.label
        for rival in tied
        if (comparison := _find_preferred(assessment, rival, context))
        and is_equivalent(comparison, margin)
    ]
    if equivalent:
        figures = {
            "models": ", ".join(equivalent),
            "name": context.rules.prefer[0],
            "limit": margin,
        }
        met.append(Message("equivalent", figures))
    return tuple(met) or (Message("none_met"),)


def _list_against(
    assessment: Assessment,
    leader: Assessment | None,
    tied: Sequence[Assessment],
    context: SuiteContext,
) -> list[Message]:
    rules, summary = context.rules, assessment.summary
    reasons: list[Message] = []
    if leader is not None:
        what = describe_difference(leader, assessment, context.comparisons, rules.prefer[0])
        reasons.append(Message("beaten", {"what": what}))
    reasons += assessment.blocking_reasons
    reasons += [each.reason for each in assessment.rule_results if each.status == "failed"]
    reasons += [
        Message("open", {"what": each.reason})
        for each in assessment.rule_results
        if each.status == "open"
    ]
    reasons += _list_alike(assessment, tied, context)
    if assessment.prompt_count > 1:
        reasons.append(Message("best_prompt", {"n": assessment.prompt_count}))
    if summary.left_out:
        planned = summary.documents + summary.left_out
        reasons.append(Message("judged_by_some", {"n": summary.documents, "planned": planned}))
    if context.is_exploratory:
        reasons.append(Message("exploratory", {"look": context.look, "n": rules.looks}))
    return reasons if context.verified else [*reasons, context.unverified]


def _list_alike(
    assessment: Assessment, tied: Sequence[Assessment], context: SuiteContext
) -> list[Message]:
    """Those that cannot be told from this one, with the smallest difference that could have been
    seen; those that are shown to be as good speak for it."""
    reasons = []
    for rival in tied:
        comparison = _find_preferred(assessment, rival, context)
        if comparison and is_equivalent(comparison, context.rules.equivalence_margin):
            continue
        figures = {"models": rival.summary.model}
        if comparison is None or comparison.detectable is None:
            reasons.append(Message("alike", figures))
            continue
        figures |= {"value": comparison.detectable, "name": comparison.score}  # type: ignore[dict-item]
        reasons.append(Message("alike_within", figures))
    return reasons


def _find_preferred(
    assessment: Assessment, rival: Assessment, context: SuiteContext
) -> Comparison | None:
    return find_comparison(
        context.comparisons,
        assessment.comparison_key,
        rival.comparison_key,
        context.rules.prefer[0],
    )


def _compare_with_incumbent(assessment: Assessment, context: SuiteContext) -> tuple[Message, ...]:
    """How this candidate compares with what the team uses today."""
    incumbent = context.incumbent
    if incumbent is None or assessment.comparison_key == incumbent.comparison_key:
        return ()
    comparison = find_comparison(
        context.comparisons,
        assessment.comparison_key,
        incumbent.comparison_key,
        HEADLINE_SCORE,
    )
    figures: Mapping[str, object] = {"model": incumbent.summary.model}
    if comparison is None or comparison.difference.value is None:
        return (Message("not_compared", figures),)
    what = describe_difference(assessment, incumbent, [comparison], HEADLINE_SCORE)
    return (Message("beside", {**figures, "what": what}),)
