"""Digits are those that the model wrote: in a repair, and where a number is a code."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lab.parsing import parse_text
from vlm_lab.parsing.json_extraction import extract_json
from vlm_lab.scoring import score_values
from vlm_lab.types import Field

SETTINGS = settings(max_examples=200, deadline=None)
FIELDS = (Field("code", "identifier"), Field("sum", "amount"))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('{"code": 000815}', {"code": "000815"}),
        ('{"code": 2023.50, "sum": 12.50}', {"code": "2023.50", "sum": 12.5}),
        ('{"code": 2023.50, "sum": 12.50,}', {"code": "2023.50", "sum": 12.5}),
        ('{"code": 1e5}', {"code": "1e5"}),
        ("{code: 0012-7, sum: 1,250.00}", {"code": "0012-7", "sum": "1,250.00"}),
        ("{code: 2024-05-01, sum: 1.250,00}", {"code": "2024-05-01", "sum": "1.250,00"}),
        ("{code: 12 / 4, sum: .50}", {"code": "12 / 4", "sum": ".50"}),
        ('{"code": 7 "sum": 100.10 EUR}', {"code": 7, "sum": "100.10 EUR"}),
        ('{"code": +49, "sum": -007}', {"code": "+49", "sum": "-007"}),
        ("{'code': 0815, 'sum': 5}", {"code": "0815", "sum": 5}),
    ],
)
def test_numbers_without_quotes_keep_their_digits(raw: str, value: dict[str, Any]) -> None:
    assert parse_text(raw, None, FIELDS).value == value


@pytest.mark.parametrize(("raw", "items"), [("[1,2,3]", [1, 2, 3]), ("[01, 2.50]", ["01", 2.5])])
def test_items_of_a_broken_list_stay_apart(raw: str, items: list[Any]) -> None:
    assert parse_text('{"x": ' + raw + ", y: 1}").value == {"x": items, "y": 1}


def test_a_json_number_is_a_number_where_one_is_wanted() -> None:
    """`1.500` in JSON is one and a half; the same text could be thousands."""
    value = parse_text('{"code": "1", "sum": 1.500}', None, FIELDS).value
    assert value == {"code": "1", "sum": 1.5}
    unknown = parse_text('{"code": 20.10, "sum": 1.500}').value
    scored = score_values(unknown, {"code": "20.10", "sum": "1.5"}, FIELDS)
    assert {result.outcome for result in scored.fields} <= {"exact", "normalized"}


DIGITS = st.text("0123456789", min_size=1, max_size=12)
BARE = st.builds(
    lambda sign, whole, mark, rest: f"{sign}{whole}{mark + rest if mark else ''}",
    st.sampled_from(["", "-", "+"]), DIGITS, st.sampled_from(["", ".", ",", "-", "/", " "]), DIGITS,
)  # fmt: skip


@SETTINGS
@given(st.dictionaries(st.sampled_from("abcde"), BARE, min_size=1), st.booleans())
def test_a_repair_changes_no_digit(values: dict[str, str], quoted_keys: bool) -> None:
    quote = '"' if quoted_keys else ""
    members = [f"{quote}{key}{quote}: {text}" for key, text in values.items()]
    (extracted,) = extract_json("{" + ", ".join(members) + ",}")
    said = {key: str(value) for key, value in extracted.value.items()}
    assert said == values


@SETTINGS
@given(st.lists(st.floats(0, 10**6).map(lambda number: f"{number:.2f}"), min_size=1))
def test_json_numbers_keep_their_digits_and_can_be_written(texts: list[str]) -> None:
    (extracted,) = extract_json('{"x": [' + ", ".join(texts) + "]}")
    assert [str(number) for number in extracted.value["x"]] == [
        text if re.search("0$", text) else str(float(text)) for text in texts
    ] or [str(number) for number in extracted.value["x"]] == texts
    json.dumps(extracted.value)
