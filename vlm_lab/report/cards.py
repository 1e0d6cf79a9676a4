"""Decisions -> a card each: a candidate in words of the trade, what to do next, the evidence.

What holds for all candidates of a suite is taken off the cards and said once above them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from gettext import NullTranslations

from vlm_lab.messages import Message, translate_message, translate_messages
from vlm_lab.report import plain_words
from vlm_lab.report.next_steps import NextStep, find_next_steps, find_suite_steps
from vlm_lab.report.tables import VERDICT_NAMES
from vlm_lab.types import Decision, Report, Summary

SUITE_REASONS = (
    "unverified",
    "partly_verified",
)  # kinds that are about the suite, whoever was asked
MAX_STEPS = 2


@dataclass(frozen=True, slots=True)
class CandidateCard:
    """One candidate, translated. `words` and `cost` are for those who decide; `evidence` and
    `against` have the figures behind them."""

    decision: Decision
    verdict: str
    words: str
    cost: str
    steps: Sequence[tuple[str, str]]  # what to do, and the command that does it
    evidence: Sequence[str]
    against: Sequence[str]


def build_cards(report: Report, suite: str, catalogue: NullTranslations) -> list[CandidateCard]:
    """In the decisions' order, the chosen first."""
    summaries = {summary.candidate: summary for summary in report.summaries}
    decisions = [decision for decision in report.decisions if decision.suite == suite]
    common_reasons = find_common_reasons(report, suite)
    suite_steps = find_suite_steps(report, suite)
    return [
        _build_card(
            report, decision, summaries[decision.candidate], common_reasons, suite_steps, catalogue
        )
        for decision in decisions
        if decision.candidate in summaries
    ]


def _build_card(
    report: Report,
    decision: Decision,
    summary: Summary,
    common_reasons: Sequence[Message],
    suite_steps: Sequence[NextStep],
    catalogue: NullTranslations,
) -> CandidateCard:
    against = [reason for reason in decision.reasons_for("against") if reason not in common_reasons]
    evidence = (*decision.reasons_for("evidence"), *decision.reasons_for("pipeline"))
    steps = [step for step in find_next_steps(report, summary) if step not in suite_steps]
    return CandidateCard(
        decision=decision,
        verdict=catalogue.gettext(VERDICT_NAMES[decision.verdict]),
        words=plain_words.describe_candidate(summary, report, catalogue),
        cost=plain_words.describe_cost(summary, report, catalogue),
        steps=_translate_steps(steps, catalogue),
        evidence=translate_messages(evidence, catalogue),
        against=translate_messages(against, catalogue),
    )


def _translate_steps(
    steps: Sequence[NextStep], catalogue: NullTranslations
) -> list[tuple[str, str]]:
    return [
        (translate_message(step.message, catalogue), step.command) for step in steps[:MAX_STEPS]
    ]


def list_suite_steps(
    report: Report, suite: str, catalogue: NullTranslations
) -> list[tuple[str, str]]:
    """What to do next about all of a suite, with the command that does it."""
    return _translate_steps(find_suite_steps(report, suite), catalogue)


def find_common_reasons(report: Report, suite: str) -> list[Message]:
    """What speaks against each candidate of a suite alike."""
    decisions = [decision for decision in report.decisions if decision.suite == suite]
    if not decisions:
        return []
    first, *others = [decision.reasons_for("against") for decision in decisions]
    return [
        reason
        for reason in first
        if all(reason in reasons for reasons in others) and (others or reason.kind in SUITE_REASONS)
    ]


def describe_common_reasons(report: Report, suite: str, catalogue: NullTranslations) -> str:
    """`For all candidates: nobody has checked the suite's references.`; "" where nothing is."""
    reasons = find_common_reasons(report, suite)
    if not reasons:
        return ""
    return translate_message(Message("holds_for_all", {"what": reasons}), catalogue)


def describe_lead(
    report: Report, suite: str, summaries: Sequence[Summary], catalogue: NullTranslations
) -> str:
    """`perfect reads 27 of 30 documents fully right; 3 totals are wrong, 30.00 EUR off in all;
    next: check 15 doubtful references.`; "" where nothing was judged."""
    summary = plain_words.find_leading_summary(report, summaries)
    if summary is None:
        return ""
    figures = plain_words.count_trade_figures(summary)
    counts = {"right": figures.right, "n": figures.judged}
    name = _name_candidate(summary, summaries)
    parts = [
        translate_message(Message("reads", {"candidate": name, **counts}), catalogue),
        plain_words.describe_totals(figures, catalogue),
    ]
    steps = find_suite_steps(report, suite) or find_next_steps(report, summary)
    if steps:
        parts.append(translate_message(Message("next", {"what": steps[0].message}), catalogue))
    return "; ".join(filter(None, parts)) + "."


def _name_candidate(summary: Summary, summaries: Sequence[Summary]) -> str:
    """The model alone where it has one prompt."""
    prompts = [other.prompt_id for other in summaries if other.model == summary.model]
    return summary.model if len(prompts) == 1 else summary.candidate.label
