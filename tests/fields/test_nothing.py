"""Words for nothing, in references and in replies: the one list."""

import pytest

from vlm_lab.fields.nothing import says_nothing
from vlm_lab.scoring import score_values
from vlm_lab.types import Field


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " \n",
        [],
        [None],
        ["n/a", ""],
        "N/A",
        "n / a",
        "(N.A.)",
        "null",
        "NaN",
        "-",
        "—",
        "- -",
        "…",
        "?",
        "None.",
        "Not specified",
        "нет",
        "Не указано",
        "н/д",
        "keine",
        "k. A.",
        "Nicht vorhanden",
        "néant",
        "N.C.",
        "ninguno",
        "não informado",
        "brak",
        "neuvedeno",
        "yok",
        "немає",
        "なし",
        "ﾅｼ",
        "無",
        "없음",
        "لا يوجد",
        "אין",
        "ไม่มี",
    ],
    ids=repr,
)
def test_nothing(value: object) -> None:
    assert says_nothing(value)


@pytest.mark.parametrize(
    "value",
    [
        0,
        False,
        "0.00",
        "no",
        "ND",  # North Dakota
        "без НДС",
        "Keine GmbH",
        "n/a-17",
        "№",
        ["a", None],
        [["n/a"]],
        "not 17",
        "-" * 10_000,
    ],
    ids=repr,
)
def test_something(value: object) -> None:
    assert not says_nothing(value)


FIELDS = (Field("due_date", "date"), Field("paid", "boolean"), Field("note"))


@pytest.mark.parametrize("nothing", [None, "", "n/a", "нет", "-"])
@pytest.mark.parametrize("reply", [{}, {"note": None}, {"note": "N.A."}, {"note": "нет"}])
def test_nothing_on_both_sides_is_in_no_figure(nothing: object, reply: dict[str, object]) -> None:
    assert score_values(reply, {"note": nothing}, FIELDS).fields == ()


def test_what_a_reply_adds_to_nothing_is_the_suites_question() -> None:
    reply, reference = {"due_date": "2024-03-05"}, {"due_date": "n/a"}
    assert score_values(reply, reference, FIELDS).scores["unlabelled"] == 1
    assert score_values(reply, reference, FIELDS, empty="absent").scores["spurious"] == 1


def test_a_word_for_nothing_is_an_answer_where_yes_or_no_is_asked_for() -> None:
    assert score_values({"paid": "нет"}, {"paid": False}, FIELDS).scores["normalized"] == 1
    assert score_values({"paid": "нет"}, {"paid": True}, FIELDS).scores["wrong"] == 1
