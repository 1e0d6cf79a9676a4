"""A run in Confluence's storage format: XHTML with the wiki's macros, to be pasted through its source editor or sent
through its REST interface; plots and page strips are PNG files to attach to the page.

The format: Atlassian, "Confluence Storage Format".
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from markupsafe import escape

from vlm_lab.report.blocks import Block, Heading, Items, PageBreak, Picture, Table, Text, Word
from vlm_lab.sanitize import shown

NAME = "report.confluence.xml"
COLOURS = {"chosen": "Green", "rejected": "Red", "needs_more_data": "Yellow"}


def confluence(blocks: Iterable[Block]) -> str:
    """The page's body; the same for the same blocks."""
    return "\n".join(line for block in blocks for line in _elements(block)) + "\n"


def _elements(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"<h{level}>{_text(text)}</h{level}>"
        case Text(text, strong):
            yield f"<p><strong>{_text(text)}</strong></p>" if strong else f"<p>{_text(text)}</p>"
        case Items(lines):
            yield f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>"
        case Table(heads, rows):
            yield from _table(heads, rows)
        case Picture(address, title):
            name = _text(PurePosixPath(address).name)
            yield f'<p><ac:image ac:alt="{_text(title)}"><ri:attachment ri:filename="{name}" /></ac:image></p>'
        case PageBreak():
            yield "<hr />"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str | Word]]) -> Iterator[str]:
    yield "<table><tbody>"
    yield f"<tr>{''.join(f'<th>{_text(head)}</th>' for head in heads)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table>"


def _cell(cell: str | Word) -> str:
    if not isinstance(cell, Word):
        return _text(cell)
    colour = f'<ac:parameter ac:name="colour">{COLOURS[cell.verdict]}</ac:parameter>'
    title = f'<ac:parameter ac:name="title">{_text(cell.text)}</ac:parameter>'
    return f'<ac:structured-macro ac:name="status">{colour}{title}</ac:structured-macro>'


def _text(text: str) -> str:
    """Text that stays text; what XML cannot hold is replaced by `shown`."""
    return str(escape(shown(text)))
