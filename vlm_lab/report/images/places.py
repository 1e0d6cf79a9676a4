"""Where the expected values of each document are printed, for the boxes that the page draws.

A PDF's own text layer tells; of a scan or photo the lines that OCR has read for an earlier form of
the report. What neither has gets no box: nothing is guessed, and nothing is read anew.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_lab.errors import DocumentError
from vlm_lab.fields.printed_forms import list_printed_forms
from vlm_lab.report.images.locate import LineReader, locate_in_lines, make_line_reader
from vlm_lab.suite.pages import locate_values
from vlm_lab.types import Report

MAX_VALUES = 300  # of one document that are looked for
MAX_VALUE_LENGTH = 200  # characters: a longer text runs over lines
SCALE = 1000  # shares of a page are written in thousandths
RowPlaces = dict[int, list[list[int]]]  # row -> page index, left, top, right, bottom


def add_value_places(report: Report, documents: Sequence[dict[str, Any]], folder: Path) -> None:
    """Puts `places` beside the rows of each document of the page's data that has images, whose
    addresses are its `pages`."""
    paths = {
        (document["suite"], document["id"]): Path(document.get("path", ""))
        for document in report.documents
    }
    conventions = {suite["name"]: suite["conventions"] for suite in report.suites}
    read_lines = make_line_reader(folder)
    for document in documents:
        if not document["pages"]:
            continue
        forms_by_row = dict(_list_forms(document["expected"], conventions[document["suite"]]))
        path = paths[document["suite"], document["id"]]
        places = _locate_in_text_layer(path, forms_by_row, len(document["pages"]))
        if not places:
            places = _locate_in_known_lines(document["pages"], forms_by_row, read_lines)
        if places:
            document["places"] = places


def _list_forms(
    values: Sequence[Any], conventions: Mapping[str, Any]
) -> Iterator[tuple[int, list[str]]]:
    """Row and printed forms of each value that can be looked for."""
    for row, value in enumerate(values[:MAX_VALUES]):
        if isinstance(value, str | int | float) and len(str(value)) <= MAX_VALUE_LENGTH:
            forms = list_printed_forms(value, conventions)
            if forms:
                yield row, forms


def _locate_in_text_layer(
    path: Path, forms_by_row: Mapping[int, Sequence[str]], page_count: int
) -> RowPlaces:
    if path.suffix.lower() != ".pdf" or not forms_by_row:
        return {}
    with contextlib.suppress(DocumentError, OSError):
        found = locate_values(path, list(forms_by_row.values()), page_count)
        return {
            row: [_scale_place(*place) for place in places]
            for row, places in zip(forms_by_row, found, strict=True)
            if places
        }
    return {}


def _locate_in_known_lines(
    page_addresses: Sequence[str], forms_by_row: Mapping[int, Sequence[str]], read_lines: LineReader
) -> RowPlaces:
    """A line is boxed over the page's whole width: where in it the value stands is not known."""
    lines_by_page = [read_lines(address, True) for address in page_addresses]
    if not any(lines_by_page):
        return {}
    found = {row: locate_in_lines(lines_by_page, forms) for row, forms in forms_by_row.items()}
    return {
        row: [_scale_place(location.page, 0, location.top, 1, location.bottom)]
        for row, location in found.items()
        if location
    }


def _scale_place(page: int, *shares: float) -> list[int]:
    return [page, *(round(share * SCALE) for share in shares)]
