"""Raw replies -> predictions: what is kept, and what is said where nothing is."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lab.parsing import merge_predictions, parse, parse_text
from vlm_lab.types import Generation, Prediction

SETTINGS = settings(max_examples=50, deadline=None)  # other work on the machine is no failure

X = {"a": "x"}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('{"a": "x"}', X),
        ('\ufeff{"a": "x"}', X),
        ('```json\n{"a": "x"}\n```', X),
        ('```\n{"a": "x"}', X),
        ('Here is the JSON you asked for:\n\n{"a": "x"}\n\nAnything else?', X),
        ('Use {braces}. {"a": "x"}', X),
        ('<think>{"a": "draft", "b": 1, "c": 2}</think>\n{"a": "x"}', X),
        ('so {"a": "draft"}</think>{"a": "x"}', X),
        ('[{"a": "x"}]', X),
        ('{"a": "y"}\n\nWait, no:\n{"a": "x"}', X),
        ('{"a": "x", "b": 1}\nThe total is {"b": 1}.', {"a": "x", "b": 1}),
        ('{"menu.nm": "x", "menu.price": 1}', {"menu": {"nm": "x", "price": 1}}),
        ('{"menu": [{"menu.nm": "x"}]}', {"menu": [{"nm": "x"}]}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "{not a brace"}', {"a": "{not a brace"}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": "NaN", "b": "-Infinity", "c": "1e999"}),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
        ('{"a": "\ud800", "\udfff": 1}', {"a": "\ufffd", "\ufffd": 1}),
        ('{"a": "\x00"}', {"a": "\x00"}),
        ('{"a": %s}' % ("9" * 5000), {"a": "9" * 5000}),
        ("{}", {}),
    ],
)
def test_json_is_found(raw, value):
    prediction = parse_text(raw)
    assert prediction == Prediction(value=value)
    json.dumps(prediction.value, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("{a: 'x'}", X),
        ('{"a": "x",}', X),
        ('{"a": "x" "b": 1}', {"a": "x", "b": 1}),
        ('{"a": "5" pipe", "b": "x"}', {"a": '5" pipe', "b": "x"}),
        ('{"a": [1, 2}, "b": 3}', {"a": [1, 2], "b": 3}),
    ],
)
def test_broken_json_is_repaired_and_marked(raw, value):
    assert parse_text(raw) == Prediction(value=value, repaired=True)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Seller: PagerDuty Inc.; Total: 12.00", {"Seller": "PagerDuty Inc.", "Total": "12.00"}),
        ("- **Seller:** A: B\n- **Total:** 5", {"Seller": "A: B", "Total": "5"}),
        ("totals.gross: 5\ntotals.net: 4", {"totals": {"gross": "5", "net": "4"}}),
        ("Total = 5", {"Total": "5"}),
        ("Номер счёта: 17\nИтого: 5 руб.", {"Номер счёта": "17", "Итого": "5 руб."}),
    ],
)
def test_lines_of_keys_and_values(raw, value):
    assert parse_text(raw) == Prediction(value=value)


def test_prose_with_a_colon_is_no_line():
    assert (
        parse_text("The total of this invoice is: 5 euros, and nothing else.").status == "unparsed"
    )


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('{"a": "x", "b": "y', X),
        ('{"a": "x", "b": 12', X),
        ('{"a": "x", "b', X),
        ('{"a": "x", "b"', X),
        ('{"a": "x", "b":', X),
        ('{"a": "x",', X),
        ('{"a": "x"', X),
        ('{"a": "x", "b": "y\\', X),
        ('```json\n{"a": "x", "b": tru', X),
        ('{"a": [1, 2, 3', {"a": [1, 2]}),
        (
            '{"s": {"n": "x"}, "rows": [{"d": "1", "e": "2"}, {"d": "3", "e": "4',
            {"s": {"n": "x"}, "rows": [{"d": "1", "e": "2"}, {"d": "3"}]},
        ),
    ],
)
@pytest.mark.parametrize("finish_reason", ["length", None])
def test_what_was_closed_before_the_cut_is_kept(raw, value, finish_reason):
    assert parse_text(raw, finish_reason) == Prediction(value=value, status="truncated")


def test_a_cut_leaves_nothing_or_everything():
    assert parse_text('{"a": "x"}', "length").status == "ok"
    assert parse_text('{"a": "x', "length").value is None
    assert parse_text('{"a": "x', "length").status == "truncated"
    assert parse_text("<think>well", "length").status == "truncated"
    assert parse_text("Seller: A\nTotal: 12.", "length") == Prediction(
        value={"Seller": "A"}, status="truncated"
    )


@pytest.mark.parametrize(
    "raw",
    [
        "I'm sorry, but I can't assist with that.",
        "I cannot read this document.",
        "Es tut mir leid, das geht nicht.",
        "Je suis désolé, mais je ne peux pas.",
        "К сожалению, я не могу прочитать документ.",
        "抱歉，我无法处理。",
        '{"error": "I am unable to read the image"}',
    ],
)
def test_a_refusal_is_told_with_its_words(raw):
    prediction = parse_text(raw)
    assert (prediction.value, prediction.status) == (None, "refused")
    assert prediction.reason[:5] in raw


def test_sorry_inside_an_answer_is_no_refusal():
    assert parse_text('I\'m sorry for the delay: {"a": "x"}') == Prediction(value=X)


@pytest.mark.parametrize(
    "raw",
    [
        '{"type": "object", "properties": {"a": {"type": "string"}}}',
        '{"a": {"type": "string"}, "b": {"type": ["number", "null"]}}',
    ],
)
def test_the_schema_given_back_is_no_answer(raw):
    prediction = parse_text(raw)
    assert (prediction.value, prediction.status, prediction.reason) == (
        None,
        "unparsed",
        "schema echo",
    )
    assert parse_text(f'{raw}\n{{"a": "x"}}').value == X


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty reply"),
        (" \n", "empty reply"),
        ("hello", "no JSON object"),
        ("null", "no JSON object"),
        ('[{"a": 1}, {"a": 2}]', "a list of 2 at the top, no object"),
        ('{"a":' * 40 + "1" + "}" * 40, "no JSON object, or one nested too deeply"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "no JSON object, or one nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_unparsed_with_the_reason(raw, reason):
    assert parse_text(raw) == Prediction(value=None, status="unparsed", reason=reason)


@pytest.mark.parametrize(
    "unit",
    ["[", "{", '{"', '\\"', '"\\""', '{"a":', "{]", "[{", '{"a":1}', "{a}", "x: y\n", ":", "a = *",
     "<think>", "`", "- ", "</think>", '{"a\n', '{"a": "', ",", "{'a':", "I'm so", "ich kann a "],
)  # fmt: skip
def test_a_hundred_thousand_characters_are_survived_in_little_time(unit):
    raw = (unit * 100_000)[:100_000]
    start = time.process_time()
    parse_text(raw)
    parse_text('{"a": "x", ' + raw, "length")
    assert time.process_time() - start < 2


def test_pages_are_merged_field_by_field_and_rows_are_appended():
    pages = (
        '{"a": "x", "s": {"n": ""}, "rows": [{"d": 1}]}',
        '{"a": "y", "s": {"n": "z"}, "rows": [{"d": 2}], "b": 1}',
    )
    prediction = parse(Generation(raw_response="\n".join(pages), page_responses=pages))
    assert prediction == Prediction(
        value={"a": "x", "s": {"n": "z"}, "rows": [{"d": 1}, {"d": 2}], "b": 1}
    )


def test_a_single_page_is_as_a_reply_of_its_own():
    assert parse(Generation(raw_response="", page_responses=("",))) == parse_text("")


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("ok", "unparsed"), "ok"),
        (("ok", "truncated"), "truncated"),
        (("unparsed", "refused"), "refused"),
        (("unparsed", "unparsed"), "unparsed"),
    ],
)
def test_the_status_of_pages_together(statuses, status):
    pages = [
        Prediction(value=X if each in ("ok", "truncated") else None, status=each, reason="r")
        for each in statuses
    ]
    assert merge_predictions(pages).status == status
    assert "page 2: r" in merge_predictions(pages).reason


@SETTINGS
@given(
    st.text()
    | st.text('{}[]":,\\ax1.-ntf\n`')
    | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
def test_no_reply_crashes_the_parser(raw):
    for finish_reason in (None, "length"):
        prediction = parse_text(raw, finish_reason)
        json.dumps(prediction.value, allow_nan=False, ensure_ascii=False).encode()
        assert (prediction.value is None) <= bool(prediction.reason)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text().filter(lambda key: "." not in key), inner)
    ),
    max_leaves=10,
)


@SETTINGS
@given(st.dictionaries(st.sampled_from("abc"), JSON, min_size=1), st.booleans())
def test_whatever_is_written_as_json_is_read_back(value, fenced):
    raw = json.dumps(value, ensure_ascii=False)
    prediction = parse_text(f"Here:\n```json\n{raw}\n```" if fenced else raw)
    assert prediction.status == "ok"
    assert prediction.value == value


@SETTINGS
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.text("xyz", min_size=1), min_size=2), st.data()
)
def test_a_cut_anywhere_keeps_only_whole_values(value, data):
    raw = json.dumps(value)
    cut = data.draw(st.integers(1, len(raw) - 1))
    kept = parse_text(raw[:cut], "length")
    assert kept.status == "truncated"
    assert (kept.value or {}).items() <= value.items()
