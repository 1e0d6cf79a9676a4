"""What the rules find, in the keys of suites that somebody else named."""

import json
from typing import Any

import pytest

from tests.projects import PROJECT
from vlm_lab.backends.ocr.backend import Ocr
from vlm_lab.backends.ocr.suite_keys import build_answer, choose_fields
from vlm_lab.errors import Skip
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.types import Field, Model, Prompt

FOUND = {
    "invoice_number": "T-7",
    "issue_date": "2025-02-01",
    "due_date": "2025-03-01",
    "currency": "EUR",
    "seller": {"name": "Torvald GmbH"},
    "totals": {"net": "100.00", "tax": "19.00", "gross": "119.00"},
    "line_items": [
        {"description": "Pump", "amount": "60.00", "unit_price": "30.00"},
        {"description": "Hose", "amount": "40.00"},
    ],
}


def fields(**types: str) -> list[Field]:
    return [Field(path, type_name) for path, type_name in types.items()]


@pytest.mark.parametrize(
    ("types", "answer"),
    [
        (
            {"Номер": "identifier", "Дата счёта": "date", "Сумма": "amount"},
            {"Номер": "T-7", "Дата счёта": "2025-02-01", "Сумма": "119.00"},
        ),
        (
            {"ID": "text", "IssueDate": "date", "DueDate": "date", "PayableAmount": "amount"},
            {
                "ID": "T-7",
                "IssueDate": "2025-02-01",
                "DueDate": "2025-03-01",
                "PayableAmount": "119.00",
            },
        ),
        (
            {
                "Поставщик.Наименование": "name",
                "Поставщик.ИНН": "tax_id",
                "Покупатель.Наименование": "name",
                "Итого.Без НДС": "amount",
                "Итого.НДС": "amount",
                "Итого.Всего": "amount",
                "Строки[].Товар": "text",
                "Строки[].Сумма": "amount",
            },
            {
                "Поставщик": {"Наименование": "Torvald GmbH"},
                "Итого": {"Без НДС": "100.00", "НДС": "19.00", "Всего": "119.00"},
                "Строки": [
                    {"Товар": "Pump", "Сумма": "60.00"},
                    {"Товар": "Hose", "Сумма": "40.00"},
                ],
            },
        ),
        (
            {
                "Rechnungsnummer": "identifier",
                "Rechnungsdatum": "date",
                "Lieferdatum": "date",
                "Kundennummer": "identifier",
                "Nettobetrag": "amount",
                "MwSt": "amount",
                "Bruttobetrag": "amount",
                "Positionen[].Bezeichnung": "text",
                "Positionen[].Einzelpreis": "amount",
                "Positionen[].Gesamt": "amount",
            },
            {
                "Rechnungsnummer": "T-7",
                "Rechnungsdatum": "2025-02-01",
                "Nettobetrag": "100.00",
                "MwSt": "19.00",
                "Bruttobetrag": "119.00",
                "Positionen": [
                    {"Bezeichnung": "Pump", "Einzelpreis": "30.00", "Gesamt": "60.00"},
                    {"Bezeichnung": "Hose", "Gesamt": "40.00"},
                ],
            },
        ),
        (
            {
                "vendor_name": "name",
                "customer_name": "name",
                "order_number": "identifier",
                "bill_number": "identifier",
                "tax_rate": "amount",
                "discount_total": "amount",
                "total": "amount",
            },
            {"vendor_name": "Torvald GmbH", "bill_number": "T-7", "total": "119.00"},
        ),
        ({"total": "text", "weight": "quantity", "points[].total": "amount"}, {}),
    ],
)
def test_fields_are_known_by_type_and_key(types: dict[str, str], answer: dict[str, Any]) -> None:
    assert build_answer(FOUND, choose_fields(fields(**types))) == answer


def test_in_the_shipped_suite_the_answer_is_what_was_found() -> None:
    schema = json.loads((PROJECT / "benchmarks/invoices/schema.json").read_text("utf-8"))
    assert build_answer(FOUND, choose_fields(collect_schema_fields(schema))) == FOUND


def test_what_was_not_found_is_left_out() -> None:
    chosen = choose_fields(fields(number="identifier", total="amount", **{"rows[].name": "text"}))
    assert build_answer({"totals": {"gross": "1.00"}}, chosen) == {"total": "1.00"}


def test_a_suite_without_a_known_field_is_skipped_before_a_page_is_read() -> None:
    schema = {"type": "object", "properties": {"plate": {"type": "string"}}}
    prompt = Prompt(
        id="p", text="", pages=(), document_id="a", document_name="a.png", schema=schema
    )
    with pytest.raises(Skip, match=r"no field that the OCR rules know \(number, issue and due"):
        Ocr.generate(object.__new__(Ocr), prompt)


def test_another_schema_is_another_answer_in_the_cache() -> None:
    model = Model(name="ocr", model_id="rapidocr", backend="ocr")

    def inputs(key: str) -> dict[str, Any]:
        schema = {"properties": {key: {"type": "number"}}}
        prompt = Prompt(
            id="p", text="", pages=(), document_id="a", document_name="a", schema=schema
        )
        return Ocr.cache_inputs(model, prompt)

    assert inputs("total") != inputs("grand_total")
