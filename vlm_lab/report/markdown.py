"""A run as Markdown of GitHub's flavour: report.md. The first page for those who decide, then the tables.

Replies, names and references are hostile text: whatever could be markup is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from vlm_lab.report.blocks import Block, Heading, Items, PageBreak, Picture, Table, Text, Word
from vlm_lab.report.tables import SIGNS
from vlm_lab.sanitize import shown

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)  # what GitHub makes a link of by itself
_BEGINS = re.compile(r"^(\s*\d*)([-+=.)])")  # a list, a number of one, a rule


def markdown(blocks: Iterable[Block]) -> str:
    """The whole file; the same for the same blocks."""
    return "\n".join(line for block in blocks for line in (*_lines(block), "")).rstrip() + "\n"


def escaped(text: object) -> str:
    """Text that stays text in Markdown, on one line; no address in it becomes a link."""
    return _LINKS.sub("\u2060", _MARKUP.sub(r"\\\1", shown(str(text))))


def grid(heads: Sequence[str], rows: Sequence[Sequence[str | Word]]) -> list[str]:
    """A table of GitHub's flavour; cells are escaped here."""
    body = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return ["| " + " | ".join(map(escaped, heads)) + " |", "|" + "---|" * len(heads), *body]


def _cell(cell: str | Word) -> str:
    return f"{SIGNS[cell.verdict]} **{escaped(cell.text)}**" if isinstance(cell, Word) else escaped(cell)


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"{'#' * level} {escaped(text)}"
        case Text(text, strong):
            yield f"**{escaped(text)}**" if strong else _paragraph(text)
        case Items(lines):
            yield from (f"- {_paragraph(line)}" for line in lines)
        case Table(heads, rows):
            yield from grid(heads, rows)
        case Picture(address, title):
            yield f"![{escaped(title)}]({address})"
        case PageBreak():
            yield "---"


def _paragraph(text: str) -> str:
    """A line whose beginning is no list, number or rule."""
    return _BEGINS.sub(r"\1\\\2", escaped(text))
