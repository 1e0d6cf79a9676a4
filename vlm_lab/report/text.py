"""Figures as people read them, and tables of them: the same in the terminal and in report.md."""

from collections.abc import Sequence

from vlm_lab.types import Estimate, Summary

UNANSWERED = ("unparsed", "truncated", "refused", "error", "skipped", "not_run")
HEADS = ("model", "prompt", "F1", "95 %", "right", "s/doc", "p95", "tok/s", "answered", "cached")


def share(estimate: Estimate | None) -> str:
    """`0.873`, or a dash where nothing was judged."""
    return "-" if estimate is None or estimate.value is None else f"{estimate.value:.3f}"


def interval(estimate: Estimate | None) -> str:
    """`0.82-0.91`"""
    if estimate is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.low:.2f}-{estimate.high:.2f}"


def number(value: float | None, form: str = ".2f") -> str:
    """A figure, or a dash where it was not measured."""
    return "-" if value is None else format(value, form)


def model_row(summary: Summary) -> list[str]:
    """One model x prompt under HEADS."""
    scores, speed = summary.scores, summary.speed
    right = scores.get("documents_right", Estimate(None))
    answered = sum(summary.statuses.get(status, 0) for status in ("ok", "unparsed", "truncated", "refused"))
    return [
        summary.model,
        summary.prompt_id,
        share(scores.get("field_f1")),
        interval(scores.get("field_f1")),
        "-" if right.value is None else f"{round(right.value * right.n)}/{right.n}",
        number(speed.median_seconds),
        number(speed.p95_seconds),
        number(speed.tokens_per_second, ".0f"),
        f"{answered}/{summary.documents}",
        str(summary.cached),
    ]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under their heads, as wide as they must be."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (heads, *rows)
    ]


def troubles(summary: Summary) -> list[str]:
    """What kept cells from being simply answered: one line a reason, with the first documents' names."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for document, (status, reason) in summary.unanswered.items():
        reasons.setdefault((status, reason), []).append(document)
    lines = []
    for (status, reason), documents in reasons.items():
        names = ", ".join(documents[:3]) + (f" and {len(documents) - 3} more" if len(documents) > 3 else "")
        which = f"all {len(documents)}" if len(documents) == summary.documents > 1 else f"{len(documents)} ({names})"
        why = f": {reason.removeprefix(f'{summary.model}: ')}" if reason else ""
        lines.append(f"{summary.model} ({summary.prompt_id}): {which} {status.replace('_', ' ')}{why}")
    return lines
