"""A model's variants beside the model as it is: rows of text for every form of the report.

By the run's comparisons: paired over documents, corrected for all pairs of the suite.
"""

from collections import Counter
from collections.abc import Sequence
from gettext import NullTranslations

from vlm_lab.analysis.comparison import HEADLINE_SCORE, find_comparison
from vlm_lab.config.variants import find_base
from vlm_lab.messages import ENGLISH
from vlm_lab.report.formatting import format_estimate, format_number
from vlm_lab.types import Comparison, Report, Summary

VARIANT_COLUMNS = (
    "variant",
    "prompt",
    "field F1",
    "minus as it is",
    "p, Holm",
    "as good within",
    "word",
    "errors",
    "s/doc",
    "ms/token",
    "memory GB",
)
VARIANT_LEGEND = (
    "Each variant minus the same model as it is, with the same prompt or, where it has not that,"
    " with its first, paired over the documents that both answered."
    " As good within: the smallest difference in F1 that is shown not to be exceeded, either way"
    " (two one-sided tests); a p value alone never shows that two are as good as each other."
    " Errors: how many more or fewer of a kind than of the model as it is, the most changed first."
)
UNUSABLE_STATUSES = ("unparsed", "truncated", "refused", "error")
ABSENCES = ("missing", "spurious")  # outcomes of values; those that are wrong have a kind
SHOWN_KINDS = 3


def build_variant_rows(
    report: Report, summaries: Sequence[Summary], catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
    """The variants whose base was asked, too, under VARIANT_COLUMNS; a sweep has its own curve."""
    swept = {point.model for curve in report.sweeps for point in curve.points}
    rows = []
    for summary in summaries:
        base = _find_asked_base(summary, summaries)
        if base and summary.model not in swept:
            rows.append(_build_row(report, summary, base, catalogue))
    return rows


def _find_asked_base(variant: Summary, summaries: Sequence[Summary]) -> Summary | None:
    """The model as it is with the variant's prompt; where it has not that one, with its first."""
    base_name = find_base(variant.model)
    bases = [each for each in summaries if each.model == base_name]
    with_prompt = [each for each in bases if each.prompt_id == variant.prompt_id]
    return next(iter([*with_prompt, *bases]), None)


def _build_row(
    report: Report, summary: Summary, base: Summary, catalogue: NullTranslations
) -> list[str]:
    speed = summary.speed
    memory = None if speed.peak_memory_bytes is None else speed.peak_memory_bytes / 1e9
    token_rate = speed.tokens_per_second
    key, base_key = (summary.model, summary.prompt_id), (base.model, base.prompt_id)
    comparisons = [each for each in report.comparisons if each.suite == summary.suite]
    comparison = find_comparison(comparisons, key, base_key, HEADLINE_SCORE)
    return [
        summary.model,
        summary.prompt_id,
        format_estimate(summary.scores.get("field_f1"), catalogue),
        *_describe_difference(comparison, summary, catalogue),
        _describe_errors(summary, base, catalogue),
        format_number(speed.median_seconds, ".2f", catalogue),
        format_number(1000 / token_rate if token_rate else None, ".1f", catalogue),
        format_number(memory, ".1f", catalogue),
    ]


def _describe_errors(summary: Summary, base: Summary, catalogue: NullTranslations) -> str:
    """`missing -12, unparsed -3`: what there is more or less of than of the model as it is."""
    difference = _count_errors(summary)
    difference.subtract(_count_errors(base))
    changed = [(kind, count) for kind, count in difference.items() if count]
    changed.sort(key=lambda item: (-abs(item[1]), item[0]))
    shown = [f"{catalogue.gettext(kind)} {count:+d}" for kind, count in changed[:SHOWN_KINDS]]
    return ", ".join(shown) or "-"


def _count_errors(summary: Summary) -> Counter[str]:
    """Values that are wrong by their kind, values that are missing or spurious, and replies that
    could not be used by their status."""
    counts = Counter(summary.kinds)
    counts.update({status: summary.statuses.get(status, 0) for status in UNUSABLE_STATUSES})
    for field in summary.fields.values():
        counts.update({outcome: field.outcomes.get(outcome, 0) for outcome in ABSENCES})
    return counts


def _describe_difference(
    comparison: Comparison | None, summary: Summary, catalogue: NullTranslations
) -> list[str]:
    """Variant minus base, p, the margin that is shown, and the word for it."""
    if comparison is None or comparison.difference.value is None:
        return ["-"] * 4
    sign = 1 if comparison.first == (summary.model, summary.prompt_id) else -1
    difference = sign * comparison.difference.value + 0.0  # no -0.000
    margin = max(map(abs, comparison.bounds)) if comparison.bounds else None
    word = "may be chance"
    if comparison.is_significant:
        word = "better" if difference > 0 else "worse"
    return [
        format_number(difference, "+.3f", catalogue),
        format_number(comparison.p_adjusted, ".3f", catalogue),
        format_number(margin, ".3f", catalogue),
        catalogue.gettext(word),
    ]
