"""pytest tests/analysis/test_family_agreement.py: whom a candidate agrees with."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.case_records import failed, record
from vlm_lab.analysis.family_agreement import AgreementCollector, AnswerReader
from vlm_lab.types import CandidateKey, Conventions, Field

FIELDS = (
    Field("number"),
    Field("total", "amount"),
    Field("date", "date"),
    Field("rows[].name"),
    Field("rows[].amount", "amount"),
)
READER = AnswerReader({each.path: each for each in FIELDS}, Conventions())
FAMILIES = {"a": "lab/Alpha-7B", "b": "lab/Beta-2B", "c": "lab/Gamma-9B", "a2": "lab/Alpha-2B"}


def agreement_of(
    answers: Mapping[str, Any], paths: tuple[str, ...] = tuple(READER.fields), **other: Any
) -> dict[str, float]:
    """Of the document `d`, by model."""
    collector = AgreementCollector({"invoices": READER})
    records = [
        record("d", {}, model=model, model_id=FAMILIES[model], prediction=answer, **other)
        for model, answer in answers.items()
    ]
    assert list(collector.watch(records)) == records
    found = {
        model: collector.find_agreement(CandidateKey("invoices", model, "default"), paths)
        for model in answers
    }
    return {model: each["d"] for model, each in found.items() if each}


@pytest.mark.parametrize(
    ("answers", "agreement"),
    [
        # one reading, written in two ways
        ({"a": {"total": "1.234,50"}, "b": {"total": "1234.50 EUR"}}, {"a": 1, "b": 1}),
        ({"a": {"total": "1"}, "b": {"total": "2"}}, {"a": 0, "b": 0}),
        # nothing is a value, too
        ({"a": {"total": "1", "number": None}, "b": {"total": "1"}}, {"a": 1, "b": 1}),
        ({"a": {"total": "1", "number": "7"}, "b": {"total": "1"}}, {"a": 0, "b": 0}),
        # two of three, then three that differ: each agrees with one of those who differ
        (
            {"a": {"total": "1"}, "b": {"total": "1"}, "c": {"total": "2"}},
            {"a": 1, "b": 1, "c": 0},
        ),
        (
            {"a": {"total": "1"}, "b": {"total": "2"}, "c": {"total": "3"}},
            {"a": 0, "b": 0, "c": 0},
        ),
        # one family has one voice, and none about itself
        ({"a": {"total": "1"}, "a2": {"total": "1"}}, {}),
        (
            {"a": {"total": "1"}, "a2": {"total": "1"}, "b": {"total": "2"}},
            {"a": 0, "a2": 0, "b": 0},
        ),
        # rows by their place; one that is missing
        (
            {"a": {"rows": [{"amount": "1"}, {"amount": "2"}]}, "b": {"rows": [{"amount": 1}]}},
            {"a": 0, "b": 0},
        ),
        ({"a": {"rows": [{"amount": "1.00"}]}, "b": {"rows": [{"amount": 1}]}}, {"a": 1, "b": 1}),
        # a key of another spelling, and no answer at all
        ({"a": {"Total": "5"}, "b": {"total": "5"}}, {"a": 1, "b": 1}),
        ({"a": None, "b": {"total": "5"}}, {"a": 0, "b": 0}),
        ({"a": None, "b": None}, {"a": 1, "b": 1}),
    ],
)
def test_a_candidate_agrees_with_most_other_families(
    answers: dict[str, Any], agreement: dict[str, float]
) -> None:
    assert agreement_of(answers) == agreement


def test_only_what_references_label_is_looked_at() -> None:
    answers = {"a": {"total": "1", "number": "7"}, "b": {"total": "1", "number": "8"}}
    assert agreement_of(answers, ("total",)) == {"a": 1, "b": 1}


def test_who_wrote_the_references_is_no_witness() -> None:
    collector = AgreementCollector({"invoices": READER})
    own = {"environment": {"replayed": "r"}, "reference_sha256": "r"}
    records = [
        record("d", {}, model="a", model_id="x/Alpha", prediction={"total": "1"}, **own),
        record("e", {}, model="a", model_id="x/Alpha", prediction={"total": "1"}),
        record("d", {}, model="b", model_id="x/Beta", prediction={"total": "1"}),
        record("e", {}, model="b", model_id="x/Beta", prediction={"total": "1"}),
        failed("e", model="c", model_id="x/Gamma"),
    ]
    list(collector.watch(records))
    assert collector.find_agreement(CandidateKey("invoices", "b", "default"), ["total"]) == {}
    assert collector.find_agreement(CandidateKey("invoices", "c", "default"), ["total"]) == {}


def test_an_answer_nested_without_end_says_nothing() -> None:
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"total": value}
    assert READER.read_values(record("d", {}, prediction=value)) == {}
