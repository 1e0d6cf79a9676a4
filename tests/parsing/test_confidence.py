"""Token log-probabilities -> the probability of each value."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lab.parsing import parse
from vlm_lab.parsing.confidence import compute_confidences
from vlm_lab.scoring import score_values
from vlm_lab.types import Generation

SETTINGS = settings(max_examples=50, deadline=None)  # other work on the machine is no failure


def generation(*tokens: tuple[str, float]) -> Generation:
    """Tokens with their probabilities (not logarithms)."""
    return Generation(
        raw_response="".join(text for text, _ in tokens),
        tokens=tuple((text, math.log(probability)) for text, probability in tokens),
    )


def test_a_value_is_as_likely_as_all_its_tokens_together():
    said = generation(
        ('{"', 0.1),
        ("a", 0.1),
        ('": "', 1),
        ("INV", 0.5),
        ("-1", 0.8),
        ('", "b": ', 0.1),
        ("12", 0.9),
        ("}", 1),
    )
    assert compute_confidences(said) == pytest.approx({"a": 0.4, "b": 0.9})


def test_a_token_that_touches_a_value_counts_whole():
    assert compute_confidences(generation(('{"a": "x', 0.5), ('y"}', 0.5))) == pytest.approx(
        {"a": 0.25}
    )


def test_paths_are_those_of_the_prediction():
    raw = (
        '{"s": {"n": "x"}, "rows": [{"d": "1", "e": "2"}, {"d": "3"}], "tags": ["a", "b"], '
        '"menu": {"menu.nm": "y"}}'
    )
    said = generation(*((character, 1.0) for character in raw))
    paths = ["s.n", "rows[0].d", "rows[0].e", "rows[1].d", "tags[]", "menu.nm"]
    assert list(compute_confidences(said)) == paths


def test_the_answer_counts_and_not_the_thoughts_before_it():
    said = generation(
        ('<think>{"a": "q"}</think>', 0.1), ('Well, {"a": "', 1), ("x", 0.7), ('"}', 1)
    )
    assert parse(said).confidences == pytest.approx({"a": 0.7})


def test_of_several_objects_the_one_that_is_parsed_counts():
    said = generation(
        ('{"a": "', 1), ("y", 0.1), ('", "b": 2} or {"a": "', 1), ("x", 0.7), ('", "b": 2}', 1)
    )
    assert parse(said).value["a"] == "x"
    assert parse(said).confidences["a"] == pytest.approx(0.7)


def test_tokens_that_are_not_the_reply_say_nothing():
    assert compute_confidences(Generation(raw_response='{"a": 1}', tokens=(("{", -0.1),))) == {}
    assert compute_confidences(Generation(raw_response='{"a": 1}')) == {}


def test_a_confidence_reaches_the_field_that_it_is_about():
    said = generation(
        ('{"rows": [{"n": "lamp", "p": "', 1),
        ("1", 0.6),
        ('"}, {"n": "chair", "p": "', 1),
        ("2", 0.9),
        ('"}]}', 1),
    )
    prediction = parse(said)
    reference = {"rows": [{"n": "chair", "p": "2"}, {"n": "lamp", "p": "1"}]}
    scored = score_values(prediction.value, reference, confidences=prediction.confidences)
    found = {result.path: result.confidence for result in scored.fields}
    assert found["rows[0].p"] == pytest.approx(0.9)
    assert found["rows[1].p"] == pytest.approx(0.6)


@SETTINGS
@given(st.text('{}[]":,\\ax1 '))
def test_no_reply_crashes_it(raw):
    said = Generation(raw_response=raw, tokens=tuple((character, -0.1) for character in raw))
    assert all(0 <= value <= 1 for value in compute_confidences(said).values())
    parse(said)
