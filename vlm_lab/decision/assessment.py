"""One candidate's figures held against the rules, before it is held against the others.

With `by` in the rules each score is held against its rule in every stratum, the documents with one
value of that tag: a model that reads German and fails Russian is not chosen by the average. Limits
(seconds, money, failed cells) are over all documents.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vlm_lab.decision.requirements import (
    RuleResult,
    evaluate_rule,
    find_figure,
    find_limited_figure,
)
from vlm_lab.messages import Message
from vlm_lab.types import (
    ANSWERED,
    UPPER_LIMITS,
    Rules,
    StratumVerdict,
    Summary,
    Verdict,
)

Strata = Mapping[str, Summary]  # a candidate's summaries by the value of a tag


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one candidate comes to by itself. `tail` is how often a bound of its may be missed."""

    summary: Summary
    rule_results: tuple[RuleResult, ...]
    blocking_reasons: tuple[Message, ...]
    prompt_count: int
    strata: Strata = field(default_factory=dict)

    @property
    def comparison_key(self) -> tuple[str, str]:
        """Model and prompt, as comparisons name it."""
        return self.summary.model, self.summary.prompt_id

    @property
    def verdict(self) -> Verdict:
        """The word by the rules alone."""
        return find_verdict(self.rule_results, bool(self.blocking_reasons))

    def list_stratum_verdicts(self) -> tuple[StratumVerdict, ...]:
        """A word for each stratum, by the rules that were held against it."""
        limits = [result for result in self.rule_results if not result.stratum]
        return tuple(
            StratumVerdict(
                value,
                sum(summary.statuses.get(status, 0) for status in ANSWERED),
                find_verdict(
                    [*limits, *(each for each in self.rule_results if each.stratum == value)],
                    bool(self.blocking_reasons),
                ),
            )
            for value, summary in self.strata.items()
        )


def find_verdict(results: Sequence[RuleResult], is_blocked: bool) -> Verdict:
    """Rejected where a rule fails, whatever else; chosen where all are met and nothing blocks."""
    if any(result.is_out_of_reach for result in results):
        return "rejected"
    if is_blocked:
        return "needs_more_data"
    statuses = {result.status for result in results}
    if "failed" in statuses:
        return "rejected"
    return "needs_more_data" if "open" in statuses else "chosen"


def assess_best_prompt(
    summaries: Sequence[Summary],
    model: str,
    rules: Rules,
    tail: float,
    strata: Mapping[tuple[str, str], Strata],
) -> Assessment:
    """The word of a model's best prompt: one that meets the rules, else one that may, else the
    least bad."""
    prompt_summaries = [summary for summary in summaries if summary.model == model]
    prompt_count = sum(map(has_figures, prompt_summaries))
    assessments = []
    for summary in prompt_summaries:
        candidate_strata = strata.get((summary.model, summary.prompt_id), {})
        assessment = Assessment(
            summary,
            tuple(_evaluate_rules(summary, candidate_strata, rules, tail)),
            tuple(_find_blocking_reasons(summary)),
            prompt_count,
            candidate_strata,
        )
        assessments.append(assessment)
    return min(assessments, key=lambda assessment: rank_assessment(assessment, rules))


def has_figures(summary: Summary) -> bool:
    """Whether anything of a candidate was judged."""
    return any(estimate.value is not None for estimate in summary.scores.values())


def rank_assessment(assessment: Assessment, rules: Rules) -> tuple[float, ...]:
    """The best first: by the word, then by what is preferred."""
    verdict_rank = ("chosen", "needs_more_data", "rejected").index(assessment.verdict)
    return (
        verdict_rank,
        bool(assessment.blocking_reasons),
        *(compute_sort_value(assessment, name) for name in rules.prefer),
    )


def compute_sort_value(assessment: Assessment, name: str) -> float:
    """Smaller is better, whichever way the figure counts; what is not measured comes last."""
    if name in UPPER_LIMITS:
        value = find_limited_figure(assessment.summary, name)
        return float("inf") if value is None else value
    estimate = find_figure(assessment.summary, name)
    return float("inf") if estimate is None or estimate.value is None else -estimate.value


def _evaluate_rules(
    summary: Summary, strata: Strata, rules: Rules, tail: float
) -> Iterator[RuleResult]:
    for name, threshold in rules.require.items():
        if name in UPPER_LIMITS or not strata:
            yield evaluate_rule(summary, name, threshold, tail, rules.anytime)
            continue
        for value, stratum in strata.items():
            # A field that no document of a stratum has is no rule there.
            if find_figure(stratum, name) is None and find_figure(summary, name) is not None:
                continue
            result = evaluate_rule(stratum, name, threshold, tail / len(strata), rules.anytime)
            figures = {"tag": rules.by, "value": value, "what": result.reason}
            yield replace(result, reason=Message("in_stratum", figures), stratum=value)


def _find_blocking_reasons(summary: Summary) -> list[Message]:
    """Why nothing can be chosen from this, whatever the figures."""
    if not summary.documents:
        return [Message("no_document")]
    return [
        Message(name, {"n": count, "documents": summary.documents})
        for name in ("dry_run", "skipped", "not_run")
        if (count := summary.statuses.get(name))
    ]
