"""Printed dates: the forms of many countries, and what must not be read as one."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lab.fields import canonicalize_value
from vlm_lab.types import Conventions, Field

SETTINGS = settings(max_examples=50, deadline=None)
LANGUAGES = "en de fr es it nl pt ru pl cs uk tr ar he ja ko vi th hu fi sv da el lt lv ro bg"
SUITE = Conventions("dmy", tuple(LANGUAGES.split()))


def read(value: object, conventions: Conventions = SUITE) -> object:
    return canonicalize_value(Field("x", "date"), value, conventions)


@pytest.mark.parametrize(
    "printed",
    [
        "2023-11-04+01:00",
        "2023-11-04Z",
        "2023-11-04 00:00:00",
        "2023-11-04T00:00:00.000+0000",
        "2023-11-04T10:15:30+01:00[Europe/Paris]",
        "20231104T101530Z",
        "D:20231104101530+01'00'",
        "/Date(1699056000000)/",
        "Sat Nov 04 2023 00:00:00 GMT+0100 (Central European Standard Time)",
        "Sat Nov  4 10:15:30 UTC 2023",
        "04-11-2023",
        "04/11/2023 12:00:00 AM",
        "04.11.2023, 10.15 Uhr",
        "４．１１．２０２３",
        "٤/١١/٢٠٢٣",
        "۰۴/۱۱/۲۰۲۳",
        "\u200f04/11/2023",
        "«04» ноября 2023 г.",
        "4-го ноября 2023 года",
        "от 04.11.2023 г.",
        "4 листопада 2023 р.",
        "4 ноември 2023 г.",
        "le samedi 4 novembre 2023",
        "4 nov. 2023",
        "dne 4. listopadu 2023",
        "den 4. November 2023",
        "Köln, den 4. November 2023",
        "Samstag, 4. Nov. 2023",
        "dnia 4 listopada 2023 r.",
        "4.XI.2023",
        "sábado, 4 de noviembre del 2023",
        "4 de novembro de 2023",
        "4º novembre 2023",
        "den 4:e november 2023",
        "4. marraskuuta 2023",
        "2023. november 4-én",
        "4 Kasım 2023",
        "4η Νοεμβρίου 2023",
        "2023 m. lapkričio 4 d.",
        "2023. gada 4. novembris",
        "4 noiembrie 2023",
        "4 نوفمبر 2023",
        "٤ تشرين الثاني ٢٠٢٣",
        "4 בנובמבר 2023",
        "2023年11月4日（土）",
        "令和５年１１月４日",
        "R5.11.4",
        "二〇二三年十一月四日",
        "民國112年11月4日",
        "2023년 11월 4일",
        "ngày 04 tháng 11 năm 2023",
        "4 พฤศจิกายน 2566",
        "04/11/2566",
        "the 4th of November, 2023",
        "04NOV23",
        45234,
        45234.75,
        1699056000,
        1699056000000,
    ],
    ids=repr,
)
def test_one_day_in_many_forms(printed: object) -> None:
    assert read(printed) == date(2023, 11, 4)


@pytest.mark.parametrize(
    "printed",
    [
        "not 4 November 2023",
        "nicht 4. November 2023",
        "не 4 ноября 2023",
        "nie 4 listopada 2023",
        "pas le 4 novembre 2023",
        "2023-11-04 or 2023-11-05",
        "2023-11-04, 2023-11-04",
        "2023-11-04 10:00 or 2023-11-05 11:00",
        "2023-11-04 10:00 (not valid)",
        "4-5 November 2023",
        "4 November 2023 - 5 November 2023",
        "2023-11-04-05",
        "4 November 2023?",
        "4 November 20234",
        "2023年11月4日或5日",
        "4 November 2023 / 5",
        20231104,
        12345,
        True,
        float("inf"),
    ],
    ids=repr,
)
def test_what_is_no_one_day(printed: object) -> None:
    assert read(printed) is None


DAYS = st.dates(date(1975, 1, 1), date(2060, 1, 1))
FORMS = st.sampled_from(
    [
        "{0:%Y-%m-%d}",
        "{0:%d.%m.%Y}",
        "{0:%d/%m/%y}",
        "{0:%d} {0:%B} {0:%Y}",
        "{0:%Y}年{0:%m}月{0:%d}日",
    ]
)


@SETTINGS
@given(DAYS, FORMS, FORMS, st.sampled_from([" or ", " - ", ", ", "/", " bis ", "; ", " ", "\n"]))
def test_two_days_in_one_value_are_none(day: date, one: str, other: str, between: str) -> None:
    assert read(one.format(day)) == day
    assert read(one.format(day) + between + other.format(day + timedelta(days=1))) is None


@SETTINGS
@given(DAYS, FORMS, st.sampled_from(["not ", "kein ", "ne ", "не ", "nie ", "senza ", "~", ">"]))
def test_a_word_that_no_list_has_is_not_read_over(day: date, form: str, word: str) -> None:
    assert read(word + form.format(day)) is None
