"""A run as Markdown of GitHub's flavour: report.md. The first page for those who decide, then the
tables.

Replies, names and references are hostile text: whatever could be markup is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from vlm_lab.report import blocks
from vlm_lab.report.blocks import Block, VerdictCell
from vlm_lab.report.tables import VERDICT_SIGNS
from vlm_lab.sanitize import terminal_safe

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_LINKS = re.compile(
    r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE
)  # what GitHub makes a link of by itself
_BLOCK_STARTS = re.compile(r"^(\s*\d*)([-+=.)])")  # a list, a number of one, a rule


def render_markdown(report_blocks: Iterable[Block]) -> str:
    """The whole file; the same for the same blocks."""
    return (
        "\n".join(line for block in report_blocks for line in (*_render_block(block), "")).rstrip()
        + "\n"
    )


def escape_markdown(text: object) -> str:
    """Text that stays text in Markdown, on one line; no address in it becomes a link."""
    return _LINKS.sub("\u2060", _MARKUP.sub(r"\\\1", terminal_safe(str(text))))


def render_table(columns: Sequence[str], rows: Sequence[Sequence[str | VerdictCell]]) -> list[str]:
    """A table of GitHub's flavour; cells are escaped here."""
    row_lines = ["| " + " | ".join(map(_render_cell, row)) + " |" for row in rows]
    return [
        "| " + " | ".join(map(escape_markdown, columns)) + " |",
        "|" + "---|" * len(columns),
        *row_lines,
    ]


def _render_cell(cell: str | VerdictCell) -> str:
    return (
        f"{VERDICT_SIGNS[cell.verdict]} **{escape_markdown(cell.text)}**"
        if isinstance(cell, VerdictCell)
        else escape_markdown(cell)
    )


def _render_block(block: Block) -> Iterator[str]:
    match block:
        case blocks.Heading(level, text):
            yield f"{'#' * level} {escape_markdown(text)}"
        case blocks.Paragraph(text, strong):
            yield f"**{escape_markdown(text)}**" if strong else _escape_paragraph(text)
        case blocks.BulletList(lines):
            yield from (f"- {_escape_paragraph(line)}" for line in lines)
        case blocks.Table(heads, rows):
            yield from render_table(heads, rows)
        case blocks.Picture(address, title):
            yield f"![{escape_markdown(title)}]({address})"
        case blocks.PageBreak():
            yield "---"


def _escape_paragraph(text: str) -> str:
    """A line whose beginning is no list, number or rule."""
    return _BLOCK_STARTS.sub(r"\1\\\2", escape_markdown(text))
