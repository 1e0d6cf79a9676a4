"""pytest tests/analysis/test_signals.py: what speaks for a value, and what was not measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.analysis.confidence_records import SUITES, answer
from vlm_lab.analysis.answers import index_answers
from vlm_lab.analysis.signals import SIGNALS, DocumentSample, ValueSample, collect_samples
from vlm_lab.types import PageText, Record

TRUE = {"invoice_number": "R-1", "totals": {"gross": "119.00"}}


def samples(*records: Record) -> list[DocumentSample]:
    """Those of the first record's candidate."""
    index = index_answers(records, SUITES)
    found = collect_samples(records, index, SUITES)
    return [document for candidate, document in found if candidate == records[0].candidate]


def first_value(*records: Record) -> ValueSample:
    """The first value of the first record."""
    return samples(*records)[0].values[0]


def signal(value: ValueSample, name: str) -> float | None:
    return value.signals[SIGNALS.index(name)]


@pytest.mark.parametrize(
    ("others", "families", "readings"),
    [
        ({}, None, None),
        ({"qwen": "R-1"}, 1.0, None),
        ({"qwen": "№ r-1"}, 1.0, None),
        ({"qwen": "R-7"}, 0.0, None),
        ({"qwen": "R-1", "llava": "R-7"}, 0.5, None),
        ({"m": "R-7"}, None, 0.0),
        ({"m": "R-1", "qwen": "R-7"}, 0.0, 1.0),
    ],
    ids=["alone", "same", "written otherwise", "another", "one of two", "own", "own and other"],
)
def test_who_agrees(
    others: Mapping[str, str], families: float | None, readings: float | None
) -> None:
    records = [answer("a", TRUE, TRUE)]
    records += [
        answer("a", {"invoice_number": said}, TRUE, model, prompt_id="other")
        for model, said in others.items()
    ]
    value = first_value(*records)
    assert (signal(value, "families"), signal(value, "readings")) == (families, readings)


def test_candidates_of_a_family_count_once() -> None:
    said = {"qwen": ("R-1", "R-1", "R-1"), "llava": ("R-7",)}
    records = [answer("a", TRUE, TRUE)]
    records += [
        answer("a", {"invoice_number": number}, TRUE, model, prompt_id=f"p{place}")
        for model, numbers in said.items()
        for place, number in enumerate(numbers)
    ]
    assert signal(first_value(*records), "families") == 0.5


def test_who_never_reads_a_field_is_no_witness() -> None:
    """The other one reads totals alone: that it gives no number is no disagreement."""
    other = answer("a", {"totals": {"gross": "119.00"}}, TRUE, "qwen")
    number, gross = samples(answer("a", TRUE, TRUE), other)[0].values
    assert (signal(number, "families"), signal(gross, "families")) == (None, 1.0)


def test_who_reads_it_elsewhere_disagrees_by_silence() -> None:
    elsewhere = answer("b", TRUE, TRUE, "qwen")
    silent = answer("a", {"totals": {"gross": "119.00"}}, TRUE, "qwen")
    assert signal(first_value(answer("a", TRUE, TRUE), silent, elsewhere), "families") == 0.0


def test_an_answer_that_is_its_own_reference_is_no_witness() -> None:
    copied = answer("a", TRUE, TRUE, "pipeline", backend="replay", environment={"replayed": "r-a"})
    assert signal(first_value(answer("a", TRUE, TRUE), copied), "families") is None


def test_cells_agree_in_any_row() -> None:
    rows = [{"amount": "10.00"}, {"amount": "20.00"}]
    reference = {"rows": rows}
    other = answer("a", {"rows": [{"amount": "20,00 €"}, {"amount": "99"}]}, reference, "qwen")
    values = samples(answer("a", reference, reference), other)[0].values
    assert [signal(value, "families") for value in values] == [0.0, 1.0]


def test_a_row_that_was_given_twice_is_not_confirmed_twice() -> None:
    twice, once = {"rows": [{"amount": "10.00"}] * 2}, {"rows": [{"amount": "10.00"}]}
    values = samples(answer("a", twice, once), answer("a", once, once, "qwen"))[0].values
    assert [(signal(value, "families"), value.is_right) for value in values] == [
        (0.5, True),
        (0.5, False),
    ]


def test_a_field_left_empty_counts_where_another_fills_it() -> None:
    """Wrong where the reference has a value, right where it has none; nothing where nobody says
    otherwise."""
    said = {"totals": {"gross": "119.00"}}
    elsewhere = answer("b", TRUE, TRUE)
    for reference, is_right in ((TRUE, False), (said, True)):
        found = samples(answer("a", said, reference), answer("a", TRUE, reference, "q"), elsewhere)
        (empty,) = (value for value in found[0].values if value.is_empty)
        assert (empty.is_right, signal(empty, "families")) == (is_right, 0.0)
    silent = samples(answer("a", said, TRUE), answer("a", said, TRUE, "q"), elsewhere)
    assert not any(value.is_empty for value in silent[0].values)


def test_a_row_that_another_gives_is_missed() -> None:
    both, one = {"rows": [{"amount": "10.00"}, {"amount": "20.00"}]}, {"rows": [{"amount": "10"}]}
    for reference, is_right in ((both, False), (one, True)):
        found = samples(answer("a", one, reference), answer("a", both, reference, "qwen"))
        value, gap = found[0].values
        assert (signal(value, "families"), value.is_empty) == (1.0, False)
        assert (signal(gap, "families"), gap.is_empty, gap.is_right) == (0.0, True, is_right)


@pytest.mark.parametrize(
    ("gross", "expected"), [("119.00", 1.0), ("118.00", 0.0), (None, None)], ids=str
)
def test_the_documents_own_sums(gross: str | None, expected: float | None) -> None:
    said = {"totals": {"net": "100.00", "tax": "19.00", "gross": gross}, "invoice_number": "R-1"}
    values = samples(answer("a", said, {**TRUE, "totals": {"net": "100.00"}}))[0].values
    assert [signal(value, "arithmetic") for value in values] == [None, expected]


@pytest.mark.parametrize(
    ("text", "expected"), [("Total 119,00 EUR", 1.0), ("Total 719,00", 0.0), ("", None)], ids=str
)
def test_the_words_of_the_page(text: str, expected: float | None) -> None:
    said = {"totals": {"gross": "119.00"}}
    reader = answer("a", said, TRUE, "q", page_text=PageText(text=text))
    assert signal(first_value(answer("a", said, TRUE), reader), "page_words") == expected


def test_log_probabilities_and_outcomes() -> None:
    said = {"invoice_number": "R-7", "totals": {"gross": "119.00"}}
    sure = {"invoice_number": 0.4, "totals.gross": 0.9}
    found = samples(answer("a", said, TRUE, confidences=sure))[0]
    assert [signal(value, "log_probability") for value in found.values] == [0.4, 0.9]
    assert [value.is_right for value in found.values] == [False, True]
    assert found.is_right is False


def test_without_a_reference_there_are_values_and_no_outcome() -> None:
    labelled = answer("b", TRUE, TRUE)
    found = samples(answer("a", TRUE, None), labelled, answer("a", TRUE, None, "qwen"))[0]
    assert found.is_right is None
    assert [value.is_right for value in found.values] == [None, None]
    assert signal(found.values[0], "families") == 1.0


@pytest.mark.parametrize(
    "value", [{"rows": "x"}, {"rows": [[[1]]]}, {"totals": [None]}, {"": {"": ""}}, {"seller": {}}]
)
def test_odd_predictions_are_no_values(value: Mapping[str, Any]) -> None:
    records: Sequence[Record] = [answer("a", value, None), answer("b", TRUE, TRUE)]
    assert samples(*records)[0].values == []
