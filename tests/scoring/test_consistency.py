"""Checks on an answer that need no reference."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.scoring.consistency import check_consistency
from vlm_lab.types import Conventions

SETTINGS = settings(max_examples=50, deadline=None)  # other work on the machine is no failure

SCHEMA = Path(__file__).parents[2] / "benchmarks" / "invoices" / "schema.json"
FIELDS = collect_schema_fields(json.loads(SCHEMA.read_text("utf-8")))
SUITE = Conventions("dmy", ("en", "ru"))


def check(name, value):
    return check_consistency(value, FIELDS, SUITE)[name]


@pytest.mark.parametrize(
    ("rows", "totals", "result"),
    [
        (["60.00", "40,00 €"], {"net": "100.00", "gross": "119.00"}, True),
        (["71.40", "47.60"], {"net": "100.00", "gross": "119.00"}, True),
        (["60.00", "41.00"], {"net": "100.00"}, False),
        (["60.00", "40.00"], {"tax": "19.00", "gross": "119.00"}, True),
        (["33.33", "33.33", "33.33"], {"net": "100.00"}, True),
        (["10.01"] * 10, {"net": "100.06"}, True),
        (["10.01"] * 10, {"net": "100.20"}, False),
        (["60.00", "?"], {"net": "100.00"}, None),
        (["60.00"], {}, None),
        ([], {"net": "100.00"}, None),
    ],
)
def test_rows_add_up_to_net_or_gross(rows, totals, result):
    assert (
        check("rows_add_up", {"line_items": [{"amount": row} for row in rows], "totals": totals})
        is result
    )


def test_a_cell_that_is_called_total_is_not_the_total():
    row = {"properties": {"total": {"format": "decimal"}}}
    heads = {name: {"format": "decimal"} for name in ("net", "tax", "total")}
    fields = collect_schema_fields({"properties": heads | {"rows": {"items": row}}})
    said = {
        "net": "100.00",
        "tax": "19.00",
        "total": "119.00",
        "rows": [{"total": "60.00"}, {"total": "40.00"}],
    }
    assert check_consistency(said, fields, SUITE) | {"check_digits": None} == {
        "rows_add_up": True,
        "net_plus_tax": True,
        "dates_in_order": None,
        "check_digits": None,
    }


@pytest.mark.parametrize(
    ("row", "result"),
    [
        ({"price": "50.00", "amount": "100.00"}, True),
        ({"price": "100.00"}, True),
        ({"unit_price": "100.00"}, None),
        ({"amount": "100.00", "line_total": "100.00"}, None),
        ({"Сумма": "100.00"}, True),
        ({"Стоимость": "90.00"}, False),
        ({"tax_amount": "19.00", "amount": "100.00"}, True),
    ],
)
def test_one_column_has_the_rows_totals_or_nobody_adds(row, result):
    cells = {"properties": {key: {"format": "decimal"} for key in row}}
    fields = collect_schema_fields(
        {"properties": {"net": {"format": "decimal"}, "rows": {"items": cells}}}
    )
    assert (
        check_consistency({"net": "100.00", "rows": [row]}, fields, SUITE)["rows_add_up"] is result
    )


@pytest.mark.parametrize(
    "names",
    [
        ("net", "tax", "gross"),
        ("subtotal_price", "tax_price", "total_price"),
        ("Сумма без НДС", "НДС", "Всего с НДС"),
        ("total_net", "total_tax", "total"),
        ("Netto", "MwSt", "Brutto"),
        ("total_excl_tax", "total_vat", "total_incl_tax"),
    ],
)
def test_totals_are_known_by_their_names(names):
    fields = collect_schema_fields({"properties": {name: {"format": "decimal"} for name in names}})
    assert (
        check_consistency(
            dict(zip(names, ("100.00", "19.00", "119.00"), strict=True)), fields, SUITE
        )["net_plus_tax"]
        is True
    )
    assert (
        check_consistency(
            dict(zip(names, ("100.00", "19.00", "109.00"), strict=True)), fields, SUITE
        )["net_plus_tax"]
        is False
    )


@pytest.mark.parametrize(
    ("gross", "result"), [("119.00", True), ("119,01", True), ("129.00", False), (None, None)]
)
def test_net_and_tax_are_gross(gross, result):
    assert check("net_plus_tax", {"totals": {"net": "100.00", "tax": 19, "gross": gross}}) is result


def test_a_reply_adds_up_by_its_own_decimal_mark():
    assert check("net_plus_tax", {"totals": {"net": "100.000", "tax": "19.00", "gross": "119.00"}})
    thousands = {"net": "100.000", "tax": "19.000", "gross": "119.000,00"}
    assert check("net_plus_tax", {"totals": thousands})


@pytest.mark.parametrize(
    ("due", "result"), [("01.04.2024", True), ("2024-03-11", False), ("soon", None)]
)
def test_an_invoice_is_not_due_before_it_is_written(due, result):
    assert check("dates_in_order", {"issue_date": "2024-03-12", "due_date": due}) is result


@pytest.mark.parametrize(
    ("tax_id", "result"),
    [
        ("DE 136 695 976", True),
        ("DE136695967", False),
        ("GB 980 7806 84", True),
        ("CHE-100.155.212 MWST", True),
        ("7707083893", True),
        ("7707083839", False),
        ("12", None),
        ("", None),
    ],
)
def test_check_digits_of_tax_ids(tax_id, result):
    assert check("check_digits", {"seller": {"tax_id": tax_id}}) is result


def test_bare_digits_are_judged_in_a_russian_suite_only():
    said = {"seller": {"tax_id": "34092/30007"}}
    assert check_consistency(said, FIELDS, Conventions(languages=("ru",)))["check_digits"] is False
    assert (
        check_consistency(said, FIELDS, Conventions(languages=("de", "ru")))["check_digits"] is None
    )


def test_check_digits_of_ibans():
    fields = collect_schema_fields({"properties": {"iban": {"x-vlm-lab": "iban"}}})
    assert (
        check_consistency({"iban": "DE02 1203 0000 0000 2020 51"}, fields, SUITE)["check_digits"]
        is True
    )
    assert (
        check_consistency({"iban": "DE02 1203 0000 0000 2020 15"}, fields, SUITE)["check_digits"]
        is False
    )


def test_nothing_said_nothing_checked():
    assert set(check_consistency(None, FIELDS, SUITE).values()) == {None}


SAID = (
    st.none()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.text())
    | st.sampled_from(["DE1", "IBAN", "FRé"])
)


@SETTINGS
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys([*(field.path for field in FIELDS), "line_items"], SAID)
    )
)
def test_no_answer_crashes_a_check(value):
    assert all(
        result in (True, False, None) for result in check_consistency(value, FIELDS, SUITE).values()
    )
