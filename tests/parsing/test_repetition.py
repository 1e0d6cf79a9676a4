"""A reply that loops until the token limit is told as one."""

import json

import pytest

from tests.parsing.shapes import ANSWER, FIELDS
from vlm_lab.parsing import parse_text
from vlm_lab.scoring import score_values

ROW = '{"text": "Cable", "amount": "1.00"}, '


@pytest.mark.parametrize(
    ("raw", "finish_reason"),
    [
        ('{"number": "R-0815", "rows": [' + ROW * 40 + ROW[:9], "length"),
        ('{"number": "R-0815", "rows": [' + ROW * 40 + ROW[:9], None),
        ('{"number": "' + "0" * 500, "length"),
        ('{"number": "R-0815",' + "\n" * 400, "length"),
        ("The number is R. " * 40 + "The num", "length"),
        ("<think>" + "Wait, let me look. " * 40, "length"),
        ("the the " * 100, None),
    ],
)
def test_missing_values_of_a_loop_have_its_kind(raw: str, finish_reason: str | None) -> None:
    prediction = parse_text(raw, finish_reason, FIELDS)
    assert "repetition" in prediction.reason
    results = score_values(
        prediction.value, ANSWER, FIELDS, status=prediction.status, reason=prediction.reason
    ).fields
    missing_kinds = {result.kind for result in results if result.outcome == "missing"}
    assert missing_kinds == {"repetition"}


def test_a_long_table_that_is_cut_off_is_no_loop() -> None:
    rows = ", ".join(json.dumps({"text": "Cable", "amount": f"{n}.00"}) for n in range(200))
    assert parse_text(f'{{"rows": [{rows}', "length").reason == ""


def test_a_whole_answer_with_equal_rows_is_no_loop() -> None:
    raw = '{"rows": [' + ", ".join([ROW.strip(", ")] * 50) + "]}"
    assert parse_text(raw, None, FIELDS).reason == ""
