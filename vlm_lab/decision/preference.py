"""Of the candidates that meet the rules: which is the best on the figure that is preferred first,
and which cannot be told from it.

A figure over documents is tested by its paired difference. Memory is one measurement a model, and
differs where it differs by a tenth; seconds and money must do both.
"""

from collections.abc import Sequence
from typing import Any

from vlm_lab.analysis.comparison import find_comparison
from vlm_lab.decision.assessment import Assessment, compute_sort_value
from vlm_lab.messages import Message
from vlm_lab.types import UPPER_LIMITS, Comparison, Rules

# seconds, bytes and money that differ by less than this share are not told apart
TIE_TOLERANCE = 0.1


def find_leader(qualified: Sequence[Assessment], rules: Rules) -> Assessment | None:
    """The best of those that meet the rules."""
    return (
        min(qualified, key=lambda assessment: compute_sort_value(assessment, rules.prefer[0]))
        if qualified
        else None
    )


def is_worse(
    assessment: Assessment,
    leader: Assessment,
    comparisons: Sequence[Comparison],
    rules: Rules,
) -> bool:
    """Whether this one is told from the leader on the figure that is preferred first."""
    score = rules.prefer[0]
    if assessment is leader:
        return False
    comparison = find_comparison(
        comparisons, leader.comparison_key, assessment.comparison_key, score
    )
    if score in UPPER_LIMITS:
        limit = (1 + TIE_TOLERANCE) * compute_sort_value(leader, score)
        is_far = compute_sort_value(assessment, score) > limit
        return is_far and (comparison is None or comparison.is_significant)
    return bool(
        comparison
        and comparison.is_significant
        and (comparison.difference.value or 0) * get_sign(comparison, leader.comparison_key) > 0
    )


def rank_tied(assessment: Assessment, rules: Rules) -> list[float]:
    """Of those that cannot be told apart on the first figure, the better on the next ones first."""
    names = (*rules.prefer[1:], "cost_per_1000", "median_seconds")
    return [compute_sort_value(assessment, name) for name in names]


def is_equivalent(comparison: Comparison, margin: float | None) -> bool:
    """Whether a difference is shown to be smaller than a margin: two one-sided tests."""
    if margin is None or comparison.bounds is None:
        return False
    low, high = comparison.bounds
    return -margin < low and high < margin


def describe_difference(
    first: Assessment, second: Assessment, comparisons: Sequence[Comparison], score: str
) -> Message:
    """`a differs by +0.031 (+0.012 to +0.050) in field_f1 on 120 documents`"""
    comparison = find_comparison(comparisons, first.comparison_key, second.comparison_key, score)
    return describe_comparison(
        comparison, first.comparison_key, first.summary.candidate.label, score
    )


def describe_comparison(
    comparison: Comparison | None, first: tuple[str, str], label: str, score: str
) -> Message:
    """What a comparison says of the candidate `first`, which is called `label`."""
    arguments: dict[str, Any] = {"model": label, "name": score}
    if comparison is None or comparison.difference.value is None:
        return Message("better", arguments)
    sign = get_sign(comparison, first)
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


def get_sign(comparison: Comparison, first: tuple[str, str]) -> int:
    """By what a difference is multiplied to be that of `first` minus the other."""
    return 1 if comparison.first == first else -1
