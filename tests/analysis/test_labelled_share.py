"""pytest tests/analysis/test_labelled_share.py: a suite in which few documents have a label -> the
share that is right, the difference of two candidates, the decision, and what reports say of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.case_records import record
from tests.runs import describe_run, describe_suite
from vlm_lab.analysis.aggregation import CandidateCounts, aggregate_records
from vlm_lab.analysis.comparison import compare_all_pairs
from vlm_lab.analysis.label_evidence import count_records
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.cli.decide import format_decision
from vlm_lab.decision.run_decisions import decide_counts
from vlm_lab.report.formatting import format_documents_right
from vlm_lab.report.labels_table import build_labels_rows
from vlm_lab.report.translation import format_more_documents, load_catalogue
from vlm_lab.types import CandidateKey, Comparison, Decision, Record, Report, Rules, Summary

DOCUMENTS = 400
RULES = Rules({"documents_right": 0.8}, prefer=("documents_right",))
Result = tuple[dict[str, Summary], dict[str, Decision], list[Comparison]]


def answer(document: int, model: str, is_right: bool, is_labelled: bool) -> Record:
    """One field; what is wrong is wrong in a way of its own."""
    value = "1" if is_right else f"not {model}"
    outcome = {"number": "exact" if is_right else "wrong"} if is_labelled else {}
    return record(
        f"d{document}", outcome, model=model, model_id=f"x/{model}", prediction={"number": value}
    )


def decide(
    right: Mapping[str, Any],
    labels: int,
    probabilities: Mapping[int, float] | None = None,
    rules: Rules = RULES,
) -> Result:
    """`right` says by model whether it reads a document; the first documents have a label."""
    records = [
        answer(number, model, reads(number), number < labels)
        for model, reads in right.items()
        for number in range(DOCUMENTS)
    ]
    report = Report(
        run=describe_run("r"),
        suites=[{**describe_suite("invoices"), "fields": [{"path": "number"}]}],
        models=(),
        prompts=(),
        summaries=(),
        documents=[
            {
                "suite": "invoices",
                "id": f"d{number}",
                "name": "",
                "tags": {},
                "reference": number < labels,
                "inclusion_probability": (probabilities or {}).get(number),
            }
            for number in range(DOCUMENTS)
        ],
    )
    counts = count_records(report, records, {})
    planned = {
        CandidateKey("invoices", model, "default"): [f"d{n}" for n in range(DOCUMENTS)]
        for model in right
    }
    summaries = summarize_counts(counts, (), planned)
    report = Report(**{**_members(report), "summaries": summaries})
    comparisons, decisions = decide_counts(report, counts, rules)
    return (
        {each.model: each for each in summaries},
        {each.model: each for each in decisions},
        comparisons,
    )


def count_labels_alone(
    right: Mapping[str, Any], labels: int
) -> dict[CandidateKey, CandidateCounts]:
    return aggregate_records(
        answer(number, model, reads(number), True)
        for model, reads in right.items()
        for number in range(labels)
    )


def _members(report: Report) -> dict[str, Any]:
    names = ("run", "suites", "models", "prompts", "documents")
    return {name: getattr(report, name) for name in names}


def reads_all_but(step: int, start: int = 0) -> Any:
    return lambda number: number % step != start


NINE_OF_TEN = reads_all_but(10)
GOOD = {"alpha": NINE_OF_TEN, "beta": reads_all_but(11, 1), "gamma": reads_all_but(13, 2)}


def test_documents_without_a_label_count_where_others_agree() -> None:
    summaries, decisions, _ = decide(GOOD, labels=60)
    share = summaries["alpha"].labelled_share
    assert share is not None
    assert (share.method, share.right, share.unlabelled, share.drawn) == (
        "prediction_powered", 54, 340, 0,
    )  # fmt: skip
    assert share.estimate.n == 60
    assert share.estimate.value == pytest.approx(0.9, abs=0.006)
    assert share.power is not None
    assert share.power > 0.8
    classical = summaries["alpha"].scores["documents_right"]
    assert (classical.n, classical.value) == (60, pytest.approx(0.9))
    assert (share.estimate.low or 0) > (classical.low or 1)
    assert (share.estimate.high or 1) < (classical.high or 0)
    assert decisions["alpha"].verdict == "chosen"  # not by labels alone: their bound is 0.795
    assert "60 labels and agreement on 340 documents without one" in "\n".join(
        format_decision(decisions["alpha"])
    )


def test_where_others_say_nothing_the_interval_is_the_classical_one() -> None:
    noise = {"alpha": NINE_OF_TEN, "beta": lambda number: number * 7919 % 13 < 6}
    summaries, decisions, _ = decide(noise, labels=60)
    share = summaries["alpha"].labelled_share
    assert share is not None
    assert share.method == "classical"
    assert share.estimate == summaries["alpha"].scores["documents_right"]
    assert decisions["alpha"].verdict == "needs_more_data"
    assert ", 60 labels), rule 0.8" in "\n".join(format_decision(decisions["alpha"]))


def test_one_candidate_has_nobody_to_agree_with() -> None:
    summaries, _, _ = decide({"alpha": NINE_OF_TEN}, labels=60)
    share = summaries["alpha"].labelled_share
    assert share is not None
    assert (share.method, share.power) == ("classical", 0.0)


def test_nothing_is_said_where_each_document_has_a_label_or_none() -> None:
    for labels in (0, DOCUMENTS):
        summaries, _, _ = decide(GOOD, labels)
        assert [each.labelled_share for each in summaries.values()] == [None] * 3


def test_drawn_labels_count_by_their_probability() -> None:
    """The first ten are wrong, and were drawn ten times as often."""
    by_order = {number: 0.5 if number < 10 else 0.05 for number in range(40)}
    summaries, decisions, _ = decide({"alpha": lambda number: number >= 10}, 40, by_order)
    share = summaries["alpha"].labelled_share
    assert share is not None
    assert (share.right, share.drawn, share.method) == (30, 40, "classical")
    assert share.estimate.value == pytest.approx(600 / 620)  # of 30 x 20 right and 10 x 2 wrong
    f1 = summaries["alpha"].scores["field_f1"].value
    assert f1 == pytest.approx(600 / 620)
    assert format_documents_right(summaries["alpha"]) == "30/40"
    assert decisions["alpha"].labels_drawn
    equal = decide({"alpha": NINE_OF_TEN}, 40, dict.fromkeys(range(40), 0.1))[0]["alpha"]
    assert equal.scores == decide({"alpha": NINE_OF_TEN}, 40)[0]["alpha"].scores


def test_the_request_is_for_labels_that_are_drawn_alike() -> None:
    probabilities = dict.fromkeys(range(30), 0.075)
    _, decisions, _ = decide(GOOD, 30, probabilities)
    last = [*format_decision(decisions["alpha"])][-1]
    assert last.strip().endswith("more labels, drawn as these were, would decide.")
    headline = format_more_documents(decisions["alpha"], load_catalogue("ru"))
    assert "выбранных так же" in headline


def test_the_difference_of_two_candidates_is_had_from_all_documents() -> None:
    right = {**GOOD, "delta": reads_all_but(4)}
    _, _, comparisons = decide(right, labels=60)
    (found,) = [
        each
        for each in comparisons
        if each.score == "documents_right" and {each.first[0], each.second[0]} == {"alpha", "delta"}
    ]
    assert found.difference.n == 60
    assert found.difference.value == pytest.approx(0.15, abs=0.02)
    assert found.is_significant
    assert found.bounds is not None
    assert found.bounds[0] < 0.15 < found.bounds[1]
    (by_labels,) = compare_all_pairs(
        count_labels_alone({"alpha": right["alpha"], "delta": right["delta"]}, 60),
        "documents_right",
    )
    assert (by_labels.p_value or 0) > 2 * (found.p_value or 1)


def test_the_table_says_how_many_labels_and_in_which_way() -> None:
    summaries, _, _ = decide(GOOD, labels=60)
    (row,) = build_labels_rows([summaries["alpha"]])
    assert row[0] == "alpha"
    assert row[4:7] == ["60", "0", "340"]
    assert row[7].endswith(", used")
    (translated,) = build_labels_rows([summaries["alpha"]], load_catalogue("ru"))
    assert translated[7].endswith(", учтено")
    assert build_labels_rows([decide(GOOD, DOCUMENTS)[0]["alpha"]]) == []
