"""pytest tests/scaffold/test_proposal.py: what `vlm-lab init` makes of other people's folders."""

import json
import os
import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.pipelines import write_pipeline
from vlm_lab.cli import init
from vlm_lab.errors import UserError
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.run.preflight import check_suite
from vlm_lab.scaffold.proposal import propose_suite, write_proposal
from vlm_lab.scoring import score_values
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.prompts import render_prompt_text
from vlm_lab.types import Suite

PROJECT = Path(__file__).parents[2]


def run(folder: Path, documents: Path | None, references: Path | None) -> int:
    return init.main(
        Namespace(
            folder=folder,
            documents=documents,
            references=references,
            references_from=None,
            check=False,
        )
    )


def check(folder: Path) -> int:
    return init.main(
        Namespace(folder=folder, documents=None, references=None, references_from=None, check=True)
    )


def bring(
    folder: Path,
    references: Mapping[str, Any],
    documents: tuple[str, ...] | None = None,
    escaped: bool = False,
) -> Suite:
    """A user's folders with these references; the suite that init makes of them, loaded again."""
    (folder / "docs").mkdir()
    (folder / "json").mkdir()
    for name in documents if documents is not None else references:
        Image.new("RGB", (8, 8)).save(folder / "docs" / f"{name}.png")
    for name, reference in references.items():
        (folder / "json" / f"{name}.json").write_text(
            json.dumps(reference, ensure_ascii=escaped), "utf-8"
        )
    write_proposal(propose_suite(folder / "suite", folder / "docs", folder / "json"))
    return load_suite(folder / "suite")


def types(suite: Suite) -> dict[str, str]:
    return {field.path: field.type for field in suite.fields}


def test_a_pipelines_folder_becomes_a_suite_that_scores_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pipeline(tmp_path)
    assert run(tmp_path / "benchmarks/schet", tmp_path / "docs", tmp_path / "output/json") == 0
    output = capsys.readouterr().out
    assert "matched 30 of 30 documents by {stem}.json" in output
    assert "envelope: result.data; ignored: confidence, bbox" in output
    assert '15 "", 15 null' in output
    check_command = f"scripts/vlm-lab init --check {os.path.relpath(tmp_path)}/benchmarks/schet"
    dry_run = f"cd {tmp_path} && {PROJECT}/scripts/vlm-lab run --suite schet --dry-run"
    assert output.splitlines()[-1] == f"next: {check_command}; then {dry_run}"
    suite = load_suite(tmp_path / "benchmarks/schet")
    assert types(suite) == {
        "Номер": "identifier",
        "Дата": "date",
        "Договор": "text",
        "Поставщик.Наименование": "name",
        "Поставщик.ИНН": "tax_id",
        "Итого.Без НДС": "amount",
        "Итого.НДС": "amount",
        "Итого.Всего": "amount",
        "Строки[].Товар": "text",
        "Строки[].Кол-во": "quantity",
        "Строки[].Сумма": "amount",
    }
    assert suite.conventions.languages == ("ru",)
    assert suite.tags == {"folder": "parent", "supplier": "Поставщик.ИНН"}
    assert suite.cluster == "supplier"
    documents, notes = load_documents(suite)
    assert notes == ()
    assert all("schet" in document.id for document in documents)
    assert check(tmp_path / "benchmarks/schet") == 0
    output = capsys.readouterr().out
    assert "Поставщик.ИНН: 30 came as JSON numbers" in output
    assert "30 of 30 documents have a reference, and each scores 1.0 against itself" in output


def test_the_shipped_schema_is_what_its_references_show(tmp_path: Path, shared: Path) -> None:
    proposal = propose_suite(
        tmp_path / "suite", shared / "invoices/documents", shared / "invoices/references"
    )
    inferred = collect_schema_fields(
        json.loads(proposal.file_texts[tmp_path / "suite/schema.json"])
    )
    ours = collect_schema_fields(
        json.loads((PROJECT / "benchmarks/invoices/schema.json").read_text("utf-8"))
    )
    assert set(inferred) == set(ours)
    assert proposal.matching.unmatched == proposal.matching.unused_references == ()


def test_nothing_is_overwritten_and_a_second_run_shows_a_diff(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = bring(tmp_path, {"a": {"number": "1"}, "b": {"number": "2"}})
    run(suite.folder, tmp_path / "docs", tmp_path / "json")
    assert "nothing written: all is as proposed" in capsys.readouterr().out
    (suite.folder / "prompt.md").write_text("My own words {{ schema }}\n", "utf-8")
    (suite.folder / "fields.md").unlink()
    run(suite.folder, tmp_path / "docs", tmp_path / "json")
    output = capsys.readouterr().out
    assert "-My own words {{ schema }}" in output
    assert "+Read this document" in output
    assert (suite.folder / "prompt.md").read_text("utf-8") == "My own words {{ schema }}\n"
    assert (suite.folder / "fields.md").exists()


@pytest.mark.parametrize(
    ("documents", "references", "said"),
    [
        ("dosc", "json", "dosc: no such folder; did you mean .*docs.*--documents=PATH"),
        ("docs", "missing/json", "no such folder.*--references=PATH"),
        ("docs", "docs", "holds no .json file.*--references=PATH"),
        ("json", "docs", "holds no document.*--documents=PATH"),
        (
            "docs",
            "others",
            "none of 1 references is named after one of 2 documents.*invoice1.pdf, invoice1.json",
        ),
        ("docs", "broken", "1 .json files and none is readable JSON.*--references=PATH"),
        ("docs", "texts", "no file holds a JSON object.*a reference is an object of fields"),
        ("docs", None, "--references=PATH is missing; type: scripts/vlm-lab init"),
    ],
)
def test_folders_that_do_not_fit_end_in_what_to_do(
    tmp_path: Path, documents: str, references: str | None, said: str
) -> None:
    bring(tmp_path, {"a": {"number": "1"}, "b": {"number": "2"}})
    for name, file, text in (
        ("others", "x.json", "{}"),
        ("broken", "a.json", "{"),
        ("texts", "a.json", '"a"'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    with pytest.raises(UserError, match=said):
        run(tmp_path / "new", tmp_path / documents, tmp_path / references if references else None)
    assert not (tmp_path / "new").exists()


def test_one_reference_is_enough_and_said_to_be_weak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(tmp_path, {"a": {"number": "1"}}, documents=("a", "b", "c"))
    assert run(tmp_path / "suite2", tmp_path / "docs", tmp_path / "json") == 0
    output = capsys.readouterr().out
    assert (
        "matched 1 of 3 documents by {stem}.json; 2 unmatched, for example b.png, c.png" in output
    )
    assert "types guessed from 1 reference are weak: add references" in output


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("{}", "{stem}.json"),
        ("{}.png", "{name}.json"),
        ("{}_result", "{stem}_result.json"),
        ("ocr-{}-v2", "ocr-{stem}-v2.json"),
        ("{{{}}}", "{{{stem}}}.json"),
    ],
)
def test_the_rule_is_found_in_the_names(tmp_path: Path, name: str, rule: str) -> None:
    references = {name.format(stem): {"number": stem} for stem in ("счёт 1", "счёт 2")}
    suite = bring(tmp_path, references, documents=("счёт 1", "счёт 2"))
    assert suite.match == rule
    assert all(document.reference for document in load_documents(suite)[0])


@pytest.mark.parametrize(
    ("around", "unwrap"),
    [
        (lambda fields: fields, None),
        (lambda fields: {"data": fields}, "data"),
        (
            lambda fields: {"status": "ok", "result": {"document": fields}, "elapsed_ms": 12},
            "result.document",
        ),
        (lambda fields: [fields], "0"),
        (lambda fields: {"documents": [fields], "model": "x"}, "documents.0"),
        (lambda fields: {"v1.2": fields}, "v1.2"),
        (lambda fields: {"client": "x", "data": fields}, None),
    ],
    ids=["bare", "one", "two", "list", "list inside", "dotted key", "a field beside it"],
)
def test_envelopes(tmp_path: Path, around: Any, unwrap: str | None) -> None:
    fields = {"number": "1", "seller": {"name": "A"}, "rows": [{"amount": "1.00"}]}
    suite = bring(tmp_path, {"a": around(fields), "b": around({**fields, "number": "2"})})
    assert suite.unwrap == unwrap
    assert all(document.reference for document in load_documents(suite)[0])


def test_values_wrapped_in_objects_become_fields(tmp_path: Path) -> None:
    cell = {"Сумма": {"value": "5.00", "confidence": 0.9}, "Товар": "a"}
    wrapped = {
        "Номер": {"value": "17", "page": 1, "bbox": [1, 2, 3, 4]},
        "Дата": "2024-03-12",
        "Строки": [cell, cell],
    }
    suite = bring(tmp_path, {"a": wrapped, "b": {**wrapped, "Номер": {"value": None, "page": 1}}})
    assert list(types(suite)) == ["Номер", "Дата", "Строки[].Сумма", "Строки[].Товар"]
    one, other = (document.reference for document in load_documents(suite)[0])
    assert one == {
        "Номер": "17",
        "Дата": "2024-03-12",
        "Строки": [{"Сумма": "5.00", "Товар": "a"}] * 2,
    }
    assert other == {**one, "Номер": None}


HOSTILE = [
    "{{ x }}",
    "{% for %}",
    "{#",
    "a: b",
    "- a",
    "a|b",
    "`",
    "<b>",
    "a\nb",
    '"',
    "'",
    "[0]",
    "*",
    "é\u202e",
    "#",
    ".",
]


def test_hostile_keys_and_values_break_no_file(tmp_path: Path) -> None:
    reference = {f"total {key}": "12.00" for key in HOSTILE} | {key: key for key in HOSTILE}
    suite = bring(tmp_path, {"a": reference, "b": reference}, escaped=True)
    text = render_prompt_text(suite.prompts["default"], suite, "default")
    assert "`total {{ x }}`" in text
    ((document, _), notes) = load_documents(suite)
    assert notes == ()
    assert check_suite(suite, [document])[0] == ()
    table = [
        line
        for line in (suite.folder / "fields.md").read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    assert len(table) == len(reference) + 1
    assert not any("<b>" in line for line in table)


def test_half_a_character_is_read_as_a_replacement_character(tmp_path: Path) -> None:
    suite = bring(tmp_path, {"a": {"data\ud800": {"total \ud800": "12.00"}}}, escaped=True)
    documents, _ = load_documents(suite)
    assert documents[0].reference == {"total \ufffd": "12.00"}
    assert [field.path for field in suite.fields] == ["total \ufffd"]
    assert check_suite(suite, documents)[0] == ()


ANY = st.characters(exclude_categories=())  # half characters, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(ANY),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(ANY, max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@example(references=[{"\x1f": 0}])  # a prompt shows it by a replacement character
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(ANY, max_size=8), VALUES, max_size=4), min_size=1, max_size=3)
)
def test_whatever_the_references_hold_the_suite_can_be_read_again(
    references: list[dict[str, Any]],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            suite = bring(
                folder,
                {f"doc{number}": reference for number, reference in enumerate(references)},
                escaped=True,
            )
        except UserError:  # not one field in all of them
            assume(False)
        documents, _ = load_documents(suite)
        check_suite(suite, documents)
        render_prompt_text(suite.prompts["default"], suite, "default")


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("Сумма", ["1 234,56 руб.", "без НДС", "12,00", "3,00", "4,00"], "amount"),
        ("total", ["1.234", "5.000"], "amount"),
        ("ИНН", [7707083893, 7736050003], "tax_id"),
        ("x", ["7707083893", "7736050003"], "tax_id"),
        ("Дата документа", ["12 марта 2024 г.", "1 мая 2024"], "date"),
        ("x", ["12.03.2024", "25.12.2023"], "date"),
        ("currency", ["EUR", "руб."], "currency"),
        ("x", ["DE89370400440532013000"], "iban"),
        ("Номер", [17, 18], "identifier"),
        ("Поставщик", ["ООО Ромашка"], "name"),
        ("Юр. адрес", ["Москва, ул. Ленина, 1"], "address"),
        ("qty", ["2 x", "3"], "quantity"),
        ("paid", [True, False], "boolean"),
        ("tags", [["a", "b"]], "list"),
        ("comment", ["a", "b"], "text"),
        ("total", ["yes", "no"], "text"),
    ],
)
def test_names_propose_and_values_decide(
    tmp_path: Path, key: str, values: list[Any], expected: str
) -> None:
    suite = bring(tmp_path, {f"doc{number}": {key: value} for number, value in enumerate(values)})
    assert list(types(suite).values()) == [expected]


def test_cords_receipts_become_a_suite_beside_kieval(tmp_path: Path, shared: Path) -> None:
    lines = (shared / "anchors/cord_qwenvl72b/pairs.jsonl").read_text("utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    suite = bring(tmp_path, {pair["id"]: pair["ref"] for pair in pairs})
    documents, notes = load_documents(suite)
    assert (len(documents), check_suite(suite, documents)[0]) == (100, ())
    assert len(notes) == 12, notes  # a list of several values where all other receipts have one
    assert types(suite)["menu[].price"] == types(suite)["total.total_price"] == "amount"
    right = given = expected = 0
    for document, pair in zip(documents, pairs, strict=True):
        counts = score_values(
            pair["pred"], document.reference, suite.fields, suite.conventions
        ).scores
        for kind in ("", "cells_"):
            good = counts[f"{kind}exact"] + counts[f"{kind}normalized"]
            right += good
            expected += good + counts[f"{kind}wrong"] + counts[f"{kind}missing"]
            given += good + counts[f"{kind}wrong"] + counts[f"{kind}spurious"]
    assert 2 * right / (expected + given) > 0.7707  # KIEval's, without number formats


@pytest.mark.parametrize("name", ["float_art", "ru_dates", "tax_rate", "xsdate"])
def test_the_same_in_other_words_scores_one(tmp_path: Path, shared: Path, name: str) -> None:
    folder = shared / "cases" / "references" / name
    references, predictions = (
        {path.stem: json.loads(path.read_text("utf-8")) for path in (folder / part).iterdir()}
        for part in ("references", "predictions")
    )
    suite = bring(tmp_path, references)
    for document in load_documents(suite)[0]:
        prediction = predictions[Path(document.name).stem]
        scores = score_values(
            prediction, document.reference, suite.fields, suite.conventions
        ).scores
        assert scores["document_right"] is True


@pytest.mark.parametrize(
    ("key", "values", "expected", "doubt"),
    [
        ("Дата счёта", ["«03» мая 2024 г.", "«17» июня 2024 г."], "date", ""),
        ("DueDate", ["2024-05-03+02:00", "2024-06-17Z"], "date", ""),
        (
            "invoice_date",
            [45415, 45460],
            "date",
            "2 came as numbers, .*45415.*, read as 2024-05-03",
        ),
        ("invoice_date", ["soon", "later"], "text", "the name says date, the values say text"),
        ("invoice_date", ["A-1", "B-2"], "text", "the name says date, the values say text"),
        ("vat_rate", [16.0, 7.5], "percent", ""),
        ("НДС, %", [20, 10], "percent", ""),
        ("НДС 20%", [20, 10], "amount", ""),
        ("rate", ["16 %", "7,5 %"], "percent", ""),
        ("x", ["16 %", "7,5 %"], "percent", "the name says nothing"),
        ("tax_rate", ["185.00", "240.00"], "amount", ""),
        ("total", ["n/a", "12,00", "-", "14,00"], "amount", "2 say nothing"),
        ("total", ["12,00 EUR", "see page 2"], "text", "the name says amount, the values say text"),
        ("x", ["45415", "45460"], "amount", "the name says nothing"),
    ],
)
def test_where_a_name_and_its_values_disagree_it_is_a_doubt(
    tmp_path: Path, key: str, values: list[Any], expected: str, doubt: str
) -> None:
    suite = bring(tmp_path, {f"doc{number}": {key: value} for number, value in enumerate(values)})
    assert list(types(suite).values()) == [expected]
    doubts = (suite.folder / "fields.md").read_text("utf-8").splitlines()[-1].split(" | ")[-1]
    assert re.search(doubt or r"^\s*\|$", doubts.replace("\\", ""))


@pytest.mark.parametrize(
    ("amounts", "note", "mark"),
    [
        (["1.234,56", "78,90"], "", ","),
        (["1,234.56", "78.90"], "", "."),
        (["1234.56", "78.90"], "", ""),  # as programs write, whatever the page shows
        ([1234.56, 78.9], "Größe und Menge", ","),
        (["1234.56", "78.90"], "請求書のご案内", "."),
        (["1,234.56", "78,90"], "", ""),
    ],
)
def test_the_decimal_mark_is_guessed_and_written(
    tmp_path: Path, amounts: list[Any], note: str, mark: str
) -> None:
    references = {
        f"d{number}": {"total": value, "note": note} for number, value in enumerate(amounts)
    }
    suite = bring(tmp_path, references)
    assert suite.conventions.decimal_mark == mark
    assert ("decimal_mark" in (suite.folder / "suite.yaml").read_text("utf-8")) is bool(mark)
