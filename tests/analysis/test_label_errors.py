"""pytest tests/analysis/test_label_errors.py: who must agree before a reference is doubted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.case_records import cell, header_field, record
from vlm_lab.analysis.label_errors import derive_model_family, find_label_errors, format_label_error
from vlm_lab.fields.check_digits import find_code_error
from vlm_lab.messages import Message, in_english
from vlm_lab.types import Conventions, FieldResult, LabelError, Record

RU = {"s": Conventions("dmy", ("ru",))}


EXTRA_ROW = (cell("r[].x", 1, spurious=True), "text", None, "a", "spurious")
Place = str | dict[str, Any]


def result(place: Place, *said: Any) -> FieldResult:
    """A header field where the place is a path."""
    names = ("type", "expected", "actual", "outcome")
    where = header_field(place) if isinstance(place, str) else place
    return FieldResult(**where, **dict(zip(names, said, strict=True)))


def row(model_id: str, *fields: tuple[Place, str, Any, Any, str], **other: Any) -> Record:
    """A record with (place, type, expected, actual, outcome) for each field."""
    results = tuple(result(*field) for field in fields)
    names = {"suite": "s", "model": model_id, "model_id": model_id}
    return record("d", fields=results, **names, **other)


def sentences(suspect: LabelError) -> tuple[str, ...]:
    return tuple(map(in_english, suspect.reasons))


def replayed(path: str, *fields: tuple[Place, str, Any, Any, str]) -> Record:
    """A record of the replay backend, reading a folder."""
    return row(path, *fields, backend="replay", environment={"replayed": "a digest"})


def total(
    actual: Any, outcome: str = "wrong", expected: Any = "100.00"
) -> tuple[str, str, Any, Any, str]:
    return "Итого", "amount", expected, actual, outcome


def test_an_answer_that_looks_like_a_sentence_of_ours_is_only_shown() -> None:
    said = [{"kind": "none", "figures": {}}]
    found = find_label_errors([row("Qwen/Qwen2", total(said)), row("phi", total(said))], {})
    assert format_label_error(found[0]).endswith("2 families say [{'kind': 'none', 'figures': {}}]")


@pytest.mark.parametrize(
    ("records", "doubted"),
    [
        (
            [row("Qwen/Qwen2-VL-2B", total("110.00")), row("llava-hf/llava-1.5", total("110,00"))],
            True,
        ),
        (
            [row("Qwen/Qwen2-VL-2B", total("110.00")), row("Qwen/Qwen2.5-VL-7B", total("110.00"))],
            False,
        ),
        (
            [row("Qwen/Qwen2-VL-2B", total("110.00")), row("llava-hf/llava-1.5", total("111.00"))],
            False,
        ),
        (
            [
                row("Qwen/Qwen2-VL-2B", total("110.00")),
                row("llava-hf/llava-1.5", total("100,00", "normalized")),
            ],
            False,
        ),
        (
            [row("Qwen/Qwen2-VL-2B", total(None, "missing")), row("llava-hf/llava", total("N/A"))],
            False,
        ),
        ([replayed("a/json", total("1")), replayed("b/json", total("1"))], True),
        (
            [
                row("Qwen/Qwen2", total("1", "spurious", None)),
                row("phi", total("1", "spurious", None)),
            ],
            True,
        ),
        (
            [
                row("Qwen/Qwen2", total("1", "unlabelled", "")),
                row("phi", total("1", "unlabelled", "")),
            ],
            False,
        ),
        ([row("Qwen/Qwen2", EXTRA_ROW), row("phi", EXTRA_ROW)], False),
    ],
    ids=[
        "two",
        "one family",
        "two answers",
        "one agrees",
        "nothing said",
        "replayed",
        "denied",
        "unlabelled",
        "rows",
    ],
)
def test_two_families_against_the_reference(records: list[Record], doubted: bool) -> None:
    assert bool(find_label_errors(records, {})) is doubted


def test_what_each_candidate_said_is_listed() -> None:
    records = [
        row("qwen", total("110.00")),
        row("phi", total("110,00")),
        row("llava", total("90.00")),
    ]
    records.append(row("ocr", total("100.00", "exact")))
    (found,) = find_label_errors(records, {})
    assert found.said == {
        "qwen (default)": "110.00",
        "phi (default)": "110,00",
        "llava (default)": "90.00",
    }
    assert sentences(found) == ("2 families say '110.00', 1 say as the reference does",)
    assert found.agreed == "110.00"
    assert format_label_error(found) == f"d Итого = '100.00': {sentences(found)[0]}"


def test_more_families_come_first() -> None:
    fields = [("a", "text", "x", "y", "wrong"), ("b", "text", "x", "y", "wrong")]
    records = [row("qwen", *fields), row("phi", *fields), row("llava", fields[1])]
    assert [each.path for each in find_label_errors(records, {})] == ["b", "a"]


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen"),
        ("/models/llava-1.5-7b-hf/", "llava"),
        ("2024", "2024"),
        ("rapidocr", "rapidocr"),
    ],
)
def test_families(model_id: str, name: str) -> None:
    assert derive_model_family(row(model_id)).removeprefix("replay ") == name


AMOUNT = [cell("rows[].amount", row) for row in range(2)]
NET, TAX, GROSS = (
    ("Итого.Без НДС", "100,00"),
    ("Итого.НДС", "20,00"),
    ("Итого.Всего с НДС", "120,00 руб."),
)


@pytest.mark.parametrize(
    ("values", "doubted"),
    [
        ((NET, TAX, GROSS), []),
        ((NET, TAX, ("Итого.Всего с НДС", "210,00")), ["Итого.Всего с НДС"]),
        ((("totals.net", "10.00"), ("totals.tax", "2.00"), ("totals.gross", "12.01")), []),
        (
            (("totals.net", "10.00"), ("totals.tax", "2.00"), ("totals.gross", "21.00")),
            ["totals.gross"],
        ),
        ((NET, TAX), []),
        ((NET, ("НДС", "без НДС"), GROSS), ["НДС"]),
        (((AMOUNT[0], "60.00"), (AMOUNT[1], "60.00"), ("totals.gross", "21.00")), []),
    ],
    ids=["right", "wrong", "a cent", "english", "no gross", "words", "rows alone"],
)
def test_a_documents_own_arithmetic(
    values: tuple[tuple[Place, str], ...], doubted: list[str]
) -> None:
    records = [row("qwen", *((path, "amount", value, value, "exact") for path, value in values))]
    assert [each.path for each in find_label_errors(records, RU)] == doubted


def test_rows_count_where_a_candidate_reads_their_sum() -> None:
    rows = (
        (AMOUNT[0], "amount", "60.00", "60.00", "exact"),
        (AMOUNT[1], "amount", "60.00", "60.00", "exact"),
    )
    (found,) = find_label_errors(
        [row("qwen", *rows, ("totals.gross", "amount", "210.00", "120.00", "wrong"))], {}
    )
    assert (found.path, sentences(found)) == (
        "totals.gross",
        ("its 2 rows add up to 120.00, as a candidate says",),
    )
    assert found.agreed is None, "one family alone"


@pytest.mark.parametrize(
    ("path", "kind", "value", "why"),
    [
        ("Дата", "date", "30 февраля 2024 г.", "is no date"),
        ("Дата", "date", "12 марта 2024 г.", None),
        ("Сумма", "amount", "без НДС", "is no amount"),
        ("Поставщик.ИНН", "tax_id", 7707083893, None),
        (
            "Поставщик.ИНН",
            "tax_id",
            "7707083890",
            "no ИНН (the number's checksum or check digit is invalid)",
        ),
        (
            "Поставщик.ИНН",
            "tax_id",
            707083893,
            "an ИНН has 10 or 12 digits, not 9: zeros at the front may be lost",
        ),
        ("Поставщик.ИНН", "tax_id", "DE 811 907 980", None),
        ("Поставщик.ИНН", "tax_id", "KZ123456789", None),
        ("Поставщик.ИНН/КПП", "tax_id", "УНП 190275968", None),
        ("Покупатель.ИНН", "tax_id", "ATU 13585627", None),
        ("Поставщик.ИНН", "tax_id", "RU 7707083893", None),
        (
            "Поставщик.ИНН",
            "tax_id",
            "DE811907981",
            "no VAT number of DE (the number's checksum or check digit is invalid)",
        ),
        (
            "Поставщик.ИНН",
            "tax_id",
            "INN 7707083890",
            "no ИНН (the number's checksum or check digit is invalid)",
        ),
        ("tax_id", "tax_id", "12/345/67890", None),
        (
            "tax_id",
            "tax_id",
            "NL 123456789B01",
            "no VAT number of NL (the number's checksum or check digit is invalid)",
        ),
        ("iban", "iban", "DE89 3704 0044 0532 0130 00", None),
        (
            "iban",
            "iban",
            "DE89 3704 0044 0532 0130 01",
            "no IBAN (the number's checksum or check digit is invalid)",
        ),
        ("Номер", "identifier", "№ ?", None),
    ],
)
def test_values_that_are_none_of_their_type(
    path: str, kind: str, value: Any, why: str | None
) -> None:
    found = find_label_errors([row("qwen", (path, kind, value, value, "exact"))], RU)
    assert [sentences(each) for each in found] == ([(why,)] if why else [])


def test_true_references_are_rarely_doubted(shared: Path) -> None:
    from vlm_lab.scoring import score_values
    from vlm_lab.suite import load_suite

    suite = load_suite(Path(__file__).parents[2] / "benchmarks/invoices")
    records = []
    for path in sorted((shared / "invoices/references").glob("*.json")):
        reference = json.loads(path.read_text("utf-8"))
        scored = score_values(reference, reference, suite.fields, suite.conventions)
        records.append(record(path.stem, suite="s", model="qwen", fields=scored.fields))
    found = find_label_errors(records, {"s": suite.conventions})
    assert len(records) == 65
    assert (
        len([each for each in found if each.path == "totals.gross"]) == 2
    )  # a tip, and a contradiction on the page
    assert all(
        each.path.endswith("tax_id") for each in found if each.path != "totals.gross"
    )  # made-up numbers


@pytest.mark.parametrize(
    "value",
    [None, True, "", "x" * 10_000, "инн", float("nan"), float("inf"), -1, "DE", "\udc80", []],
)
@pytest.mark.parametrize("kind", ["tax_id", "inn", "iban", "text"])
def test_nothing_escapes_from_check_digits(kind: str, value: Any) -> None:
    assert isinstance(find_code_error(kind, value, "ИНН"), Message | None)


@pytest.mark.parametrize(
    "value",
    ["1" * 5000, "\x1b[2J" + "x" * 5000, ["y" * 5000], 10**5000],
    ids=["text", "escapes", "list", "number"],
)
def test_long_values_and_names_are_cut_where_they_are_said(value: object) -> None:
    reason = Message("agreed", {"n": 2, "value": "z" * 5000})
    said = format_label_error(LabelError("s", "d" * 5000, "p" * 5000, value, {}, (reason,)))
    assert len(said) < 1000
    assert said.isprintable()
    if not isinstance(value, int):
        assert said.count("...") == 4, "each is seen to be cut"
