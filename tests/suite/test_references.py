"""pytest tests/suite/test_references.py: foreign keys, maps, identifiers, verified ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.suites import write_suite
from vlm_lab.errors import UserError
from vlm_lab.messages import in_english
from vlm_lab.scoring import score_values
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Conventions, Field

ENGLISH = {
    "number": "17",
    "totals": {"gross": "12.00"},
    "line_items": [{"text": "a", "amount": "7.00"}, {"text": "b"}],
}
RUSSIAN = {
    "Номер": "17",
    "Итого": {"Всего": "12.00"},
    "Строки": [{"Товар": "a", "Сумма": "7.00"}, {"Товар": "b"}],
}
PAIRS = {
    "number": "Номер",
    "totals.gross": "Итого.Всего",
    "line_items[].text": "Строки[].Товар",
    "line_items[].amount": "Строки[].Сумма",
}


def reference(
    folder: Path, written: Any, rules: dict[str, Any], schema: dict[str, Any] | None = None
) -> Any:
    write_suite(folder, {"a": written}, json.dumps(rules, ensure_ascii=False))
    (folder / "schema.json").write_text(json.dumps(schema or {}))
    return load_documents(load_suite(folder))[0][0].reference


@pytest.mark.parametrize("turned", [False, True], ids=["ask in English", "ask in Russian"])
def test_a_map_renames_fields_and_cells_both_ways(tmp_path: Path, turned: bool) -> None:
    pairs = {value: key for key, value in PAIRS.items()} if turned else PAIRS
    expected, written = (RUSSIAN, ENGLISH) if turned else (ENGLISH, RUSSIAN)
    assert reference(tmp_path, written, {"map": pairs}) == expected


@pytest.mark.parametrize(
    ("written", "pairs", "wanted"),
    [
        ({"Строки": {"Сумма": 1}}, {"rows[].x": "Строки[].Сумма"}, {"rows": [{"x": 1}]}),
        ({"Строки": None}, {"rows[].x": "Строки[].Сумма"}, {"rows": None}),
        ({"Метки": ["a"]}, {"tags[]": "Метки[]"}, {"tags": ["a"]}),
        ({"a": [{"b": [{"c": 1}]}]}, {"x[].y[].z": "a[].b[].c"}, {"x": [{"y": [{"z": 1}]}]}),
        (
            {"Сумма, руб.": 1, "Итого": {"с НДС.": 2}},
            {"x": "Сумма, руб.", "y": "Итого.с НДС."},
            {"x": 1, "y": 2},
        ),
        ({"Итого": None}, {"gross": "Итого"}, {"gross": None}),
        ({"other": 1}, {"gross": "Итого"}, {}),
        ({"a": 1, "b": 2}, {"x": "a", "x.y": "b"}, {"x": 1}),
        ({"a": [1, "x", None]}, {"x[].y": "a[].b"}, {"x": [{}, {}, {}]}),
    ],
)
def test_maps_of_odd_references(
    tmp_path: Path, written: Any, pairs: dict[str, str], wanted: Any
) -> None:
    assert reference(tmp_path, written, {"map": pairs}) == wanted


def test_a_map_from_rows_to_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="suite.yaml:1: map.*must have as many lists"):
        reference(tmp_path, {}, {"map": {"rows[].x": "Итого"}})


@pytest.mark.parametrize("match", ["{stem.none}", "{other}", "{", "{0}"])
def test_a_rule_that_names_no_file_is_refused(tmp_path: Path, match: str) -> None:
    with pytest.raises(UserError, match="suite.yaml:1: match: must be a file name with"):
        reference(tmp_path, {}, {"match": match})


CODE = {
    "type": "object",
    "properties": {
        "inn": {"x-vlm-lab": "tax_id"},
        "sum": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"inn": 7707083893, "sum": 12.5}, {"inn": "7707083893", "sum": 12.5}),
        ({"inn": 7707083893.0, "sum": 12}, {"inn": "7707083893", "sum": 12}),
        ({"inn": [7707083893], "sum": ["1,00"]}, {"inn": "7707083893", "sum": "1,00"}),
        ({"inn": True, "tags": "a"}, {"inn": True, "tags": ["a"]}),
        (
            {"inn": None, "sum": ["1", "2"], "tags": None},
            {"inn": None, "sum": ["1", "2"], "tags": None},
        ),
    ],
)
def test_values_take_the_schemas_shape(tmp_path: Path, written: Any, read: Any) -> None:
    assert reference(tmp_path, written, {}, CODE) == read


def test_who_has_verified_what(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a/Счёт": {}, "b": {}, "c": {}, "d": {}}, "tags: {file: tags.csv}")
    (tmp_path / "verified.txt").write_text("# by Anna\n\na/Счёт.png\nb\n", "utf-8")
    (tmp_path / "tags.csv").write_text("document,verified\nc.png,да\nd.png,no\n", "utf-8")
    documents, _ = load_documents(load_suite(tmp_path))
    assert [document.verified for document in documents] == [True, True, True, False]
    (tmp_path / "suite.yaml").write_text("verified: true")
    assert all(document.verified for document in load_documents(load_suite(tmp_path))[0])


RU = Conventions("dmy", ("ru",))


@pytest.mark.parametrize(
    ("kind", "reference", "answer", "outcome"),
    [
        ("amount", "1 234,56 руб.", "1234.56", "normalized"),
        ("amount", "1 234,56 руб.", "1234.65", "wrong"),
        ("date", "12 марта 2024 г.", "2024-03-12", "normalized"),
        ("date", "12 марта 2024 г.", "2024-12-03", "wrong"),
        ("amount", "без НДС", "без НДС", "exact"),
        ("amount", "без НДС", "Без  ндс", "normalized"),
        ("amount", "без НДС", "0,00", "wrong"),
        ("amount", "без НДС", None, "missing"),
        ("amount", "в т.ч. НДС 20 %", "20.00", "wrong"),
        ("amount", "в т.ч. НДС 20 %", "в т.ч. НДС 20 %", "exact"),
        (
            "name",
            "ООО «Ромашка»",
            "Общество с ограниченной ответственностью \"Ромашка\"",
            "normalized",
        ),
        ("name", "ООО «Ромашка»", "ЗАО «Ромашка»", "wrong"),
        ("tax_id", "7707083893", "ИНН 7707083893", "normalized"),
    ],
)  # fmt: skip
def test_what_docs_own_invoices_says_of_russian_documents(
    kind: str, reference: str, answer: str, outcome: str
) -> None:
    (result,) = score_values({"x": answer}, {"x": reference}, (Field("x", kind),), RU).fields
    assert result.outcome == outcome


def test_a_reference_that_is_nested_too_deeply_is_a_note(tmp_path: Path) -> None:
    deep = '{"a": ' * 900 + "1" + "}" * 900
    load = load_documents(
        load_suite(write_suite(tmp_path, {"inv_1": deep}, 'ignore: ["confidence"]'))
    )
    assert load[0][0].reference is None
    assert any("nested too deeply" in in_english(note) for note in load[1])
