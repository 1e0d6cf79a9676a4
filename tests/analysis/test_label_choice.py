"""pytest tests/analysis/test_label_choice.py: what candidates agree on, and which documents are
drawn."""

import random
from collections import Counter
from typing import Any

import pytest

from tests.case_records import failed, record
from vlm_lab.analysis.consensus import compare_with_reference, find_consensus
from vlm_lab.analysis.label_batches import draw_batch, select_undecided
from vlm_lab.analysis.label_choice import (
    RANDOM_SHARE,
    choose_blind,
    compute_probabilities,
    draw_documents,
    find_disputed_paths,
    list_decisive_names,
    rate_disagreement,
)
from vlm_lab.types import Decision, Field, Record, Rules, Suite

FIELDS = (
    Field("number", "identifier"),
    Field("gross", "amount"),
    Field("note"),
    Field("rows[].name"),
    Field("rows[].amount", "amount"),
)


def make_suite(tmp_path: Any) -> Suite:
    return Suite(name="s", folder=tmp_path, documents=tmp_path, references=tmp_path, fields=FIELDS)


def said(**answers: dict[str, Any]) -> list[Record]:
    return [
        record("d", prediction=answer, model=model, model_id=model)
        for model, answer in answers.items()
    ]


LAMP = {"name": "Lamp", "amount": "5.00"}
DESK = {"name": "Desk", "amount": "9.00"}


@pytest.mark.parametrize(
    ("answers", "agreed", "disputed"),
    [
        (
            {"qwen": {"number": "A1", "gross": "14.00"}, "phi": {"number": "A1", "gross": "14,00"}},
            {"number": "A1", "gross": "14,00", "note": None},
            [],
        ),
        (
            {"qwen": {"number": "A1"}, "qwen2": {"number": "A1"}, "phi": {"number": "B"}},
            {"gross": None, "note": None},
            ["number"],
        ),
        (
            {"qwen": {"number": 1, "note": "x"}, "phi": {"number": 1}, "llava": {"number": 1}},
            {"number": 1, "gross": None},
            ["note"],
        ),
        (
            {"qwen": {"rows": [DESK, LAMP]}, "phi": {"rows": [LAMP]}},
            {
                **{"number": None, "gross": None, "note": None},
                **{"rows[1].name": "Lamp", "rows[1].amount": "5.00"},
            },
            ["rows[0].name", "rows[0].amount"],
        ),
        ({"qwen": {"number": "A1"}}, {}, []),
    ],
)
def test_two_families_agree_or_differ(
    tmp_path: Any, answers: dict[str, Any], agreed: dict[str, Any], disputed: list[str]
) -> None:
    suite = make_suite(tmp_path)
    consensus = find_consensus([*said(**answers), failed("d", model="broken")], suite)
    assert dict(consensus.agreed) == agreed
    assert find_disputed_paths(consensus, suite) == disputed


def test_nothing_is_known_where_nobody_answered(tmp_path: Any) -> None:
    consensus = find_consensus([failed("d")], make_suite(tmp_path))
    assert not consensus.agreed
    assert rate_disagreement(consensus, make_suite(tmp_path), ["field_f1"]) == 0.0


def test_fields_that_are_decided_by_count_by_themselves(tmp_path: Any) -> None:
    suite = make_suite(tmp_path)
    answers = said(qwen={"number": "1", "gross": "2.00"}, phi={"number": "1", "gross": "3.00"})
    consensus = find_consensus(answers, suite)
    assert rate_disagreement(consensus, suite, ["field_f1"]) == pytest.approx(1 / 3)
    assert rate_disagreement(consensus, suite, ["gross", "number"]) == 0.5
    rules = Rules(require={"gross": 0.99}, prefer=("documents_right", "p95_seconds"))
    assert list_decisive_names(rules) == ("gross", "max_error_rate", "documents_right")


def test_a_reference_is_held_against_what_was_agreed(tmp_path: Any) -> None:
    suite = make_suite(tmp_path)
    agreed = {
        **{"number": "A1", "gross": "14.00", "note": None},
        **{"rows[0].name": "Desk", "rows[1].name": "Lamp", "rows[1].amount": None},
    }
    rows = [{"name": "Lamp", "amount": "5.00"}]
    reference = {"number": "A2", "gross": "14,00 EUR", "note": "paid", "rows": rows}
    kept, changed = compare_with_reference(agreed, {"rows": 2}, reference, suite)
    assert kept == ["gross", "rows[0].name"]
    assert changed == ["number", "rows[+0].name", "note"]


def test_probabilities_add_up_and_none_is_nothing() -> None:
    disagreement = {f"d{number}": number / 30 for number in range(30)}
    missed = dict.fromkeys(disagreement, 1.0)
    for count in (1, 7, 25, 30):
        probabilities = compute_probabilities(disagreement, missed, count)
        assert sum(probabilities.values()) == pytest.approx(count)
        assert min(probabilities.values()) >= RANDOM_SHARE * count / 30 - 1e-9
        assert max(probabilities.values()) <= 1
        assert len(draw_documents(probabilities, "s")) == count
    even = compute_probabilities(dict.fromkeys(missed, 0.0), missed, 3)
    assert list(even.values()) == pytest.approx([0.1] * 30)


def test_two_batches_draw_each_document_as_often_as_they_say() -> None:
    rng = random.Random(1)
    disagreement = {f"d{number}": rng.random() ** 3 for number in range(12)}
    later = {document: rng.random() for document in disagreement}
    hits: Counter[str] = Counter()
    said_probabilities: dict[str, float] = {}
    repetitions = 3000
    for seed in range(repetitions):
        frame = draw_batch([], disagreement, 3, seed, "2026-01-01", "r1")
        frame = draw_batch(frame, later, 3, seed, "2026-01-02", "r2")
        hits.update(draw.document for draw in frame if draw.drawn_at)
        said_probabilities = {draw.document: draw.inclusion_probability for draw in frame}
    for document, probability in said_probabilities.items():
        assert hits[document] / repetitions == pytest.approx(probability, abs=0.04), document


def test_a_drawn_document_is_not_drawn_again_and_seeds_repeat() -> None:
    disagreement = dict.fromkeys("abcdefgh", 0.5)
    first = draw_batch([], disagreement, 4, 7, "t1", "r")
    assert first == draw_batch([], disagreement, 4, 7, "t1", "r")
    assert first != draw_batch([], disagreement, 4, 8, "t1", "r")
    second = draw_batch(first, disagreement, 4, 7, "t2", "r")
    kept = {draw.document for draw in first if draw.drawn_at}
    assert {draw.document for draw in second if draw.drawn_at == "t1"} == kept
    assert all(3 <= sum(draw.drawn_at == "t2" for draw in each) <= 4 for each in [second])


def test_one_in_five_is_blind() -> None:
    drawn = [f"d{number}" for number in range(10)]
    assert {len(choose_blind(drawn, str(seed))) for seed in range(20)} == {2}
    shares = [len(choose_blind(drawn[:1], str(seed))) for seed in range(500)]
    assert sum(shares) / 500 == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize(
    ("verdicts", "kept"),
    [
        ({"qwen": "chosen", "phi": "needs_more_data", "ocr": "rejected"}, ["qwen", "phi"]),
        ({"qwen": "chosen", "phi": "rejected", "ocr": "rejected"}, ["qwen", "phi", "ocr"]),
    ],
)
def test_who_is_out_of_question_has_no_say(verdicts: dict[str, Any], kept: list[str]) -> None:
    records = said(qwen={}, phi={}, ocr={})
    decisions = [
        Decision(suite="invoices", model=model, prompt_id="default", verdict=verdict)
        for model, verdict in verdicts.items()
    ]
    assert [each.model for each in select_undecided(records, decisions)] == kept
