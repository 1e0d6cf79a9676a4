"""A right answer is right whatever its shape, a wrong value wrong, and the reply is marked."""

import copy
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parsing.shapes import ANSWER, DATA, FIELDS, TEXTS, flatten
from vlm_lab.parsing import fit_to_fields, parse, parse_text
from vlm_lab.scoring import score_values
from vlm_lab.types import Field, Generation, Score

SETTINGS = settings(max_examples=30, deadline=None)
SHAPES = {name: (lambda answer, f=f: json.dumps(f(answer))) for name, f in DATA.items()} | TEXTS
RESHAPED = sorted(DATA)


def scored(raw: str, reference: dict[str, Any] = ANSWER) -> Score:
    prediction = parse_text(raw, None, FIELDS)
    return score_values(
        prediction.value,
        reference,
        FIELDS,
        status=prediction.status,
        reason=prediction.reason,
        reshaped=prediction.reshaped,
    )


def wrong_paths(score: Score) -> dict[str, str]:
    return {
        result.path: result.outcome
        for result in score.fields
        if result.outcome not in ("exact", "normalized")
    }


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_right_answer_is_right_in_any_shape(shape: str) -> None:
    score = scored(SHAPES[shape](ANSWER))
    assert wrong_paths(score) == {}
    assert len(score.fields) == 11


@pytest.mark.parametrize("shape", RESHAPED)
def test_what_was_unwrapped_is_marked_and_not_exact(shape: str) -> None:
    raw = SHAPES[shape](ANSWER)
    assert parse_text(raw, None, FIELDS).reshaped is True
    assert {result.outcome for result in scored(raw).fields} == {"normalized"}


def test_what_is_as_it_was_asked_for_is_exact() -> None:
    raw = json.dumps(ANSWER)
    assert parse_text(raw, None, FIELDS).reshaped is False
    assert {result.outcome for result in scored(raw).fields} == {"exact"}


LEAVES = sorted(path for path in flatten(ANSWER) if path != "tags")
TEXT = st.text("abcXYZ 0123456789,.-/äß", min_size=1).map(str.strip).filter(len)


@SETTINGS
@given(st.sampled_from(sorted(SHAPES)), st.sampled_from(LEAVES), st.integers(1, 9))
def test_a_wrong_value_is_wrong_in_any_shape(shape: str, path: str, digit: int) -> None:
    answer = copy.deepcopy(ANSWER)
    target: Any = answer
    *parents, key = path.replace("[", ".").replace("]", "").split(".")
    for parent in parents:
        target = target[int(parent) if parent.isdigit() else parent]
    target[key] = f"{digit}{target[key]}" if path != "date" else f"2024-0{digit}-07"
    if shape == "a correction" and path == "totals.net":
        return  # this shape has that value itself
    if shape.startswith("a draft") and path == "number":
        assert wrong_paths(scored(SHAPES[shape](answer)))
        return
    assert wrong_paths(scored(SHAPES[shape](answer))) == {path: "wrong"}


@SETTINGS
@given(
    st.sampled_from(RESHAPED),
    st.fixed_dictionaries(
        {
            "number": TEXT,
            "date": st.dates().map(str),
            "seller": st.fixed_dictionaries({"name": TEXT, "tax_id": TEXT}),
            "totals": st.fixed_dictionaries({"net": TEXT, "gross": TEXT}),
            "rows": st.lists(st.fixed_dictionaries({"text": TEXT, "amount": TEXT}), min_size=2),
            "tags": st.lists(TEXT, min_size=1),
        }
    ),
)
def test_values_are_moved_and_never_changed(shape: str, answer: dict[str, Any]) -> None:
    value = parse_text(SHAPES[shape](answer), None, FIELDS).value
    assert value is not None
    assert {key: value[key] for key in answer} == answer


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"Rechnungsnummer": "R-0815", "Datum": "2024-11-30"}, "other_keys"),
        ({"answer": "R-0815"}, "other_keys"),
        ({"R-0815": "number", "x": {"y": {"gross": "5"}}}, "other_shape"),
        ([{"x": 1}, {"x": 2}], "other_shape"),
    ],
)
def test_what_matches_nothing_has_a_kind_of_its_own(value: Any, kind: str) -> None:
    results = scored(json.dumps(value)).fields
    assert {(result.outcome, result.kind) for result in results} == {("missing", kind)}


@pytest.mark.parametrize(
    "value", [{"number": None}, {"number": "n/a", "x": 1}, {}, {"number": "R-0815", "y": 2}]
)
def test_known_keys_are_no_other_keys(value: Any) -> None:
    assert {result.kind for result in scored(json.dumps(value)).fields} == {None}


def test_a_bank_account_beside_known_keys_is_not_the_seller() -> None:
    fields = (*FIELDS, Field("currency"))
    value = {"number": "1", "bank": {"name": "Bank", "iban": "CH1", "currency": "CHF"}}
    assert fit_to_fields(value, fields).value == value


NULLS = {"number": None, "date": None, "totals": {"net": None, "gross": None}}


@pytest.mark.parametrize("key", ["", "template", "data"])
def test_an_object_inside_replaces_known_keys_only_where_it_says_something(key: str) -> None:
    said = {"number": "R-0815", key: NULLS}
    assert fit_to_fields(said, FIELDS).value == said
    assert fit_to_fields({"number": "R-1", key: ANSWER}, FIELDS).value == ANSWER


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"number": {"a": "R-0815"}}, {"number": {"a": "R-0815"}}),
        ({"seller": [{"name": "A"}, {"name": "B"}]}, {"seller": {"name": "A"}}),
        ({"rows": {"text": "Cable", "amount": "5"}}, {"rows": [{"text": "Cable", "amount": "5"}]}),
        ({"rows": "none"}, {"rows": "none"}),
        ({"tags": {"0": "a", "1": "b"}}, {"tags": ["a", "b"]}),
        ({"number": {"type": "string", "description": "the number"}},) * 2,
    ],
)
def test_what_is_moved_and_what_stays(said: Any, kept: Any) -> None:
    assert fit_to_fields(said, FIELDS).value == kept


def test_the_confidence_of_a_corrected_value_is_the_corrections() -> None:
    texts = ['{"number": "', "R-1", '", "date": "', "x", '"}\n{"number": "', "R-2", '"}']
    logprobs = [0.0, -1.0, 0.0, -2.0, 0.0, -3.0, 0.0]
    generation = Generation(
        raw_response="".join(texts),
        tokens=tuple(zip(texts, logprobs, strict=True)),
        fields=FIELDS,
    )
    prediction = parse(generation)
    assert prediction.value == {"number": "R-2", "date": "x"}
    assert prediction.confidences == pytest.approx({"number": 0.0498, "date": 0.1353}, rel=1e-2)


FUZZED = 400  # replies; 9,000 take a minute
FUZZ_CHARACTERS = "{}[]\",:\\'`<>/\n 0.-#*&|x"


def test_mutated_replies_crash_nothing() -> None:
    random_ = random.Random(19)
    raws = [shape(ANSWER) for _, shape in sorted(SHAPES.items())]
    for _ in range(FUZZED):
        raw = random_.choice(raws)
        for _ in range(random_.choice((1, 2, 5, 20))):
            start = random_.randrange(len(raw) + 1)
            end = start + random_.choice((0, 1, 3, 30))
            noise = random_.choice(FUZZ_CHARACTERS) * random_.choice((1, 50))
            middle = random_.choice(("", noise, raw[start:end] * 2))
            raw = raw[:start] + middle + raw[end:]
        for finish_reason in (None, "length"):
            prediction = parse_text(raw, finish_reason, FIELDS)
            json.dumps(prediction.value, allow_nan=False)
            score_values(
                prediction.value, ANSWER, FIELDS, status=prediction.status, reason=prediction.reason
            )


@pytest.mark.parametrize(
    "unit",
    ["[", '{"a":', '{"rows":', '{"rows":[', '{"x":{"number":1}},', '[["a",1],', '"{\\"a\\":',
     '{"a":"{', '{"key":"number","value":1},', '{"number":{"value":', '{"a":004,', "- a: b\n",
     '{"rows[0].a":1,', '[{"text":"a"},', '{"number": "x"}\n', "&a *a ", "<think>"],
)  # fmt: skip
def test_a_million_characters_are_survived_in_little_time(unit: str) -> None:
    raw = (unit * 1_000_000)[:1_000_000]
    start = time.process_time()
    parse_text(raw, None, FIELDS)
    assert time.process_time() - start < 5
