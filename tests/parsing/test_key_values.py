"""Nested YAML and lines of pairs; values as they are printed."""

import time
from typing import Any

import pytest

from vlm_lab.parsing import parse_text


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("number: R-1\ntotals:\n  net: 10.00\n  gross: 11.90\n",
         {"number": "R-1", "totals": {"net": "10.00", "gross": "11.90"}}),
        ("```yaml\nrows:\n  - text: Cable: long\n    paid: no\n  - text: 'Plug'\n    paid: 007",
         {"rows": [{"text": "Cable: long", "paid": "no"}, {"text": "Plug", "paid": "007"}]}),
        ("Here you are:\n```yml\nseller:\n  name: A & B #2\n```\nDone.",
         {"seller": {"name": "A & B #2"}}),
        ("number: #17\nseller:\n  name: *new* Ltd\n  id: &7\n",
         {"number": "#17", "seller": {"name": "*new* Ltd", "id": "&7"}}),
        ("tags: [a, b]\nseller:\n  note: |\n    two\n    lines\n",
         {"tags": ["a", "b"], "seller": {"note": "two\nlines"}}),
    ],
)  # fmt: skip
def test_yaml_is_read_as_it_is_printed(raw: str, value: dict[str, Any]) -> None:
    prediction = parse_text(raw)
    assert (prediction.value, prediction.status) == (value, "ok")


def test_of_yaml_that_is_cut_off_the_last_line_is_left_out() -> None:
    prediction = parse_text("seller:\n  name: A\n  id: 12", "length")
    assert (prediction.value, prediction.status) == ({"seller": {"name": "A"}}, "truncated")


def test_an_alias_is_not_followed() -> None:
    levels = [f"  a{n}: [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    bomb = "x:\n  a0: &a0 [lol]\n" + "\n".join(levels)
    start = time.process_time()
    assert "lol" not in str(parse_text(bomb).value).replace("[lol]", "")
    assert time.process_time() - start < 1
