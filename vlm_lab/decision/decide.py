"""Figures -> a word for each model: chosen, rejected or needs_more_data, and what would change it.

A model meets the rules only when every interval lies wholly on the right side; it is rejected when
one lies wholly on the wrong side; else it needs more data. Of those that meet them, the best on the
first figure of `prefer` is chosen, together with all that cannot be told from it; what is clearly
worse is rejected. Nothing is chosen from a dry run, or while cells were skipped or not run.

vlm-lab decide last
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlm_lab.analysis.aggregation import CandidateCounts, aggregate_records
from vlm_lab.analysis.comparison import adjust_p_values, compare_all_pairs
from vlm_lab.analysis.statistics import SCORES
from vlm_lab.backends import is_incumbent
from vlm_lab.decision.requirements import UPPER_LIMITS, RuleResult, evaluate_rule, find_figure
from vlm_lab.messages import Message
from vlm_lab.types import (
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

TIE_TOLERANCE = (
    0.1  # seconds, bytes and money that differ by less than this share are not told apart
)
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
        if self.blocking_reasons:
            return "needs_more_data"
        states = {each.status for each in self.rule_results}
        return (
            "rejected"
            if "failed" in states
            else "needs_more_data"
            if "open" in states
            else "chosen"
        )


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
        own = [summary for summary in summaries if summary.suite == suite]
        words = [
            _assess_best_prompt(own, name, rules)
            for name in dict.fromkeys(summary.model for summary in own)
        ]
        paired = [each for each in comparisons if each.suite == suite]
        pipelines = {model.name for model in models if is_incumbent(model)}
        today = next((word for word in words if word.summary.model in pipelines), None)
        decisions += _decide_suite(words, paired, rules, today, verified.get(suite, False))
    return decisions


def compare_for_decision(
    tallies: Mapping[CandidateKey, CandidateCounts], rules: Rules
) -> list[Comparison]:
    """All that `decide` needs: every pair on the headline, and on the figure that is preferred
    first."""
    first = [name for name in rules.prefer[:1] if name in SCORES]
    return adjust_p_values(
        [
            each
            for score in dict.fromkeys(("field_f1", *first))
            for each in compare_all_pairs(tallies, score)
        ]
    )


def decide_run(report: Report, records: Iterable[Record], rules: Rules) -> list[Decision]:
    """The decisions from a finished run, under rules that may have changed since; none from a part
    of a suite, none about a candidate that was not asked."""
    verified = {suite["name"]: bool(suite["verified"]) for suite in report.suites}
    partial = report.run.get("partial") or ()
    asked = [
        each
        for each in report.summaries
        if each.suite not in partial and each.statuses.keys() - UNASKED_STATUSES
    ]
    return make_decisions(
        asked,
        compare_for_decision(aggregate_records(records), rules),
        report.models,
        rules,
        verified,
    )


def _decide_suite(
    words: Sequence[_CandidateAssessment],
    paired: Sequence[Comparison],
    rules: Rules,
    today: _CandidateAssessment | None,
    verified: bool,
) -> list[Decision]:
    words = sorted(words, key=lambda word: _rank_assessment(word, rules))
    met = [word for word in words if word.verdict == "chosen"]
    leader = _find_leader(met, rules)
    tied = [word for word in met if leader and not _is_worse(word, leader, paired, rules)]
    tied.sort(
        key=lambda word: [
            _compute_sort_value(word, name)
            for name in (*rules.prefer[1:], "cost_per_1000", "median_seconds")
        ]
    )
    made = []
    for word in [*tied, *(word for word in words if word not in tied)]:
        beaten = (
            [_explain_rejection(word, leader, paired, rules)]
            if word in met and word not in tied and leader
            else []
        )
        alike = [other.summary.model for other in tied if other is not word] if word in tied else []
        reasons: dict[ReasonTopic, tuple[Message, ...]] = {
            "evidence": _list_reasons_for(word),
            "against": (*beaten, *_list_reasons_against(word, alike, verified)),
            "pipeline": _compare_with_incumbent(word, today, paired),
        }
        made.append(
            _build_decision(word, "rejected" if beaten else word.verdict, reasons, verified)
        )
    return made


def _build_decision(
    word: _CandidateAssessment,
    verdict: Verdict,
    reasons: Mapping[ReasonTopic, tuple[Message, ...]],
    verified: bool,
) -> Decision:
    return Decision(
        suite=word.summary.suite,
        model=word.summary.model,
        prompt_id=word.summary.prompt_id,
        verdict=verdict,
        reasons=reasons,
        more_documents=_count_more_documents(word),
        verified=verified,
    )


def _assess_best_prompt(own: Sequence[Summary], model: str, rules: Rules) -> _CandidateAssessment:
    """The word of a model's best prompt: one that meets the rules, else one that may, else the
    least bad."""
    candidates = [summary for summary in own if summary.model == model]
    prompts = sum(
        any(each.value is not None for each in summary.scores.values()) for summary in candidates
    )
    words = [
        _CandidateAssessment(
            summary,
            tuple(
                evaluate_rule(summary, name, rule, max(1, prompts))
                for name, rule in rules.require.items()
            ),
            tuple(_find_blocking_reasons(summary)),
            prompts,
        )
        for summary in candidates
    ]
    return min(words, key=lambda word: _rank_assessment(word, rules))


def _find_blocking_reasons(summary: Summary) -> list[Message]:
    """Why nothing can be chosen from this, whatever the figures."""
    if not summary.documents:
        return [Message("no_document")]
    return [
        Message(name, {"n": count, "documents": summary.documents})
        for name in ("dry_run", "skipped", "not_run")
        if (count := summary.statuses.get(name))
    ]


def _rank_assessment(word: _CandidateAssessment, rules: Rules) -> tuple[float, ...]:
    order = ("chosen", "needs_more_data", "rejected").index(word.verdict)
    return (
        order,
        bool(word.blocking_reasons),
        *(_compute_sort_value(word, name) for name in rules.prefer),
    )


def _compute_sort_value(word: _CandidateAssessment, name: str) -> float:
    """Smaller is better, whichever way the figure counts; what is not measured comes last."""
    if name in UPPER_LIMITS:
        value = UPPER_LIMITS[name](word.summary) if word.summary.documents else None
        return float("inf") if value is None else value
    found = find_figure(word.summary, name)
    return float("inf") if found is None or found.value is None else -found.value


def _find_leader(met: Sequence[_CandidateAssessment], rules: Rules) -> _CandidateAssessment | None:
    return min(met, key=lambda word: _compute_sort_value(word, rules.prefer[0])) if met else None


def _is_worse(
    word: _CandidateAssessment,
    leader: _CandidateAssessment,
    paired: Sequence[Comparison],
    rules: Rules,
) -> bool:
    """Whether this one is told from the leader on the figure that is preferred first."""
    name = rules.prefer[0]
    if word is leader:
        return False
    if name in UPPER_LIMITS:
        return _compute_sort_value(word, name) > (1 + TIE_TOLERANCE) * _compute_sort_value(
            leader, name
        )
    found = _find_comparison(paired, leader.comparison_key, word.comparison_key, name)
    return bool(
        found
        and found.is_significant
        and (found.difference.value or 0) * _get_sign(found, leader.comparison_key) > 0
    )


def _find_comparison(
    paired: Sequence[Comparison], first: tuple[str, str], second: tuple[str, str], score: str
) -> Comparison | None:
    return next(
        (
            each
            for each in paired
            if {each.first, each.second} == {first, second} and each.score == score
        ),
        None,
    )


def _get_sign(compared: Comparison, first: tuple[str, str]) -> int:
    return 1 if compared.first == first else -1


def _explain_rejection(
    word: _CandidateAssessment,
    leader: _CandidateAssessment,
    paired: Sequence[Comparison],
    rules: Rules,
) -> Message:
    return Message("beaten", {"what": _describe_difference(leader, word, paired, rules.prefer[0])})


def _describe_difference(
    first: _CandidateAssessment,
    second: _CandidateAssessment,
    paired: Sequence[Comparison],
    score: str,
) -> Message:
    """`a differs by +0.031 (+0.012 to +0.050) in field_f1 on 120 documents`"""
    found = _find_comparison(paired, first.comparison_key, second.comparison_key, score)
    figures: dict[str, Any] = {"model": first.summary.candidate.label, "name": score}
    if found is None or found.difference.value is None:
        return Message("better", figures)
    sign = _get_sign(found, first.comparison_key)
    figures |= {"value": sign * found.difference.value, "n": found.difference.n}
    ends = [sign * end for end in (found.difference.low, found.difference.high) if end is not None]
    differs = Message("differs", {**figures, "low": min(ends), "high": max(ends)}) if ends else None
    differs = differs or Message("differs_somehow", figures)
    return differs if found.is_significant else Message("chance", {"what": differs})


def _list_reasons_for(word: _CandidateAssessment) -> tuple[Message, ...]:
    """The rules that are met for certain; what is open speaks for nobody."""
    met = tuple(each.reason for each in word.rule_results if each.status == "met")
    return met or (Message("none_met" if word.rule_results else "no_rule"),)


def _list_reasons_against(
    word: _CandidateAssessment, alike: Sequence[str], verified: bool
) -> list[Message]:
    found = [
        *word.blocking_reasons,
        *(each.reason for each in word.rule_results if each.status == "failed"),
    ]
    found += [
        Message("open", {"what": each.reason})
        for each in word.rule_results
        if each.status == "open"
    ]
    found += [Message("alike", {"models": ", ".join(alike)})] if alike else []
    found += [Message("best_prompt", {"n": word.prompt_count})] if word.prompt_count > 1 else []
    return found if verified else [*found, Message("unverified")]


def _count_more_documents(word: _CandidateAssessment) -> int | None:
    """The most that any open rule asks for; None where another open rule cannot be settled by
    documents."""
    needed = [each.more_documents for each in word.rule_results if each.status == "open"]
    known = [each for each in needed if each is not None]
    return (
        max(known)
        if known and len(known) == len(needed) and word.verdict == "needs_more_data"
        else None
    )


def _compare_with_incumbent(
    word: _CandidateAssessment, today: _CandidateAssessment | None, paired: Sequence[Comparison]
) -> tuple[Message, ...]:
    """How this candidate compares with the user's present pipeline."""
    if today is None or word is today:
        return ()
    found = _find_comparison(paired, word.comparison_key, today.comparison_key, "field_f1")
    model = {"model": today.summary.model}
    if found is None or found.difference.value is None:
        return (Message("not_compared", model),)
    return (
        Message(
            "beside", {**model, "what": _describe_difference(word, today, [found], "field_f1")}
        ),
    )
