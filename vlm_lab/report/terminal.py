"""The end of a run on the terminal: one line a model x prompt, what is missing and why, what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlm_lab.analysis import repeatability
from vlm_lab.analysis.label_errors import line
from vlm_lab.messages import ENGLISH, Reason, english, worded_all
from vlm_lab.report.formatting import HEADS, has_run, model_row, share, table, troubles
from vlm_lab.sanitize import shown
from vlm_lab.types import Decision, Report, Summary

if TYPE_CHECKING:
    from vlm_lab.types import Conclusion

MOST_LINES = 20
FEW = 5


def closing_lines(concluded: Conclusion | Report) -> list[str]:
    """Doubtful references first, then by suite the cells without an answer, the table, the decisions."""
    summaries = concluded.summaries
    lines = doubts(concluded)
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        own = [summary for summary in summaries if summary.suite == suite]
        lines += troubles_of(own)
        ran = [summary for summary in own if has_run(summary)]
        if ran:
            lines += ["", headline(suite, own), *table(HEADS, [model_row(each) for each in ran])]
        decided = [each for each in concluded.decisions if each.suite == suite]
        lines += ["", *(line for each in decided for line in decision_lines(each))] if decided else []
    lines += ["", *map(english, repeatability.lines(concluded.probes))] if concluded.probes else []
    return [shown(each) for each in lines]  # reasons quote replies


def troubles_of(own: Sequence[Summary]) -> list[str]:
    """Why cells have no answer: the first reasons."""
    why = troubles(own)
    more = [f"... and {len(why) - MOST_LINES} more reasons, in report.md"] if len(why) > MOST_LINES else []
    return ["", *why[:MOST_LINES], *more] if why else []


def headline(suite: str, own: Sequence[Summary]) -> str:
    """`invoices: 24 documents`"""
    return f"{suite}: {ENGLISH.ngettext('%s document', '%s documents', own[0].documents) % own[0].documents}"


def doubts(concluded: Conclusion | Report) -> list[str]:
    """The first doubtful references, and what the figures are without all of them."""
    suspects = concluded.suspects
    if not suspects:
        return []
    first = [f"  {line(each)}" for each in suspects[:FEW]]
    more = [f"  and {len(suspects) - FEW} more"] if len(suspects) > FEW else []
    spared = [
        f"  without them: {each.candidate.label} F1 {share(each.scores['field_f1'])}"
        for each in concluded.without_suspects
        if each.scores["field_f1"].value is not None
    ]
    head = english(Reason("doubtful", {"n": len(suspects)}))
    return ["", head, *first, *more, *spared]


def decision_lines(decision: Decision) -> list[str]:
    """A candidate's word and evidence, then what speaks against it."""
    word = decision.verdict.replace("_", " ")
    lines = [f"{decision.candidate.label}: {word}; {'; '.join(worded_all(decision.reasons_for('evidence')))}"]
    beside = "; ".join(worded_all(decision.reasons_for("pipeline")))
    lines += [f"    than today's pipeline: {beside}"] if beside else []
    return [*lines, *(f"    against: {reason}" for reason in worded_all(decision.reasons_for("against")))]
