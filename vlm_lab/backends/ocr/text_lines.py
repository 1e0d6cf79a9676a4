"""Pieces of text -> lines on a level page, with the labels in them and what stands at a label:
behind it, right of it or below it."""

import cmath
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import median

from vlm_lab.backends.ocr.words import LABEL_PATTERNS, fold_text

# Four corners, clockwise from the top left, and what is written there.
TextBox = tuple[list[tuple[float, float]], str]


@dataclass(frozen=True, slots=True)
class TextLine:
    """One piece of text on a page turned level: left, top, right, bottom in pixels, and the labels
    in it."""

    page: int
    box: tuple[float, float, float, float]
    text: str
    label_spans: tuple[tuple[int, int, str], ...] = ()

    def is_in_row_of(self, other: "TextLine") -> bool:
        (_, top, _, bottom), (_, other_top, _, other_bottom) = self.box, other.box
        height = min(bottom - top, other_bottom - other_top)
        distance = abs(top + bottom - other_top - other_bottom)
        return self.page == other.page and distance < 1.1 * height

    def is_below(self, other: "TextLine") -> bool:
        """In the same column, at most four lines down."""
        (left, top, right, _) = self.box
        (other_left, other_top, other_right, other_bottom) = other.box
        if self.page != other.page or right <= other_left - 10 or left >= other_right + 10:
            return False
        is_near = 0 < top - other_top < 4 * (other_bottom - other_top)
        return is_near and not self.is_in_row_of(other)


def deskew_lines(page: int, boxes: Sequence[TextBox]) -> list[TextLine]:
    """One page's lines turned by the median tilt of its longer ones, so that what is one row has
    one height."""
    angles = [
        math.atan2(box[1][1] - box[0][1], box[1][0] - box[0][0])
        for box, text in boxes
        if len(text) > 4
    ]
    rotation = cmath.rect(1, -median(angles or [0]))
    lines = []
    for box, text in boxes:
        corners = [complex(x, y) * rotation for x, y in box]
        xs = [corner.real for corner in corners]
        ys = [corner.imag for corner in corners]
        level_box = (min(xs), min(ys), max(xs), max(ys))
        lines.append(build_text_line(page, level_box, text))
    return lines


def build_text_line(page: int, box: tuple[float, float, float, float], text: str) -> TextLine:
    """A line with its labels found, except for those in brackets: in "Total (incl. VAT)" VAT is no
    label."""
    text = unicodedata.normalize("NFC", text)
    bracket_spans = [match.span() for match in re.finditer(r"\([^)]+\)", text)]
    folded_text = fold_text(text)
    candidates: list[tuple[int, int, str]] = []
    for kind, pattern in LABEL_PATTERNS.items():
        candidates += [(*match.span(), kind) for match in pattern.finditer(folded_text)]
    label_spans: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(candidates, key=lambda span: span[0] - span[1]):
        is_free = all(end <= taken[0] or start >= taken[1] for taken in label_spans)
        is_in_brackets = any(opening < start < closing for opening, closing in bracket_spans)
        if start < end and is_free and not is_in_brackets:
            label_spans.append((start, end, kind))
    return TextLine(page, box, text, tuple(sorted(label_spans)))


def find_labelled_texts(
    lines: Sequence[TextLine], kind: str
) -> Iterator[tuple[TextLine, list[str], list[str]]]:
    """Each label of a kind, the texts behind and right of it up to the next label, and the texts
    below it."""
    for label in lines:
        next_spans = [*label.label_spans[1:], None]
        for (_, end, label_kind), next_span in zip(label.label_spans, next_spans, strict=False):
            if label_kind != kind:
                continue
            row_texts = [label.text[end : next_span[0] if next_span else None]]
            if next_span is None:
                row_texts += _collect_texts_right_of(label, lines)
            yield label, row_texts, _collect_texts_below(label, lines)


def has_label(line: TextLine, *kinds: str) -> bool:
    return any(kind in kinds for *_, kind in line.label_spans)


def get_left(line: TextLine) -> float:
    return line.box[0]


def _collect_texts_right_of(label: TextLine, lines: Sequence[TextLine]) -> list[str]:
    """Up to the next piece with a label in it."""
    row_lines = [line for line in lines if line.box[0] > label.box[0] and line.is_in_row_of(label)]
    row_lines.sort(key=get_left)
    return [line.text for line in takewhile(lambda line: not line.label_spans, row_lines)]


def _collect_texts_below(label: TextLine, lines: Sequence[TextLine]) -> list[str]:
    """A column: each piece is below the one before."""
    column_lines = [label]
    for line in lines:
        if line.is_below(column_lines[-1]):
            column_lines.append(line)
    return [line.text for line in column_lines[1:]]
