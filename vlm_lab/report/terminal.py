"""The end of a run on the terminal: one line a model x prompt, what is missing and why, what to type next."""

from collections.abc import Sequence

from vlm_lab.report.text import HEADS, model_row, table, troubles
from vlm_lab.suspects import line
from vlm_lab.types import Decision, Summary, Suspect

MOST_LINES = 20
FEW = 5


def closing_lines(
    summaries: Sequence[Summary], decisions: Sequence[Decision] = (), suspects: Sequence[Suspect] = ()
) -> list[str]:
    """Doubtful references first, then by suite the table, the cells without an answer by reason, the decisions."""
    lines = _doubts(suspects)
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        own = [summary for summary in summaries if summary.suite == suite]
        ran = [summary for summary in own if _ran(summary)]
        if ran:
            lines += ["", f"{suite}: {own[0].documents} documents", *table(HEADS, [model_row(each) for each in ran])]
        why = [line for summary in own for line in troubles(summary)]
        lines += ["", *why[:MOST_LINES]] if why else []
        lines += [f"... and {len(why) - MOST_LINES} more reasons, in report.md"] if len(why) > MOST_LINES else []
        lines += ["", *(line for each in decisions if each.suite == suite for line in _decision(each))]
    return lines


def _doubts(suspects: Sequence[Suspect]) -> list[str]:
    if not suspects:
        return []
    shown = [f"  {line(each)}" for each in suspects[:FEW]]
    more = [f"  and {len(suspects) - FEW} more: vlm-lab corrections last"] if len(suspects) > FEW else []
    return ["", f"{len(suspects)} values of the references are doubtful:", *shown, *more]


def _decision(decision: Decision) -> list[str]:
    against = [f"    against: {reason}" for reason in decision.against]
    word = decision.verdict.replace("_", " ")
    return [f"{decision.model} ({decision.prompt_id}): {word}; {decision.evidence}", *against]


def _ran(summary: Summary) -> bool:
    return any(summary.statuses.get(status) for status in ("ok", "unparsed", "truncated", "refused", "error"))
