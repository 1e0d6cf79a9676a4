"""Lines of level pages -> their text as a person reads it: rows from top to bottom, the pieces of a
row from left to right with a gap between them, an empty line between pages."""

from collections.abc import Sequence

from vlm_lab.backends.ocr.text_lines import TextLine, get_left

GAP = "  "  # between pieces of one row: columns stay apart, a model's tokens are few


def format_pages(pages: Sequence[Sequence[TextLine]]) -> str:
    """The text of all pages; of one where nothing was found, nothing."""
    texts = ["\n".join(map(_format_row, group_rows(lines))) for lines in pages]
    return "\n\n".join(filter(None, texts))


def group_rows(lines: Sequence[TextLine]) -> list[list[TextLine]]:
    """One page's lines by rows. Each is held against the first of its row: held against the one
    before it, columns whose lines lie half a line apart would make one row of a whole page."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=_get_middle):
        if rows and line.is_in_row_of(rows[-1][0]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _format_row(row: Sequence[TextLine]) -> str:
    return GAP.join(line.text for line in sorted(row, key=get_left))


def _get_middle(line: TextLine) -> float:
    _, top, _, bottom = line.box
    return (top + bottom) / 2
