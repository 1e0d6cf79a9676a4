"""What a page is made of, apart from how it was drawn."""

import pytest

from vlm_lab.suite.rendering.page_images import RenderedPage, join_rows


@pytest.mark.parametrize("fill", [0, 1, 3])
def test_what_stands_between_rows_is_left_out(fill: int) -> None:
    rows = [bytes(range(6)), bytes(range(6, 12)), bytes(range(12, 18))]
    drawn = b"".join(row + b"\xff" * fill for row in rows)
    page = RenderedPage(0, (2, 3), bytearray(drawn), 6 + fill)
    assert bytes(join_rows(page)) == b"".join(rows)
