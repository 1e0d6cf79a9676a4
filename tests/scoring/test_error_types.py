"""The name of an error."""

import pytest

from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.scoring import score_values
from vlm_lab.scoring.error_types import ERROR_TYPES

TYPES = {
    "number": "identifier", "date": "date", "net": "amount", "gross": "amount", "note": "text",
    "seller.name": "name", "buyer.name": "name",
}  # fmt: skip
REFERENCE = {
    "number": "INV-2041",
    "date": "2024-03-05",
    "net": "1250.00",
    "gross": "1487.50",
    "note": "Payable within thirty days",
    "seller": {"name": "Foo GmbH"},
    "buyer": {"name": "Bar AG"},
    "rows": [{"d": "Lamp", "p": "450.00"}, {"d": "Chair", "p": "800.00"}],
}


def schema():
    plain = {path: {"x-vlm-lab": name} for path, name in TYPES.items() if "." not in path}
    sides = {side: {"properties": {"name": {"x-vlm-lab": "name"}}} for side in ("seller", "buyer")}
    row = {"properties": {"d": {}, "p": {"format": "decimal"}}}
    return {"properties": plain | sides | {"rows": {"items": row}}}


def kinds(**said):
    """The kinds of the wrong fields when these values are said instead of the reference's."""
    scored = score_values(REFERENCE | said, REFERENCE, collect_schema_fields(schema()))
    return {result.path: result.kind for result in scored.fields if result.outcome == "wrong"}


CASES = [
    ("net", "-1250.00", "sign lost"),
    ("net", "12500", "decimal or thousands shift"),
    ("net", "1.25", "decimal or thousands shift"),
    ("date", "2024-05-03", "day/month swap"),
    ("net", "1487.50", "net/gross swap"),
    ("gross", "1250", "net/gross swap"),
    ("net", "450.00", "value of another field"),
    ("number", "INV-2401", "digits transposed"),
    ("number", "INV-2047", "one character misread"),
    ("number", "INV-204", "one character lost or added"),
    ("date", "2024-11-05", "one part of a date"),
    ("date", "in March", "not of its type"),
    ("note", "Payable within", "part missing"),
    ("note", "Payable within thirty days net", "more than the value"),
    ("note", "Payabla withim thirty days", "some characters misread"),
    ("note", "Thank you!", None),
    ("net", "3.14", None),
    ("net", "1.260,00 €", "one character misread"),
    ("date", "05.03.2025", "one character misread"),
]


@pytest.mark.parametrize(("path", "said", "kind"), CASES)
def test_the_name_of_an_error(path, said, kind):
    assert kinds(**{path: said}) == {path: kind}


def test_seller_and_buyer_swapped():
    swapped = kinds(seller=REFERENCE["buyer"], buyer=REFERENCE["seller"])
    assert swapped == {"seller.name": "seller/buyer swap", "buyer.name": "seller/buyer swap"}


def test_the_value_of_another_row():
    assert kinds(rows=[{"d": "Lamp", "p": "800.00"}, {"d": "Chair", "p": "800.00"}]) == {
        "rows[0].p": "other row"
    }


def test_a_short_value_stands_everywhere_and_is_recognised_nowhere():
    reference = {"rows": [{"d": "Lamp", "n": "5"}, {"d": "Chair", "n": "2"}]}
    said = {"rows": [{"d": "Lamp", "n": "2"}, {"d": "Chair", "n": "2"}]}
    found = [
        result.kind for result in score_values(said, reference).fields if result.outcome == "wrong"
    ]
    assert found == ["one character misread"]


@pytest.mark.parametrize(
    ("expected", "said", "kind"),
    [("100 x", "1 x", None), ("120 x", "12 x", "decimal or thousands shift")],
)
def test_a_quantity_of_one_digit_is_not_a_shifted_one(expected, said, kind):
    found = score_values({"n": said}, {"n": expected}).fields
    assert [(result.type, result.kind) for result in found] == [("quantity", kind)]


def test_right_answers_have_no_kind():
    assert kinds(net="1.250,00 €") == {}


def test_every_kind_is_tested():
    assert set(ERROR_TYPES) - {kind for *_, kind in CASES} == {"seller/buyer swap", "other row"}
