"""pytest tests/fields/test_printed_forms.py: the forms in which a page may show a value."""

from typing import Any

import pytest

from vlm_lab.fields.printed_forms import list_printed_forms


@pytest.mark.parametrize(
    ("value", "order", "form"),
    [
        ("1234.5", "dmy", "1.234,50"),
        ("1234567.89", "dmy", "1 234 567,89"),
        (-1200, "dmy", "1,200.00"),
        ("2024-09-20", "dmy", "20.09.2024"),
        ("2024-09-20", "mdy", "09/20/2024"),
        ("2024-09-20", "dmy", "20 septembre 2024"),
        ("INV-1", "dmy", "INV-1"),
    ],
)
def test_a_value_has_the_form_that_the_page_shows(value: Any, order: str, form: str) -> None:
    assert form in list_printed_forms(
        value, {"date_order": order, "languages": ["fr", "no such language"]}
    )


@pytest.mark.parametrize("value", [None, "", "1", "x", "\u00b2"])
def test_what_every_page_has_somewhere_has_no_form(value: Any) -> None:
    assert list_printed_forms(value, {"date_order": "dmy", "languages": ["en"]}) == []


@pytest.mark.parametrize(
    "value", ["9" * 400, "1.2.3", "٣.٥", "2024-99-99", "\x00" * 5, {"a": 1}, ["long", "list"]]
)
def test_hostile_values_are_text(value: Any) -> None:
    assert list_printed_forms(value, {"date_order": "ymd", "languages": ["en"]})[0] == str(value)
