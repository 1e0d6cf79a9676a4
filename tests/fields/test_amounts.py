"""Amounts, quantities, percent, currencies as they are printed; what is really wrong stays so."""

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlm_lab.fields import canonicalize_value, compare_values
from vlm_lab.scoring import score_values
from vlm_lab.types import Conventions, DocumentConventions, Field

SETTINGS = settings(max_examples=80, deadline=None)
LANGUAGES = ("en", "de", "fr", "ru", "pl")
SUITE = Conventions("dmy", LANGUAGES)


def is_right(type_name: str, expected: object, actual: object, **own: str) -> bool:
    path = own.pop("path", "x")
    conventions = DocumentConventions("dmy", LANGUAGES, **own)  # type: ignore[arg-type]
    return compare_values(Field(path, type_name), expected, actual, conventions)[0] != "wrong"


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("$77.10 CR", "-77.10"),
        ("77,10 DR", "77.10"),
        ("(77.10) cr", "-77.10"),
        ("77.10 €-", "-77.10"),
        ("минус 77,10", "-77.10"),
        ("77€10", "77.10"),
        ("1 077 руб. 10 коп.", "1077.10"),
        ("Rs. 77/-", "77"),
        ("77 zł 10 gr", "77.10"),
        ("77¹⁰", "77.10"),
        ("77,10 €/Std.", "77.10"),
        ("$77.10 per hour", "77.10"),
        ("７７．１０", "77.10"),
        ("￥77,100", "77100"),
        ("١٬٠٧٧٫١٠", "1077.10"),
        ("1,077.10 \u200f₪", "1077.10"),
        ("77,10 złotych polskich", "77.10"),
        ("7.077 KWD", "7.077"),
        (0.1 + 0.2, "0.3"),
        ("0.30000000000000004", "0.3"),
        (77.10000000000001, "77.1"),
    ],
    ids=repr,
)
def test_printed_amounts(printed: object, number: str) -> None:
    assert canonicalize_value(Field("x", "amount"), printed, SUITE) == Decimal(number)


@pytest.mark.parametrize(
    "printed",
    [
        "77 or 78",
        "77.10 78.10",
        "77€1",
        "77€100",
        "not 77",
        "~77",
        "77 %",
        "77 EUR USD",
        "77 thousand",
        "77k",
        "77 Mio. €",
        "7/7",
        "excl. 77",
        "7⁷⁷⁷",
    ],
)
def test_what_is_no_amount(printed: str) -> None:
    assert canonicalize_value(Field("x", "amount"), printed, SUITE) is None


@pytest.mark.parametrize(
    ("expected", "actual", "right"),
    [
        ("50.00 EUR", "€ 50", True),
        ("50.00 EUR", "50", True),
        ("50.00", "50 USD", True),
        ("50.00 EUR", "$50.00", False),
        ("50 CAD", "$50", True),
        ("50 DKK", "50 kr.", True),
        ("50 DKK", "50 €", False),
    ],
)
def test_another_currency_beside_an_amount(expected: str, actual: str, right: bool) -> None:
    assert is_right("amount", expected, actual) is right


def test_the_currency_that_a_reference_labels_is_its_amounts_currency() -> None:
    assert not is_right("amount", "50.00", "50 USD", currency="EUR")
    fields = (Field("gross", "amount"), Field("currency", "currency"))
    reference = {"gross": "50.00", "currency": "EUR"}
    scores = score_values({"gross": "$50.00", "currency": "EUR"}, reference, fields).scores
    assert (scores["exact"], scores["wrong"]) == (1, 1)


@pytest.mark.parametrize(
    ("expected", "actual", "own", "right"),
    [
        ("500", "500,000", {}, False),
        ("500.000", 500, {}, False),
        ("500000", "500.000", {}, True),
        ("500000", "500.000", {"decimal_mark": "."}, False),
        ("500", "500.000", {"decimal_mark": "."}, True),
        ("500000", "500,000", {"decimal_mark": "."}, True),
        ("500", "500,000", {"decimal_mark": ","}, True),
        ("7.125", "7,125", {"currency": "BHD"}, True),
        ("7125", "7,125", {"currency": "BHD"}, False),
        ("7.125", "7,125", {"path": "rows[].unit_price"}, True),
        ("7125", "7.125", {"path": "rows[].unit_price"}, True),
        ("7.125", "7,125", {"decimal_mark": "."}, False),
    ],
)
def test_a_thousandfold_error(
    expected: object, actual: str, own: dict[str, str], right: bool
) -> None:
    assert is_right("amount", expected, actual, **own) is right


TOTALS = tuple(Field(f"totals.{name}", "amount") for name in ("net", "tax", "gross"))


@pytest.mark.parametrize(
    ("net", "tax", "mark", "wrong"),
    [
        ("400,000", "76,000", "", 2),
        ("400,000", "76,000", ".", 2),
        ("400,000", "76,00", ".", 0),  # the reply's own convention comes before the suite's
        ("400,000", "76.00", ",", 1),
        ("400.000", "76.00", "", 0),
        ("400.000", "76.000", ",", 2),
        ("400.000", "1,076,000", "", 2),
    ],
)
def test_one_reply_keeps_to_one_decimal_mark(net: str, tax: str, mark: str, wrong: int) -> None:
    reply = {"totals": {"net": net, "tax": tax}}
    reference = {"totals": {"net": 400.0, "tax": 76.0}}
    suite = Conventions(decimal_mark=mark)  # type: ignore[arg-type]
    assert score_values(reply, reference, TOTALS, suite).scores["wrong"] == wrong


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("16 %", 16),
        ("16 %", "0.16"),
        (0.16, "16%"),
        (0.16, 16.0),
        (16.0, "16,00 %"),
        ("16", "VAT 16 %"),
        ("16", "16 Prozent"),
        ("16", "٪١٦"),
        ("0.4 %", "4 ‰"),
        ("0.4 %", 0.4),
        ("6.500 %", "6,5"),
    ],
)
def test_rates_that_are_one(expected: object, actual: object) -> None:
    assert is_right("percent", expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("6.5 %", "65"),
        ("6.5 %", "0.65"),
        ("16", "1.6 %"),
        (0.4, "0.4 %"),  # forty percent
        ("0.4 %", "40 %"),
        ("0.4 %", 40),
        ("100 %", 1),
        ("16 %", "-16 %"),
        ("16 %", "not 16 %"),
        ("16 %", "16 % or 7 %"),
        ("16 %", "16 EUR"),
    ],
)
def test_rates_that_are_not(expected: object, actual: object) -> None:
    assert not is_right("percent", expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("7", "7 H87"),
        ("7 C62", "7 Stk."),
        ("7.5 MTK", "7,5 m²"),
        ("7.5", "7,500 qm"),
        ("7 KGM", "7 кг"),
        ("7 HUR", "7 Std."),
        ("1.5 h", "1½ Stunden"),
        ("7", "7個"),
        ("7", "x7"),
        (7, "7.0"),
    ],
)
def test_quantities_that_are_one(expected: object, actual: object) -> None:
    assert is_right("quantity", expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("7 m2", "7 m3"),
        ("7 KGM", "7 C62"),
        ("7", "not 7"),
        ("7", "7 x 2"),
        ("7.5", "75 m²"),
        ("7.5", "-7.5"),
        ("7 kg", "7000 g"),
    ],
)
def test_quantities_that_are_not(expected: object, actual: object) -> None:
    assert not is_right("quantity", expected, actual)


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        ("USD ($)", "USD"),
        ("CAD ($)", "CAD"),
        ("€ / EUR", "EUR"),
        ("Euro (EUR)", "EUR"),
        ("Swiss francs", "CHF"),
        ("российских рублей", "RUB"),
        ("￥", "JPY"),
        ("円", "JPY"),
        ("Währung: EUR", "EUR"),
        ("EUR/USD", None),
        ("not EUR", None),
        ("Taler", None),
        ("U.S. dollars", "USD"),
        ("AUD (€)", None),
    ],
)
def test_currencies(printed: str, code: str | None) -> None:
    assert canonicalize_value(Field("x", "currency"), printed, SUITE) == code


NUMBERS = st.decimals(-(10**7), 10**7, places=2)
FORMS = st.sampled_from(["{:,.2f}", "{:.2f}", "{:,.2f} €", "EUR {:,.2f}", "{:.2f}€"])


@SETTINGS
@given(NUMBERS, NUMBERS, FORMS, st.booleans())
def test_two_numbers_are_one_only_if_they_are(
    first: Decimal, second: Decimal, form: str, is_german: bool
) -> None:
    printed = form.format(second)
    printed = printed.translate(str.maketrans(",.", ".,")) if is_german else printed
    assert is_right("amount", str(first), printed) is (first == second)


@SETTINGS
@given(NUMBERS, NUMBERS, st.sampled_from([" ", " or ", " / ", "; ", "-", "\n"]))
def test_two_amounts_in_one_value_are_none(first: Decimal, second: Decimal, between: str) -> None:
    assert canonicalize_value(Field("x", "amount"), f"{first}{between}{second}", SUITE) is None


@SETTINGS
@given(NUMBERS, st.sampled_from(["{} CR", "-{}", "({})", "{}-", "minus {}"]))
def test_a_sign_is_never_lost(number: Decimal, form: str) -> None:
    assume(number)
    printed = form.format(abs(number))
    assert is_right("amount", str(-abs(number)), printed)
    assert not is_right("amount", str(abs(number)), printed)


@SETTINGS
@given(st.integers(1, 99_999), st.sampled_from([10, 100, 1000]), st.sampled_from([".", ","]))
def test_digits_with_the_mark_elsewhere_are_another_rate(
    number: int, factor: int, mark: str
) -> None:
    percent = Decimal(number) / 100
    assert not is_right("percent", f"{percent} %", f"{percent * factor} %".replace(".", mark))
