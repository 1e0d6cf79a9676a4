"""A run in Confluence's storage format: XHTML with the wiki's macros, to be pasted through its
source editor or sent through its REST interface; plots and page strips are PNG files to attach to
the page.

The format: Atlassian, "Confluence Storage Format".
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from markupsafe import escape

from vlm_lab.report import blocks
from vlm_lab.report.blocks import Block, VerdictCell
from vlm_lab.sanitize import terminal_safe

CONFLUENCE_FILE = "report.confluence.xml"
VERDICT_COLOURS = {"chosen": "Green", "rejected": "Red", "needs_more_data": "Yellow"}


def render_confluence(report_blocks: Iterable[Block]) -> str:
    """The page's body; the same for the same blocks."""
    return "\n".join(line for block in report_blocks for line in _render_block(block)) + "\n"


def _render_block(block: Block) -> Iterator[str]:
    match block:
        case blocks.Heading(level, text):
            yield f"<h{level}>{_escape_text(text)}</h{level}>"
        case blocks.Paragraph(text, strong):
            yield (
                f"<p><strong>{_escape_text(text)}</strong></p>"
                if strong
                else f"<p>{_escape_text(text)}</p>"
            )
        case blocks.BulletList(lines):
            yield f"<ul>{''.join(f'<li>{_escape_text(line)}</li>' for line in lines)}</ul>"
        case blocks.Table(columns, rows):
            yield from _render_table(columns, rows)
        case blocks.Picture(address, title):
            name = _escape_text(PurePosixPath(address).name)
            attachment = f'<ri:attachment ri:filename="{name}" />'
            yield f'<p><ac:image ac:alt="{_escape_text(title)}">{attachment}</ac:image></p>'
        case blocks.PageBreak():
            yield "<hr />"


def _render_table(
    columns: Sequence[str], rows: Sequence[Sequence[str | VerdictCell]]
) -> Iterator[str]:
    yield "<table><tbody>"
    yield f"<tr>{''.join(f'<th>{_escape_text(title)}</th>' for title in columns)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_render_cell(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table>"


def _render_cell(cell: str | VerdictCell) -> str:
    if not isinstance(cell, VerdictCell):
        return _escape_text(cell)
    colour = f'<ac:parameter ac:name="colour">{VERDICT_COLOURS[cell.verdict]}</ac:parameter>'
    title = f'<ac:parameter ac:name="title">{_escape_text(cell.text)}</ac:parameter>'
    return f'<ac:structured-macro ac:name="status">{colour}{title}</ac:structured-macro>'


def _escape_text(text: str) -> str:
    """Text that stays text; what XML cannot hold is replaced by `terminal_safe`."""
    return str(escape(terminal_safe(text)))
