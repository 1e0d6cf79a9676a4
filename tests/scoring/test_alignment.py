"""Rows are aligned by the equality that compares their cells, and no figure depends on an order."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vlm_lab.scoring import score_values
from vlm_lab.types import Field

SETTINGS = settings(max_examples=150, deadline=None)
FIELDS = (
    Field("currency", "currency"),
    Field("rows[].text"),
    Field("rows[].quantity", "quantity"),
    Field("rows[].amount", "amount", "0.02"),
    Field("rows[].rate", "percent"),
    Field("rows[].parts[].text"),
    Field("rows[].parts[].quantity", "quantity"),
)


def score_rows(expected: list[Any], actual: list[Any], **heads: str) -> Mapping[str, Any]:
    return score_values({"rows": actual}, {"rows": expected, **heads}, FIELDS).scores


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        # A quantity that is read both ways is one cell more that is equal.
        ([{"quantity": "1.5"}, {"quantity": "2"}], [{"quantity": "2,000"}, {"quantity": "1,500"}]),
        ([{"quantity": "2 kg"}, {"quantity": "3"}], [{"quantity": "3 kg"}, {"quantity": "2"}]),
        # Within the tolerance, where the equal one of two would leave the other without a row.
        ([{"amount": "1.00"}, {"amount": "1.02"}], [{"amount": "1.00"}, {"amount": "0.98"}]),
        ([{"rate": "19 %"}, {"rate": "7 %"}], [{"rate": 0.07}, {"rate": 0.19}]),
        (
            [{"parts": [{"quantity": "1"}, {"text": "a"}]}, {"parts": [{"quantity": "2"}]}],
            [{"parts": [{"quantity": "2 x"}]}, {"parts": [{"text": "A"}, {"quantity": "1,0"}]}],
        ),
    ],
)
def test_rows_that_are_right_in_some_order_are_right(
    expected: list[Any], actual: list[Any]
) -> None:
    for rows in (actual, actual[::-1]):
        assert score_rows(expected, rows)["row_f1"] == 1.0


def test_another_currency_is_no_equal_cell() -> None:
    expected = [{"text": "a", "amount": "5.00 EUR"}, {"text": "b", "amount": "5.00 USD"}]
    actual = [{"text": "c", "amount": "5.00 USD"}, {"text": "c", "amount": "5.00 EUR"}]
    scores = score_rows(expected, actual)
    assert (scores["cells_exact"], scores["cells_wrong"]) == (2, 2)


def test_of_equal_rows_those_are_paired_that_are_printed_alike() -> None:
    expected = [{"amount": "1"}, {"amount": "1.00"}, {"amount": "1,0"}]
    assert score_rows(expected, [*reversed(expected)])["cells_exact"] == 3


CELLS = {
    "text": st.sampled_from(["lamp", "Lamp", "lamp, long", "chair", "n/a"]),
    "quantity": st.sampled_from(["1", "1,000", "1000", "1 kg", "2 x", 2, "nine"]),
    "amount": st.sampled_from(["1.00", "1.01", "1,02", "1.03 €", "1,000", "$1.00", 1.04]),
    "rate": st.sampled_from(["19 %", 19, 0.19, "1 %", 1, 0.01]),
    "parts": st.lists(
        st.fixed_dictionaries(
            {}, optional={"text": st.sampled_from("ab"), "quantity": st.sampled_from("12")}
        ),
        max_size=2,
    ),
}
ROWS = st.lists(st.fixed_dictionaries({}, optional=CELLS), max_size=5)


def shuffle(value: Any, order: random.Random) -> Any:
    """The value with all keys and rows in another order."""
    if isinstance(value, dict):
        keys = order.sample(list(value), len(value))
        return {key: shuffle(value[key], order) for key in keys}
    if isinstance(value, list):
        return [shuffle(item, order) for item in order.sample(value, len(value))]
    return value


@SETTINGS
@example(
    [{"text": "lamp", "rate": "19 %"}],
    [{"text": "Lamp"}, {"text": "Lamp", "rate": "1 %"}],
    "EUR",
    random.Random(2),
)
@given(ROWS, ROWS, st.sampled_from(["EUR", "KWD"]), st.randoms(use_true_random=False))
def test_no_figure_depends_on_the_order_of_rows_and_keys(
    expected: list[Any], actual: list[Any], currency: str, order: random.Random
) -> None:
    scores = score_rows(expected, actual, currency=currency)
    assert score_rows(expected, shuffle(actual, order), currency=currency) == scores
    assert score_rows(shuffle(expected, order), actual, currency=currency) == scores


@SETTINGS
@given(st.permutations(["invoice_number", "invoiceNumber", "Invoice number", "INVOICE_NUMBER"]))
def test_of_two_spellings_of_a_key_the_same_one_counts_in_any_order(keys: list[str]) -> None:
    reply = {key: key for key in keys if key != "invoice_number"}
    (result,) = score_values(reply, {"invoice_number": "17"}).fields
    assert result.actual == "INVOICE_NUMBER"
