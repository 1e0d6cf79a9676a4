"""A run as Markdown: the table of models, what they get wrong field by field, what could not be measured.

Replies, names and references are hostile text: whatever could be markup is escaped.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.documents import shown
from vlm_lab.report.text import HEADS, interval, model_row, share, troubles
from vlm_lab.types import Summary

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def markdown(head: Mapping[str, Any], summaries: Sequence[Summary], notes: Sequence[str]) -> str:
    """The whole of report.md; the same for the same run."""
    lines = [f"# Run {head['run']['id']}", "", *_conditions(head), ""]
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        own = [summary for summary in summaries if summary.suite == suite]
        lines += [f"## {escaped(suite)}", "", *grid(HEADS, [model_row(each) for each in own]), ""]
        lines += _section("Not simply answered", [escaped(line) for each in own for line in troubles(each)])
        for summary in own:
            lines += _details(summary)
    return "\n".join([*lines, *_section("Notes", [escaped(note) for note in notes])]).rstrip() + "\n"


def escaped(text: object) -> str:
    """Text that stays text in Markdown, on one line."""
    return _MARKUP.sub(r"\\\1", shown(str(text)))


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of GitHub's flavour; cells are escaped here."""
    body = ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body]


def _conditions(head: Mapping[str, Any]) -> list[str]:
    run, machine = head["run"], head["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    return [
        f"{'Dry run: no model was called. ' if run['dry_run'] else ''}Started {run['started']} with"
        f" `{' '.join(run['command'])}`.",
        f"Machine: {escaped(machine['device'])}; {escaped(machine['cpu'])}; Python {machine['python']}; {packages}.",
        "Intervals are 95 %, percentile bootstrap over documents; seconds from decoded pixels to the full reply.",
    ]


def _details(summary: Summary) -> list[str]:
    if not summary.fields:
        return []
    heads = ("field", "right", "95 %", "exact", "format", "wrong", "missing", "spurious")
    rows = [
        [path, share(each.accuracy), interval(each.accuracy), *(str(count) for count in each.outcomes.values())]
        for path, each in summary.fields.items()
    ]
    title = f"### {escaped(summary.model)}, prompt {escaped(summary.prompt_id)}"
    return [title, "", *grid(heads, rows), "", *_tags(summary), *_kinds(summary)]


def _tags(summary: Summary) -> list[str]:
    rows = [
        [
            tag,
            share(each["field_f1"]),
            interval(each["field_f1"]),
            share(each["documents_right"]),
            str(each["field_f1"].n),
        ]
        for tag, each in summary.tags.items()
    ]
    return [*grid(("tag", "F1", "95 %", "fully right", "documents"), rows), ""] if rows else []


def _kinds(summary: Summary) -> list[str]:
    """The five commonest kinds of error, each with its first example."""
    rows = []
    for kind, count in list(summary.kinds.items())[:5]:
        example = summary.examples[kind][0]
        values = [str(example[key])[:60] for key in ("expected", "actual")]
        rows.append([kind.replace("_", " "), str(count), f"{example['document']}: {example['path']}", *values])
    return [*grid(("kind of error", "count", "for example", "expected", "answered"), rows), ""] if rows else []


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"### {title}", "", *(f"- {line}" for line in lines), ""] if lines else []
