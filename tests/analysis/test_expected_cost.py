"""pytest tests/analysis/test_expected_cost.py: what a document costs, rate by rate."""

from dataclasses import replace
from typing import Any

import pytest

from tests.case_records import failed, record
from vlm_lab.analysis.expected_cost import estimate_expected_costs
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.types import CandidateKey, CostRates, Model, Record

RATES = CostRates(minutes_per_field=2, wage_per_hour=30, missed_total=80)  # a value costs 1
FIELDS = ("number", "totals.net", "totals.gross")


def answer(document: str, *outcomes: str, **other: Any) -> Record:
    """A record whose fields with a dotted path are amounts."""
    answered = record(document, dict(zip(FIELDS, outcomes, strict=True)), **other)
    results = [
        replace(result, type="amount" if "." in result.path else "text")
        for result in answered.fields
    ]
    return replace(answered, fields=tuple(results))


RIGHT = answer("a", "exact", "exact", "normalized")
OWN_REFERENCE = answer("b", "exact", "exact", "wrong", environment={"replayed": "r-b"})


@pytest.mark.parametrize(
    ("records", "documents", "corrections", "unseen_errors"),
    [
        pytest.param([RIGHT], 1, 0, 0, id="all right"),
        pytest.param([answer("a", "wrong", "exact", "exact")], 1, 0, 0, id="no total, unseen"),
        pytest.param([answer("a", "exact", "wrong", "wrong")], 1, 0, 80, id="once a document"),
        pytest.param([RIGHT, answer("b", "exact", "exact", "wrong")], 2, 0, 40, id="of two"),
        pytest.param([answer("a", "missing", "exact", "wrong")], 1, 2, 0, id="a gap is seen"),
        pytest.param(
            [answer("a", "exact", "exact", "wrong", checks={"net_plus_tax": False})],
            1,
            1,
            0,
            id="a failed check is seen",
        ),
        pytest.param(
            [answer("a", "exact", "exact", "wrong", checks={"net_plus_tax": None})],
            1,
            0,
            80,
            id="a check that cannot be made",
        ),
        pytest.param(
            [answer("a", "missing", "missing", "missing", status="unparsed")], 1, 3, 0, id="unread"
        ),
        pytest.param([RIGHT, failed("b", fields=())], 2, 1.5, 0, id="an error: all values, typed"),
        pytest.param([RIGHT, failed("b", "skipped", fields=())], 1, 0, 0, id="not asked"),
        pytest.param([RIGHT, OWN_REFERENCE], 1, 0, 0, id="judged by its own output"),
        pytest.param([RIGHT, record("b", {}, fields=())], 1, 0, 0, id="without a reference"),
    ],
)
def test_each_error_costs_what_the_rates_say(
    records: list[Record], documents: int, corrections: float, unseen_errors: float
) -> None:
    planned = {CandidateKey("invoices", "m", "default"): [each.document for each in records]}
    summaries = summarize_records(records, [Model(name="m", model_id="x")], planned)
    (cost,) = estimate_expected_costs(records, summaries, RATES)
    assert (cost.documents, cost.reading) == (documents, None)
    assert (cost.corrections, cost.unseen_errors) == (corrections, unseen_errors)
    assert cost.total == corrections + unseen_errors


def test_an_error_costs_the_values_that_another_candidate_was_judged_by() -> None:
    rows = [RIGHT, answer("b", "exact", "exact", "unlabelled"), failed("b", model="n", fields=())]
    planned = {CandidateKey("invoices", name, "default"): ["a", "b"] for name in ("m", "n")}
    models = [
        Model(name="m", model_id="x", price={"per_hour": 3.6}),
        Model(name="n", model_id="x"),
    ]
    first, second = estimate_expected_costs(rows, summarize_records(rows, models, planned), RATES)
    assert first.reading == pytest.approx(0.002)
    assert second.corrections == 2
