"""A format in place of a value says nothing; a value that only looks odd does."""

import pytest

from vlm_lab.fields.placeholders import is_placeholder
from vlm_lab.scoring import score_values
from vlm_lab.types import Field


@pytest.mark.parametrize(
    "text",
    [
        "string", "number", "string or null", "number | null", "string (ISO 8601)", "ISO 4217",
        "YYYY-MM-DD", "DD.MM.YYYY", "MM/DD/YYYY", "TT.MM.JJJJ", "JJ/MM/AAAA", "ДД.ММ.ГГГГ",
        "0000-00-00", "<number>", "<your value here>", "{{total}}", "${total}", "[invoice number]",
        "...", "…", "____", "XXX", "X.XX", "XX-XX-XXXX",
    ],
)  # fmt: skip
def test_a_format_is_no_value(text: str) -> None:
    assert is_placeholder(text)
    (result,) = score_values({"x": text}, {"x": "2024-05-06"}, (Field("x"),)).fields
    assert result.outcome == "missing"


@pytest.mark.parametrize(
    "text",
    ["x", "XL", "MM", "AG", "D-M-A", "2024-05-06", "[promo]", "Number 5", "A...", "--x", "X5"],
)
def test_an_odd_value_is_one(text: str) -> None:
    assert not is_placeholder(text)


def test_a_placeholder_that_the_reference_has_is_right() -> None:
    (result,) = score_values({"x": "string"}, {"x": "string"}, (Field("x"),)).fields
    assert result.outcome == "exact"
