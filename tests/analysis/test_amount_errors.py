"""pytest tests/analysis/test_amount_errors.py: what errors in amounts come to, by field and
currency."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.case_records import cell, header_field, record
from tests.runs import write_run
from vlm_lab.analysis.aggregation import aggregate_records
from vlm_lab.analysis.amount_errors import compute_amount_errors, sum_amount_errors
from vlm_lab.records.report_json import read_report
from vlm_lab.types import AmountError, FieldResult, Model


def result(
    path: str, expected: Any, actual: Any, outcome: Any = "wrong", kind: str = "amount"
) -> FieldResult:
    return FieldResult(
        **header_field(path), type=kind, expected=expected, actual=actual, outcome=outcome
    )


def in_row(row: int, *said: Any) -> FieldResult:
    return replace(result("", *said), **cell("rows[].sum", row))


@pytest.mark.parametrize(
    ("expected", "actual", "outcome", "error"),
    [
        ("119.00", "19.00", "wrong", ("100.00", 0, "119.00")),
        ("1.190,00 €", "1.109,00 €", "wrong", ("81.00", 0, "1190.00")),
        ("119.00", "119,00", "normalized", (0, 0, "119.00")),
        ("119.00", None, "missing", (0, "119.00", "119.00")),
        ("119.00", "gross", "wrong", (0, "119.00", "119.00")),
        ("119.00", "9" * 60, "wrong", (0, "119.00", "119.00")),
        ("119.00", 1e308, "wrong", (0, "119.00", "119.00")),
        ("-5.00", "5.00", "wrong", ("10.00", 0, "5.00")),
        ("1.234", "1234", "normalized", (0, 0, "1234")),
    ],
)
def test_how_far_off_an_amount_is(
    expected: Any, actual: Any, outcome: str, error: tuple[Any, ...]
) -> None:
    ((path, _, found),) = compute_amount_errors([result("totals.gross", expected, actual, outcome)])
    assert (path, found) == ("totals.gross", AmountError(*map(Decimal, error)))


@pytest.mark.parametrize(
    "skipped",
    [
        result("no", "12", "13", kind="identifier"),
        result("gross", None, "13", "spurious"),
        result("gross", "12", "13", "unlabelled"),
        result("gross", "twelve", "13"),
    ],
)
def test_what_is_no_labelled_amount_costs_nothing(skipped: FieldResult) -> None:
    assert list(compute_amount_errors([skipped])) == []


@pytest.mark.parametrize(
    ("labels", "printed", "currency"),
    [
        (["EUR"], "12", "EUR"),
        (["руб."], "12", "RUB"),
        (["EUR"], "12 $", "EUR"),
        ([], "12 €", "EUR"),
        ([], "12", ""),
        (["EUR", "USD"], "12", ""),
        ([], 12, ""),
    ],
)
def test_the_currency_is_the_documents_own(labels: list[str], printed: Any, currency: str) -> None:
    known = [
        result(f"currency{i}", label, "XXX", kind="currency") for i, label in enumerate(labels)
    ]
    ((_, found, _),) = compute_amount_errors([result("gross", printed, "13"), *known])
    assert found == currency


def test_sums_are_by_column_and_currency_and_survive_the_report(tmp_path: Path) -> None:
    euro = [in_row(0, "10.10", "10.00"), in_row(1, "0.20", "0.10")]
    rows = [
        record("a", fields=(*euro, result("currency", "EUR", "EUR", "exact", "currency"))),
        record(
            "b",
            fields=(
                in_row(0, "7", None, "missing"),
                result("currency", "CHF", "", "missing", "currency"),
            ),
        ),
    ]
    cents = Decimal("0.10")
    expected = {
        "rows[].sum": {
            "EUR": AmountError(Decimal("0.20"), Decimal(0), Decimal("10.30"), 2, cents, cents),
            "CHF": AmountError(Decimal(0), Decimal(7), Decimal(7)),
        }
    }
    (counted,) = aggregate_records(rows).values()
    assert sum_amount_errors(counted.amount_errors) == expected
    report = read_report(write_run(tmp_path / "run", rows, [Model(name="m", model_id="x")]))
    assert report.summaries[0].amount_error == expected
