"""When two values are equal exactly, equal in all but format, or not equal."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lab.errors import UserError
from vlm_lab.fields import canonicalize_value, compare_values
from vlm_lab.fields.comparison import FIELD_TYPES
from vlm_lab.registry import allow_plugins
from vlm_lab.types import Conventions, Field

SETTINGS = settings(max_examples=50, deadline=None)  # other work on the machine is no failure

SUITE = Conventions("dmy", ("en", "de", "fr", "es", "pl", "ru"))


def outcome(type_name: str, expected: object, actual: object, tolerance: str = "0") -> str:
    return compare_values(Field("x", type_name, tolerance), expected, actual, SUITE)[0]


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1 234,56 руб.", "1234.56"),
        ("1\u00a0234,56 €", "1234.56"),
        ("1\u202f234,5", "1234.5"),
        ("7,08,000.00", "708000"),
        ("1'540.00", "1540"),
        ("CHF 1’000’000.50", "1000000.50"),
        (".78", "0.78"),
        ("12,00-", "-12"),
        ("(12.00)", "-12"),
        ("−5", "-5"),
        ("-$5", "-5"),
        ("12,-", "12"),
        ("5.--", "5"),
        ("Rp. 91,000", "91000"),
        ("@11000", "11000"),
        ("*110000", "110000"),
        ("60.000", "60000"),
        ("0.780", "0.780"),
        ("1234.567", "1234.567"),
        ("1.234.567", "1234567"),
        ("５００", "500"),
        (12.5, "12.5"),
        (-3, "-3"),
    ],
)
def test_printed_amounts(printed, number):
    assert canonicalize_value(Field("x", "amount"), printed, SUITE) == Decimal(number)


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "abc",
        "12-13",
        "1,234,56",
        "1.2.3,45",
        "12 34",
        "12 Stück",
        "1e5",
        True,
        None,
        [1],
        float("nan"),
    ],
)
def test_what_is_no_amount(printed):
    assert canonicalize_value(Field("x", "amount"), printed, SUITE) is None


@pytest.mark.parametrize(
    ("expected", "actual", "result"),
    [
        ("12.00", "12.00", "exact"),
        ("12.00", 12, "normalized"),
        ("60.000", "60,000", "normalized"),
        ("1234.00", "1.234", "normalized"),
        (1.234, "1,234", "normalized"),  # the other side is unambiguous, and decides
        ("1234.00", 1.234, "wrong"),
        ("12.00", "12.01", "wrong"),
        ("12.00", "-12.00", "wrong"),
        ("12.00", "twelve", "wrong"),
    ],
)
def test_amounts_compare_by_value(expected, actual, result):
    assert outcome("amount", expected, actual) == result


def test_a_tolerance_is_in_the_unit_of_the_value():
    assert outcome("amount", "12.00", "12.01", "0.01") == "normalized"
    assert outcome("amount", "12.00", "12.02", "0.01") == "wrong"


@pytest.mark.parametrize(
    "printed",
    [
        "2024-03-12",
        "2024-03-12T23:00:00Z",
        "20240312",
        "12.03.2024",
        "12/3/24",
        "12 марта 2024 г.",
        "12.03.2024 г.",
        "12. März 2024",
        "le 12 mars 2024",
        "12 de marzo de 2024",
        "12 marca 2024",
        "March 12, 2024",
        "12-Mar-2024",
        "Tue, 12 Mar 2024",
        "12.03.2024, 14:33 Uhr",
        "2024年3月12日",
    ],
)
def test_printed_dates(printed):
    assert canonicalize_value(Field("x", "date"), printed, SUITE) == date(2024, 3, 12)


@pytest.mark.parametrize(
    "printed",
    [
        "31.02.2024",
        "03/25/2024",
        "March 2024",
        "12.3.",
        "12 März 2024 oder 13. April",
        "soon",
        20240312,
        "",
    ],
)
def test_what_is_no_date(printed):
    assert canonicalize_value(Field("x", "date"), printed, SUITE) is None


def test_the_order_of_day_and_month_is_the_suites_and_never_guessed():
    printed = "03/04/2024"
    assert canonicalize_value(Field("x", "date"), printed, Conventions("dmy")) == date(2024, 4, 3)
    assert canonicalize_value(Field("x", "date"), printed, Conventions("mdy")) == date(2024, 3, 4)
    assert canonicalize_value(Field("x", "date"), "24/03/04", Conventions("ymd")) == date(
        2024, 3, 4
    )


def test_months_are_read_in_the_suites_languages_only():
    assert (
        canonicalize_value(Field("x", "date"), "12 марта 2024", Conventions(languages=("de",)))
        is None
    )


@pytest.mark.parametrize(
    ("type_name", "expected", "actual", "result"),
    [
        ("text", "JASMINE MT ( L )", "Jasmine MT (L)", "normalized"),
        ("text", "1 5", "15", "wrong"),
        ("text", "Caffè", "Caffe", "wrong"),
        ("text", "Consulting", "Consultimg", "wrong"),
        ("text", "5", 5, "exact"),
        ("identifier", "INV 0012", "INV0012", "normalized"),
        ("identifier", "0012", "№ 0012", "normalized"),
        ("identifier", "0012", "12", "wrong"),
        ("identifier", "INV-12", "INV12", "wrong"),
        ("name", "Foo G.m.b.H.", "FOO GmbH", "normalized"),
        ("name", "Stolz & Söhne, Inc.", "Stolz & Söhne Inc", "normalized"),
        (
            "name",
            "ООО «Ромашка»",
            "Общество с ограниченной ответственностью «Ромашка»",
            "normalized",
        ),
        ("name", "ООО «Ромашка»", "АО «Ромашка»", "wrong"),
        ("name", "Foo GmbH", "Foo", "wrong"),
        ("address", "Hauptstraße 1\n12345 Ort", "HAUPTSTRASSE 1, 12345 Ort", "normalized"),
        ("address", "Hauptstr. 1", "Hauptstr. 7", "wrong"),
        ("tax_id", "DE 123.456.789", "DE123456789", "normalized"),
        ("tax_id", "DE123456789", "USt-IdNr.: DE123456789", "normalized"),
        ("tax_id", "7701234567", "ИНН 7701234567", "normalized"),
        ("tax_id", "12345678Z", "IVA 12345678Z", "normalized"),
        ("tax_id", "123456789012", "ИИН: 123456789012", "normalized"),
        ("tax_id", "CHE-123.456.789 MWST", "CHE123456789", "normalized"),
        ("tax_id", "DE123456789", "123456789", "wrong"),
        ("tax_id", "EL123456789", "GR 123456789", "normalized"),
        ("iban", "DE02 1203 0000 0000 2020 51", "IBAN DE02120300000000202051", "normalized"),
        ("currency", "EUR", "€", "normalized"),
        ("currency", "RUB", "руб.", "normalized"),
        ("currency", "PLN", "zł", "normalized"),
        ("currency", "USD", "EUR", "wrong"),
        ("currency", "EUR", "Taler", "wrong"),
        ("quantity", "2", "2 Stk.", "normalized"),
        ("quantity", "1X", "1", "normalized"),
        ("quantity", "1.5", "1,500", "normalized"),
        ("quantity", "2", "2 kg", "normalized"),
        ("quantity", "2 g", "2 kg", "wrong"),
        ("boolean", True, "yes", "normalized"),
        ("boolean", True, False, "wrong"),
        ("boolean", True, 1, "normalized"),
        ("list", ["a", "1.00"], ["1", "A"], "normalized"),
        ("list", ["a", "a"], ["a"], "wrong"),
    ],
)
def test_types(type_name, expected, actual, result):
    assert outcome(type_name, expected, actual) == result


def test_similarity_is_reported_and_never_a_reason_to_be_right():
    result, similar = compare_values(
        Field("x"), "Consulting services", "Consulting servises", SUITE
    )
    assert result == "wrong"
    assert similar > 0.9


def postcode(value, conventions):
    digits = str(value).replace(" ", "")
    return digits if digits.isdigit() else None


def failing(value, conventions):
    return {}[value] if value == "a" else [value]


def test_a_user_adds_a_type_by_naming_a_function_that_models_yaml_allows():
    with pytest.raises(
        UserError, match=rf"only where models.yaml allows it: plugins: \[{__name__}\]"
    ):
        outcome(f"{__name__}:postcode", "10 115", "10115")
    allow_plugins([__name__])
    assert outcome(f"{__name__}:postcode", "10 115", "10115") == "normalized"
    assert outcome(f"{__name__}:failing", "a", "b") == "wrong"
    with pytest.raises(UserError, match="no field type 'colour'; known: address"):
        outcome("colour", "a", "b")


JSON_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text("0123456789.,-'() €$x/:г")
)


@SETTINGS
@given(st.sampled_from(sorted(FIELD_TYPES)), JSON_SCALARS, JSON_SCALARS)
def test_no_value_crashes_a_type(type_name, expected, actual):
    field = Field("x", type_name)
    assert compare_values(field, expected, actual, SUITE)[0] in ("exact", "normalized", "wrong")
    assert compare_values(field, expected, expected, SUITE) == ("exact", 1.0)
    hash(canonicalize_value(field, expected, SUITE))


@SETTINGS
@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.sampled_from([("", "."), (",", "."), (".", ","), (" ", ","), ("'", ".")]),
)
def test_an_amount_is_read_however_it_is_grouped(number, separators):
    group, point = separators
    printed = f"{number:,.2f}".replace(",", "G").replace(".", point).replace("G", group)
    assert canonicalize_value(Field("x", "amount"), printed, SUITE) == number
