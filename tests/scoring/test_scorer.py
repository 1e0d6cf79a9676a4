"""A prediction held against a reference: outcomes, counts, rows, and what is not scored."""

import copy
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.parsing import parse, parse_text
from vlm_lab.scoring import score, score_values
from vlm_lab.types import Document, Generation, Prediction, Score, Suite

SETTINGS = settings(max_examples=50, deadline=None)  # other work on the machine is no failure

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "benchmarks" / "invoices" / "schema.json").read_text("utf-8")
)
FIELDS = collect_schema_fields(SCHEMA)
INVOICE = {
    "invoice_number": "INV-1",
    "issue_date": "2024-03-12",
    "seller": {"name": "Foo GmbH"},
    "totals": {"net": "100.00", "gross": "119.00"},
    "line_items": [
        {"description": "Desk lamp", "quantity": "2", "amount": "60.00"},
        {"description": "Office chair", "quantity": "1", "amount": "40.00"},
    ],
}


def changed(**values: Any) -> dict[str, Any]:
    """INVOICE with values put at `a__b` for a.b; None takes a key away."""
    invoice = copy.deepcopy(INVOICE)
    for path, value in values.items():
        *parents, last = path.split("__")
        target: Any = invoice
        for key in parents:
            target = target[int(key) if key.isdigit() else key]
        target.pop(last) if value is None else target.__setitem__(last, value)
    return invoice


def outcomes(scored: Score) -> dict[str, str]:
    return {result.path: result.outcome for result in scored.fields if result.outcome != "exact"}


def test_the_same_values_are_right():
    scores = score_values(INVOICE, INVOICE, FIELDS).scores
    assert (scores["exact"], scores["cells_exact"], scores["rows_right"]) == (5, 6, 2)
    for ratio in ("field_f1", "field_f1_strict", "precision", "recall", "row_f1", "cell_f1"):
        assert scores[ratio] == 1.0
    assert scores["document_right"] is True


def test_every_key_of_the_scores_is_there():
    counts = ["exact", "normalized", "wrong", "missing", "spurious", "unlabelled"]
    counts += [f"cells_{name}" for name in counts[:5]]
    counts += ["rows_right", "rows_expected", "rows_predicted", "rows_split", "rows_merged"]
    ratios = [
        "field_f1",
        "field_f1_strict",
        "precision",
        "recall",
        "row_f1",
        "cell_f1",
        "document_right",
    ]
    assert list(score_values({}, None).scores) == counts + ratios


def test_without_a_reference_nothing_is_judged():
    scored = score_values({"a": 1}, None)
    assert scored.fields == ()
    assert all(value in (0, None) for value in scored.scores.values())


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        (changed(totals__gross="119,00 €"), {"totals.gross": "normalized"}),
        (changed(totals__gross="191.00"), {"totals.gross": "wrong"}),
        (changed(totals__gross=None), {"totals.gross": "missing"}),
        (changed(totals__gross="N/A"), {"totals.gross": "missing"}),
        (changed(totals__gross=""), {"totals.gross": "missing"}),
        (changed(seller=None), {"seller.name": "missing"}),
        (changed(seller="Foo GmbH"), {"seller.name": "missing"}),
        (changed(currency="EUR"), {"currency": "unlabelled"}),
        (changed(currency=""), {}),
        (changed(colour="red"), {}),
        (changed(line_items__0__amount="61.00"), {"line_items[0].amount": "wrong"}),
        (changed(line_items__1__unit_price="40"), {"line_items[1].unit_price": "unlabelled"}),
    ],
)
def test_outcomes(prediction, expected):
    assert outcomes(score_values(prediction, INVOICE, FIELDS)) == expected


def test_ratios_follow_from_the_counts():
    prediction = changed(totals__gross="191.00", invoice_number="inv-1", issue_date=None)
    scores = score_values(prediction, INVOICE, FIELDS).scores
    assert (scores["exact"], scores["normalized"], scores["wrong"], scores["missing"]) == (
        2,
        1,
        1,
        1,
    )
    assert scores["precision"] == 3 / 4
    assert scores["recall"] == 3 / 5
    assert scores["field_f1"] == 2 * 3 / 9
    assert scores["field_f1_strict"] == 2 * 2 / 9
    assert scores["document_right"] is False


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_null_means_is_the_suites(nothing):
    reference = {"currency": nothing, "invoice_number": "1"}
    prediction = {"currency": "EUR", "invoice_number": "1"}
    assert outcomes(score_values(prediction, reference, FIELDS)) == {"currency": "unlabelled"}
    assert outcomes(score_values(prediction, reference, FIELDS, empty="absent")) == {
        "currency": "spurious"
    }
    for empty in ("unlabelled", "absent"):
        for silent in ({}, {"currency": None}, {"currency": ""}, {"currency": "n/a"}):
            scores = score_values(
                {"invoice_number": "1"} | silent, reference, FIELDS, empty=empty
            ).scores
            assert (scores["precision"], scores["recall"], scores["spurious"]) == (1.0, 1.0, 0)


@pytest.mark.parametrize("nothing", [None, []])
def test_what_an_empty_list_or_object_means_is_the_suites(nothing):
    reference = {"line_items": nothing, "seller": None}
    prediction = {"line_items": [{"amount": "1"}], "seller": {"name": "Foo"}}
    assert set(outcomes(score_values(prediction, reference, FIELDS)).values()) == {"unlabelled"}
    scores = score_values(prediction, reference, FIELDS, empty="absent").scores
    assert (scores["spurious"], scores["cells_spurious"], scores["rows_predicted"]) == (1, 1, 1)
    assert scores["document_right"] is False


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("I'm sorry, I can't help with that.", "refusal"),
        ('{"properties": {"a": {"type": "string"}}}', "schema echo"),
        ("nonsense", "no answer"),
        ('{"invoice_number": "INV', "truncated"),
    ],
)
def test_no_usable_answer_misses_every_expected_field(raw, kind):
    prediction = parse_text(raw)
    scored = score_values(
        prediction.value, INVOICE, FIELDS, status=prediction.status, reason=prediction.reason
    )
    assert {(result.outcome, result.kind) for result in scored.fields} == {("missing", kind)}
    assert (
        scored.scores["missing"],
        scored.scores["cells_missing"],
        scored.scores["field_f1"],
    ) == (5, 6, 0.0)


def test_an_echo_on_every_page_is_an_echo():
    echo = '{"properties": {"a": {"type": "string"}}}'
    prediction = parse(Generation(raw_response=echo + echo, page_responses=(echo, echo)))
    scored = score_values(
        prediction.value, INVOICE, FIELDS, status=prediction.status, reason=prediction.reason
    )
    assert {result.kind for result in scored.fields} == {"schema echo"}


def test_a_cut_off_answer_is_scored_as_far_as_it_goes():
    prediction = parse_text(
        '{"invoice_number": "INV-1", "issue_date": "2024-03-13", "seller": {"name": "Fo', "length"
    )
    scored = score_values(prediction.value, INVOICE, FIELDS, status=prediction.status)
    found = {result.path: (result.outcome, result.kind) for result in scored.fields}
    assert found["invoice_number"] == ("exact", None)
    assert found["issue_date"][0] == "wrong"
    assert found["seller.name"] == ("missing", "truncated")


def test_rows_in_another_order_cost_nothing():
    prediction = changed(line_items=INVOICE["line_items"][::-1])
    assert outcomes(score_values(prediction, INVOICE, FIELDS)) == {}


def test_a_row_too_many_and_a_row_too_few():
    rows = INVOICE["line_items"]
    extra = score_values(
        changed(line_items=[{"description": "Subtotal", "amount": "9"}, *rows]), INVOICE, FIELDS
    )
    assert outcomes(extra) == {
        "line_items[+0].description": "spurious",
        "line_items[+0].amount": "spurious",
    }
    assert (extra.scores["row_f1"], extra.scores["cell_f1"]) == (2 * 2 / 5, 2 * 6 / 14)
    short = score_values(changed(line_items=rows[1:]), INVOICE, FIELDS)
    assert set(outcomes(short)) == {
        f"line_items[0].{name}" for name in ("description", "quantity", "amount")
    }
    assert short.scores["row_f1"] == 2 * 1 / 3


def test_a_row_is_right_when_all_its_labelled_cells_are():
    scores = score_values(changed(line_items__0__quantity="3"), INVOICE, FIELDS).scores
    assert (scores["rows_right"], scores["row_f1"], scores["cell_f1"]) == (1, 0.5, 10 / 12)


def test_the_assignment_is_the_best_in_total_and_not_the_first_that_fits():
    reference = {"rows": [{"a": "lamp", "b": "1"}, {"a": "lamp", "b": "2"}]}
    prediction = {"rows": [{"a": "lamp", "b": "7"}, {"a": "lamp", "b": "1"}]}
    assert outcomes(score_values(prediction, reference)) == {"rows[1].b": "wrong"}


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize(
    ("reference", "prediction", "cell_f1"),
    [
        (
            [{"p": "1", "q": "1", "r": "2"}, {"p": "1", "q": "2"}],
            [{"p": "1", "q": "1"}, {"p": "1", "r": "2"}],
            6 / 8,
        ),
        (
            [{"p": "1"}, {"p": "1", "q": "1", "r": "x"}],
            [{"p": "1", "q": "1"}, {"p": "1", "r": "1"}],
            6 / 7,
        ),
    ],
)
def test_of_equal_assignments_the_one_with_fewer_wrong_cells_counts(
    reference, prediction, cell_f1, step
):
    assert (
        score_values({"rows": prediction[::step]}, {"rows": reference}).scores["cell_f1"] == cell_f1
    )


def test_rows_with_nothing_in_common_are_missing_and_spurious():
    scored = score_values(
        {"rows": [{"d": "Chair", "p": "40"}]}, {"rows": [{"d": "Lamp", "p": "60"}]}
    )
    assert [result.path for result in scored.fields] == [
        "rows[0].d",
        "rows[0].p",
        "rows[+0].d",
        "rows[+0].p",
    ]


def test_a_row_that_came_as_two_and_two_that_came_as_one():
    rows = [{"d": "Desk lamp with a long black cable", "n": "60"}, {"d": "Chair", "n": "40"}]
    halves = [{"d": "Desk lamp with a", "n": "60"}, {"d": "long black cable"}, rows[1]]
    assert score_values({"rows": halves}, {"rows": rows}).scores["rows_split"] == 1
    assert score_values({"rows": rows}, {"rows": halves}).scores["rows_merged"] == 1


def test_an_object_in_place_of_a_list_is_its_only_row():
    reference = changed(line_items=INVOICE["line_items"][:1])
    assert (
        outcomes(score_values(changed(line_items=INVOICE["line_items"][0]), reference, FIELDS))
        == {}
    )


def test_lists_inside_rows_are_aligned_too():
    reference = {"menu": [{"nm": "set", "sub": [{"nm": "tea"}, {"nm": "cake"}]}, {"nm": "juice"}]}
    prediction = {"menu": [{"nm": "juice"}, {"nm": "set", "sub": [{"nm": "cake"}, {"nm": "toa"}]}]}
    assert outcomes(score_values(prediction, reference)) == {"menu[0].sub[0].nm": "wrong"}


def test_a_row_whose_inner_rows_say_nothing_is_not_expected():
    reference = {"rows": [{"sub": [{"nm": ""}]}, {"sub": [{"nm": "a"}]}]}
    scores = score_values({}, reference).scores
    assert (scores["rows_right"], scores["rows_expected"], scores["row_f1"]) == (0, 2, 0.0), (
        "the second row and the one in it"
    )


def test_a_key_of_another_spelling_is_found_and_is_no_exact_match():
    prediction = {
        "Invoice Number": "INV-1",
        "issueDate": "2024-03-12",
        "LineItems": [{"Amount": "1"}],
    }
    reference = {
        "invoice_number": "INV-1",
        "issue_date": "2024-03-12",
        "line_items": [{"amount": "1"}],
    }
    scored = score_values(prediction, reference, FIELDS)
    assert set(outcomes(scored).values()) == {"normalized"}
    assert scored.scores["document_right"] is True


def test_keys_that_were_joined_are_found_where_only_one_path_can_be_meant():
    reference = {"seller": {"name": "A"}, "a": {"b_c": "1"}, "a_b": {"c": "2"}}
    scored = score_values({"seller_name": "A", "a_b_c": "1"}, reference)
    assert outcomes(scored) == {"seller.name": "normalized", "a.b_c": "missing", "a_b.c": "missing"}


@pytest.mark.parametrize(
    ("reference", "prediction", "outcome"),
    [
        ({"tags": ["a"]}, {"tags": "a"}, "normalized"),
        ({"tags": ["a", "b"]}, {"tags": "a"}, "wrong"),
        ({"tags": ["a"]}, {"tags": None}, "missing"),
        ({"tags": ["a"]}, {"Tags": "a"}, "normalized"),
        ({"no": "17"}, {"no": ["17"]}, "normalized"),
        ({"no": "17"}, {"no": ["18"]}, "wrong"),
        ({"no": "17"}, {"no": [None]}, "missing"),
        ({"no": "17"}, {"no": ["17", "18"]}, "missing"),
        ({"no": "17"}, {"no": [{"a": "17"}]}, "missing"),
    ],
)
def test_a_value_and_a_list_of_one_differ_in_format(reference, prediction, outcome):
    (result,) = score_values(prediction, reference).fields
    assert result.outcome == outcome


def test_a_value_carries_its_confidence_from_its_place_in_the_prediction():
    prediction = changed(line_items=INVOICE["line_items"][::-1])
    confidences = {"totals.net": 0.5, "line_items[0].amount": 0.9, "line_items[1].amount": 0.1}
    scored = score_values(prediction, INVOICE, FIELDS, confidences=confidences)
    found = {result.path: result.confidence for result in scored.fields if result.confidence}
    assert found == {"totals.net": 0.5, "line_items[0].amount": 0.1, "line_items[1].amount": 0.9}


def suite(**values: Any) -> Suite:
    return Suite(name="s", folder=Path(), documents=Path(), references=Path(), **values)


def test_score_uses_the_suites_fields_and_adds_deepdiffs_diff():
    document = Document(
        id="d", name="d.pdf", path=Path("d.pdf"), suite=suite(fields=FIELDS), reference=INVOICE
    )
    scored = score(Prediction(value=changed(totals__gross="1")), document)
    assert scored.scores["wrong"] == 1
    assert scored.diff == {
        "values_changed": {"root['totals']['gross']": {"new_value": "1", "old_value": "119.00"}}
    }
    assert score(Prediction(value=None, status="unparsed"), document).diff["values_changed"]
    assert score(Prediction(value=INVOICE), document).diff == {}


def test_a_diff_of_huge_values_is_left_out_with_a_note():
    document = Document(
        id="d", name="d.pdf", path=Path("d.pdf"), suite=suite(), reference={"a": "x" * 10**5}
    )
    assert "characters" in score(Prediction(value={"a": "y" * 10**5}), document).diff["note"]


def test_data_too_deep_to_walk_is_unscored_and_says_so():
    deep: Any = "x"
    for _ in range(3000):
        deep = {"a": deep}
    document = Document(
        id="d", name="d.pdf", path=Path("d.pdf"), suite=suite(), reference={"b": deep}
    )
    assert score(Prediction(value={"b": "x"}), document).diff == {
        "note": "nested too deeply to be scored"
    }


def test_real_references_are_right_against_themselves(shared):
    paths = sorted((shared / "invoices" / "references").glob("*.json"))
    assert len(paths) == 65
    for path in paths:
        reference = json.loads(path.read_text("utf-8"))
        assert score_values(reference, reference, FIELDS).scores["document_right"] is True, (
            path.name
        )


def test_two_hundred_rows_take_milliseconds():
    rows = [
        {"description": f"Article {i} of kind {i % 7}", "quantity": str(i % 5), "amount": f"{i}.50"}
        for i in range(200)
    ]
    noisy = [{key: value.replace("1", "7") for key, value in row.items()} for row in rows]
    random.Random(1).shuffle(noisy)
    score_values({"line_items": noisy}, {"line_items": rows}, FIELDS)
    start = time.process_time()
    score_values({"line_items": noisy}, {"line_items": rows}, FIELDS)
    assert time.process_time() - start < 0.1


KEYS = st.text("abc", min_size=1, max_size=2)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.text("0123456789.,-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
ANY = st.dictionaries(KEYS | st.text(max_size=4), VALUES, max_size=4)
ROWS = st.lists(
    st.dictionaries(st.sampled_from("pqr"), st.sampled_from(["1", "2", "x y", "xy z"]), min_size=1),
    max_size=4,
)


def says_something(value: str) -> bool:
    return not says_nothing(value)


SIMPLE = st.dictionaries(
    st.sampled_from("abcdef"), st.text("xyz0189.,- ", min_size=1).filter(says_something), min_size=1
)


@SETTINGS
@given(ANY)
def test_a_reference_against_itself_is_perfect(reference):
    for empty in ("unlabelled", "absent"):
        scores = score_values(reference, reference, empty=empty).scores
        assert scores["document_right"] in (True, None)
        assert scores["field_f1"] in (1.0, None)
        assert scores["row_f1"] in (1.0, None)


def shuffled(value: Any, order: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return (
        order.sample([shuffled(item, order) for item in value], len(value))
        if isinstance(value, list)
        else value
    )


@SETTINGS
@given(ANY, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_rows_does_not_matter(reference, order):
    scores = score_values(shuffled(reference, order), reference).scores
    assert scores["document_right"] in (True, None)


@SETTINGS
@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_for_wrong_answers_either(expected, actual, order):
    def figures(rows):
        scores = score_values({"rows": rows}, {"rows": expected}).scores
        return scores["row_f1"], scores["cell_f1"]

    assert figures(actual) == figures(shuffled(actual, order))


@SETTINGS
@given(SIMPLE, ROWS, st.data())
def test_removing_a_field_costs_exactly_that_field(heads, rows, data):
    reference = heads | {"rows": rows}
    path = data.draw(st.sampled_from(sorted(heads)))
    less = {key: value for key, value in reference.items() if key != path}
    assert outcomes(score_values(less, reference)) == {path: "missing"}


@SETTINGS
@given(ANY, ANY)
def test_no_data_crashes_the_scorer_and_counts_add_up(prediction, reference):
    scored = score_values(prediction, reference)
    outcome_names = ("exact", "normalized", "wrong", "missing", "spurious", "unlabelled")
    counted = sum(
        count
        for name, count in scored.scores.items()
        if name.removeprefix("cells_") in outcome_names
    )
    assert counted <= len(scored.fields)
    assert all(result.similarity is None or 0 <= result.similarity <= 1 for result in scored.fields)


@SETTINGS
@given(ANY)
def test_scores_and_diffs_can_be_written_as_json(value):
    assume(value)
    document = Document(id="d", name="d.pdf", path=Path("d.pdf"), suite=suite(), reference=value)
    scored = score(Prediction(value={"a": value}), document)
    json.dumps([scored.scores, scored.diff])
