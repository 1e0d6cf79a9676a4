"""Labels before codes, and the plain characters that every type reads."""

import time

import pytest

from vlm_lab.fields import compare_values
from vlm_lab.fields.folding import fold_text
from vlm_lab.types import Conventions, Field

SUITE = Conventions("dmy", ("en", "de"))


def is_right(type_name: str, expected: object, actual: object) -> bool:
    return compare_values(Field("x", type_name), expected, actual, SUITE)[0] != "wrong"


@pytest.mark.parametrize(
    "printed",
    [
        "Invoice No. 88-17/B",
        "Invoice #88-17/B",
        "Invoice: 88-17/B",
        "Invoice ID 88-17/B",
        "Fattura n. 88-17/B",
        "Factura n.º 88-17/B",
        "請求書番号：88-17/B",
        "Rechnungs-Nr.: 88-17/B",
        "Facture n° 88-17/B",
        "Factura núm. 88-17/B",
        "Счёт-фактура № 88-17/B",
        "№88-17/B",
        "# 88-17/B",
        "Nr 88-17/b",
        "８８－１７／Ｂ",
        "88-\u200b17/B\u200e",
    ],
)
def test_an_invoice_numbers_label_is_no_part_of_it(printed: str) -> None:
    assert is_right("identifier", "88-17/B", printed)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("SNR8817", "S8817"),
        ("DON8817", "D8817"),
        ("RG#8817", "RG8817"),
        ("RG-8817", "8817"),
        ("NORD8817", "RD8817"),
        ("A#1", "A1"),
        ("88⁵", "885"),
        ("88①", "881"),
    ],
)
def test_what_is_no_label_counts(expected: str, actual: str) -> None:
    assert not is_right("identifier", expected, actual)
    assert not is_right("identifier", actual, expected)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("7740000076", "ИНН: 7740000076"),
        ("NO987654321MVA", "Org.nr. NO 987 654 321 MVA"),
        ("20131312955", "RUC N° 20131312955"),
        ("77400000", "ЄДРПОУ 77400000"),
        ("7740000076", "NIP 774-000-00-76"),
        ("53004085616", "A.B.N. 53 004 085 616"),
        ("DE811907980", "Umsatzsteuer-ID: DE 811 907 980"),
        ("ATU33864707", "UID-Nr.: ATU 33864707"),
        ("GB220430231", "VAT Reg. No. GB 220 4302 31"),
        ("FR40303265045", "N° TVA intracommunautaire : FR40 303 265 045"),
        ("IT00743110157", "C.F. / P.IVA IT00743110157"),
        ("CZ25123891", "DIČ: CZ25123891"),
        ("25123891", "IČO 25123891"),
        ("20267565393", "CUIT 20-26756539-3"),
        ("GODE561231GR8", "RFC: GODE 561231 GR8"),
        ("ACUPA8085J", "PAN: ACUPA8085J"),
        ("27AAPFU0939F1ZV", "GSTIN: 27AAPFU0939F1ZV"),
        ("4540536920", "Vergi No: 4540536920"),
        ("T7000012050002", "登録番号：T7000012050002"),
        ("300075588700003", "الرقم الضريبي: ٣٠٠٠٧٥٥٨٨٧٠٠٠٠٣"),
        ("516179157", "ח.פ. 516179157"),
        ("53004085616", 53004085616.0),
    ],
)
def test_a_tax_ids_label_is_no_part_of_it(expected: str, actual: object) -> None:
    assert is_right("tax_id", expected, actual)


def test_a_tax_ids_country_and_digits_count() -> None:
    assert not is_right("tax_id", "DE811907980", "VAT 811907980")
    assert not is_right("tax_id", "7740000076", "NIP 7740000067")


@pytest.mark.parametrize("label", ["VAT ID ", "Invoice No. ", "#", "Nr ", "UID VAT ", "# : "])
@pytest.mark.parametrize("type_name", ["identifier", "tax_id", "percent", "amount", "date"])
def test_a_text_of_labels_alone_takes_no_time(type_name: str, label: str) -> None:
    hostile = label * 20_000
    start = time.process_time()
    assert not is_right(type_name, "17", hostile)
    assert not is_right(type_name, "17", f"{label * 3}x")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("Ｔｏｔａｌ：１２", "Total:12"),
        ("١٢٣", "123"),
        ("۱۲۳", "123"),
        ("१२३", "123"),
        ("\u200e12\u200f\u202c", "12"),
        ("Ro\u00adse", "Rose"),
        ("12–34", "12-34"),
        ("№5", " No 5"),
        ("12,5 m²", "12,5 m2"),
        ("10²", "10^2"),
        ("1½", "1 1⁄2"),
        ("￥", "¥"),
    ],
)
def test_one_folding_for_all_types(printed: str, plain: str) -> None:
    assert fold_text(printed) == plain
