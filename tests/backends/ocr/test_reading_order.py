"""pytest tests/backends/ocr/test_reading_order.py: pieces of text are read as a person would."""

import pytest

from vlm_lab.backends.ocr.reading_order import format_pages
from vlm_lab.backends.ocr.text_lines import TextLine

Piece = tuple[float, float, float, str]  # left, top, height, text


def page(*pieces: Piece) -> list[TextLine]:
    return [
        TextLine(0, (left, top, left + 100, top + height), text)
        for left, top, height, text in pieces
    ]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], ""),
        ([(300, 10, 20, "12.00"), (10, 12, 20, "Total")], "Total  12.00"),
        ([(10, 60, 20, "second"), (10, 10, 20, "first")], "first\nsecond"),
        ([(10, 10, 60, "LOGO"), (300, 30, 20, "No. 7")], "LOGO  No. 7"),
        (
            [(10, 10 + 24 * n, 20, f"l{n}") for n in range(3)]
            + [(300, 22 + 24 * n, 20, f"r{n}") for n in range(3)],
            "l0\nr0\nl1\nr1\nl2\nr2",
        ),
    ],
    ids=["nothing", "a row", "two rows", "a tall piece", "columns half a line apart"],
)
def test_rows_from_top_to_bottom_and_pieces_from_left_to_right(
    pieces: list[Piece], text: str
) -> None:
    assert format_pages([page(*pieces)]) == text


def test_pages_stand_apart_and_an_empty_one_says_nothing() -> None:
    first, last = page((0, 0, 20, "one")), page((0, 0, 20, "three"))
    assert format_pages([first, [], last]) == "one\n\nthree"


def test_a_page_of_many_pieces_is_read_in_time() -> None:
    pieces = [(10.0 * (n % 50), 20.0 * (n // 50), 15, "x") for n in range(50_000)]
    assert format_pages([page(*pieces)]).count("\n") == 999
