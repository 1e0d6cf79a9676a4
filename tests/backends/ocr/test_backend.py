"""The OCR baseline: rules on given lines, one real page through each engine, and what nothing here
can read."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from vlm_lab.backends.ocr import backend, rules
from vlm_lab.backends.ocr.backend import Ocr
from vlm_lab.backends.ocr.text_lines import build_text_line, deskew_lines
from vlm_lab.errors import Skip, UserError
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime

for package in ("rapidocr", "dateparser", "price_parser"):
    pytest.importorskip(package)

MODEL = Model(name="ocr", model_id="rapidocr", backend="ocr")
ROW, LETTER = 40, 12  # pixels: from row to row, and the width of a letter


def read(*rows: str, languages: tuple[str, ...] = ("en", "de", "fr", "ru")) -> dict[str, Any]:
    """What the rules find where each text is a row, its pieces apart by `|`; a number before `@`
    places a piece."""
    lines = []
    for index, row in enumerate(rows):
        left, top = 40.0, 40.0 + index * ROW
        for cell in row.split("|"):
            place, at, text = cell.strip().rpartition("@ ")
            left = float(place) if at else left
            right = left + LETTER * len(text)
            lines += [build_text_line(0, (left, top, right, top + 24), text)] if text else []
            left = right + 5 * LETTER
    return rules.extract_fields(lines, languages)


HEADERS = [
    pytest.param(
        [
            "Northwind Ltd",
            "Invoice No: INV-2041",
            "Date: 3 April 2024",
            "Due Date: 17/05/2024",
            "Total: £12.00",
        ],
        {
            "invoice_number": "INV-2041",
            "issue_date": "2024-04-03",
            "due_date": "2024-05-17",
            "currency": "GBP",
        },
        id="english",
    ),
    pytest.param(
        [
            "Holz GmbH",
            "Fällig am | 30.04.2024",
            "Lieferdatum | 01.04.2024",
            "Rechnungsdatum | 02.04.2024",
            "Kundennummer | 99887",
            "Rechnungsnummer | R-77",
            "Betrag | 1.234,50 €",
        ],
        {
            "invoice_number": "R-77",
            "issue_date": "2024-04-02",
            "due_date": "2024-04-30",
            "currency": "EUR",
        },
        id="german, due before issued, customer before number",
    ),
    pytest.param(
        [
            "Boulangerie SARL",
            "Facture n° F2024-3",
            "Date d'émission | 5 mars 2024",
            "Échéance : 05/04/2024",
        ],
        {"invoice_number": "F2024-3", "issue_date": "2024-03-05", "due_date": "2024-04-05"},
        id="french",
    ),
    pytest.param(
        [
            "ООО Ветер",
            "Счет № 417 от 05.03.2024",
            "Срок оплаты: 15 апреля 2024",
            "К оплате | 12 000,00 руб.",
        ],
        {
            "invoice_number": "417",
            "issue_date": "2024-03-05",
            "due_date": "2024-04-15",
            "currency": "RUB",
        },
        id="russian, number and date in one line",
    ),
    pytest.param(
        [
            "Acme Inc",
            "400@ Invoice #",
            "400@ A-9",
            "Order date 12/31/2023",
            "Dated 01/02/2024",
            "Total | 5.00",
        ],
        {"invoice_number": "A-9", "issue_date": "2024-01-02"},
        id="american, value below its label",
    ),
]

TOTALS = [
    pytest.param(
        ["Subtotal | 100.00", "VAT 20% | 20.00", "Total | 120.00", "Previous balance | 900.00"],
        ("100.00", "20.00", "120.00"),
        id="subtotal, decoy balance",
    ),
    pytest.param(
        ["Total | 80.00", "Total savings | 95.00"],
        (None, None, "80.00"),
        id="what was saved is no total",
    ),
    pytest.param(
        ["Deposit | 500.00", "Tax | 20.00", "Total amount (VAT included) | 120.00"],
        (None, "20.00", "120.00"),
        id="a label in brackets is none",
    ),
    pytest.param(
        ["Total | 80.00", "Cash | 100.00", "Change | 20.00"],
        (None, None, "80.00"),
        id="cash and change",
    ),
    pytest.param(
        [
            "Balance due | 200.00",
            "Net | 1,000.00",
            "Tax | 100.00",
            "Total | 1,100.00",
            "Paid | 900.00",
        ],
        ("1000.00", "100.00", "1100.00"),
        id="what is left to pay is no total",
    ),
    pytest.param(
        [
            "BROT | 3,79",
            "SUMME EUR | 11,04",
            "300@ Netto | 500@ Steuer | 700@ Brutto",
            "A 19% | 300@ 3,51 | 500@ 0,67 | 700@ 4,18",
            "B 7% | 300@ 6,41 | 500@ 0,45 | 700@ 6,86",
        ],
        ("9.92", "1.12", "11.04"),
        id="two rates, only their sum is the total",
    ),
    pytest.param(
        [
            "Gutschrift Nr. 5",
            "Netto | -1.360,97",
            "MwSt. 20% | -272,19",
            "Gesamtbetrag | -1.633,16",
        ],
        ("-1360.97", "-272.19", "-1633.16"),
        id="credit note",
    ),
    pytest.param(
        [
            "Rechnungssumme Netto (exkl. USt.) | 473,00",
            "Umsatzsteuer | 56,87",
            "Rechnungssumme Brutto (inkl. USt.) | 529,87",
        ],
        ("473.00", "56.87", "529.87"),
        id="labels in brackets",
    ),
    pytest.param(
        ["Total HT | 10 000,00", "TVA | 2 000,00", "Net à payer | 12 000,00"],
        ("10000.00", "2000.00", "12000.00"),
        id="french, blanks in amounts",
    ),
    pytest.param(
        ["Итого без НДС | 500,00", "НДС 20% | 100,00", "Всего к оплате | 600,00"],
        ("500.00", "100.00", "600.00"),
        id="russian",
    ),
]


@pytest.mark.parametrize(("rows", "expected"), HEADERS)
def test_header_fields(rows: list[str], expected: dict[str, str]) -> None:
    found = read(*rows)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(("rows", "expected"), TOTALS)
def test_totals(rows: list[str], expected: tuple[str | None, ...]) -> None:
    totals = read(*rows)["totals"]
    assert tuple(totals.get(kind) for kind in ("net", "tax", "gross")) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            ["INVOICE", "Bill to", "Buyer GmbH", "Seller | Quill Systems Ltd"],
            "Quill Systems Ltd",
            id="label",
        ),
        pytest.param(
            ["Bill to", "Buyer GmbH", *["."] * 6, "Quill Ltd"], "Quill Ltd", id="not the buyer"
        ),
        pytest.param(
            ["Guten Appetit", "Haselnuss", "Hauptstr. 5", "info@haselnuss.example"],
            "Haselnuss",
            id="web address",
        ),
        pytest.param(
            ["Rechnung", "Some words", "Weber & Sohn KG", "Kunde", "Kunz AG"],
            "Weber & Sohn KG",
            id="legal form",
        ),
    ],
)
def test_seller(rows: list[str], expected: str) -> None:
    assert read(*rows)["seller"] == {"name": expected}


def test_line_items_end_at_the_first_total_and_have_words() -> None:
    found = read(
        "Oak board | 2 | 5.00 | 10.00",
        "2 x 5.00 | 10.00",
        "Paper | 3.50",
        "Subtotal | 13.50",
        "Shipping | 4.00",
    )
    assert found["line_items"] == [
        {"description": "Oak board", "amount": "10.00", "unit_price": "5.00"},
        {"description": "Paper", "amount": "3.50"},
    ]


@pytest.mark.parametrize(
    "rows", [[], ["."], ["1212", "€", "-()", "№", "\x00\u202e½"], ["Total", "Invoice", "Due"]]
)
def test_lines_that_say_nothing_give_no_values(rows: list[str]) -> None:
    assert set(read(*rows)) <= {"seller", "currency"}


def test_a_skewed_page_is_turned_level() -> None:
    corners = [(0.0, 0.0), (200.0, 20.0), (198.0, 40.0), (-2.0, 20.0)]
    far = [(x + 600, y + 60) for x, y in corners]
    left, right = deskew_lines(0, [(corners, "Total amount"), (far, "EUR 120.00")])
    assert left.is_in_row_of(right)


def page(*rows: str) -> Page:
    """Black words on white, a row each."""
    image = Image.new(
        "RGB", (760, 760), "white"
    )  # smaller ones are scaled up to this before they are read
    for index, row in enumerate(rows):
        ImageDraw.Draw(image).text(
            (40, 30 + 70 * index), row, fill="black", font=ImageFont.truetype(font(), 26)
        )
    return Page.from_image(0, image)


def font() -> str:
    matplotlib = pytest.importorskip("matplotlib")
    return str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")


def answer(reader: Ocr, languages: tuple[str, ...], *rows: str) -> Generation:
    pages = [page(*rows)]
    return reader.generate(
        Prompt(
            id="default",
            text="",
            pages=pages,
            document_id="a",
            document_name="a.png",
            languages=languages,
        )
    )


ENGLISH = "Quill Systems Ltd", "Invoice No: INV-2041", "Date: 3 April 2024", "Total: £1,200.00"
RUSSIAN = (
    "ООО Северный ветер",
    "Счет № 417 от 05.03.2024",
    "Покупатель: Ромашка",
    "Всего к оплате: 12 000,00 руб.",
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ocr]:
    """One engine for all tests here, which may not call the network, neither when it is built nor
    when it reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "socket.socket.connect", lambda *_: pytest.fail("the OCR baseline called the network")
        )
        yield Ocr(MODEL, Runtime(cache=tmp_path_factory.mktemp("cache")))


@pytest.fixture
def tesseract() -> None:
    binary = shutil.which("tesseract")
    known = (
        subprocess.run([binary, "--list-langs"], capture_output=True, text=True).stdout
        if binary
        else ""
    )
    if not {"rus", "eng"} <= set(known.split()):
        pytest.skip(
            "needs tesseract with rus and eng: apt-get install tesseract-ocr tesseract-ocr-rus"
        )


def test_the_reply_is_the_pages_text_where_that_is_asked_for(
    reader: Ocr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_gives_text", True)
    text = answer(reader, ("en",), *ENGLISH).raw_response
    assert text.splitlines() == list(ENGLISH)


def test_another_output_than_text_is_refused(tmp_path: Path) -> None:
    model = replace(MODEL, backend_kwargs={"output": "words"})
    with pytest.raises(UserError, match=r"output: must be 'text', the pages' text \(got 'words'\)"):
        Ocr(model, Runtime(cache=tmp_path))


def test_rapidocr_reads_a_page_without_a_network(reader: Ocr) -> None:
    generation = answer(reader, ("en",), *ENGLISH)
    assert json.loads(generation.raw_response) == {
        "invoice_number": "INV-2041",
        "issue_date": "2024-04-03",
        "currency": "GBP",
        "seller": {"name": "Quill Systems Ltd"},
        "totals": {"gross": "1200.00"},
    }
    assert generation.environment["engine"] == "rapidocr"
    assert generation.environment["device"]["value"] == "cpu"
    assert generation.environment["rapidocr"]


@pytest.mark.usefixtures("tesseract")
@pytest.mark.parametrize(
    "languages", [("ru",), ("en", "de", "fr", "ru")], ids=["tagged", "untagged in a mixed suite"]
)
def test_tesseract_reads_cyrillic(reader: Ocr, languages: tuple[str, ...]) -> None:
    generation = answer(reader, languages, *RUSSIAN)
    found = json.loads(generation.raw_response)
    assert generation.environment["engine"] == "tesseract"
    assert (found["invoice_number"], found["issue_date"], found["currency"]) == (
        "417",
        "2024-03-05",
        "RUB",
    )
    assert found["totals"]["gross"] == "12000.00"


@pytest.mark.usefixtures("tesseract")
def test_an_untagged_latin_page_of_a_mixed_suite_stays_with_rapidocr(reader: Ocr) -> None:
    generation = answer(reader, ("en", "ru"), "Total amount: 5.00")
    assert generation.environment["engine"] == "rapidocr"
    assert (
        generation.environment["engine_reason"]
        == "one of en, ru; 0% of the first page's letters are Cyrillic"
    )


def test_cyrillic_without_tesseract_is_skipped_with_a_command(
    reader: Ocr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        Skip, match="reads no Cyrillic.*apt-get install tesseract-ocr tesseract-ocr-rus"
    ):
        answer(reader, ("ru",), *RUSSIAN)


def test_an_unchecked_script_is_said(
    reader: Ocr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = answer(reader, ("en", "ru"), "Total: 5.00").environment["engine_reason"]
    assert "script not checked" in said
    assert "apt-get install tesseract-ocr tesseract-ocr-rus" in said


def test_another_set_of_tesseract_languages_is_another_identity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = Runtime(cache=tmp_path)
    seen = []
    for languages in ("eng", "eng\\nrus"):
        program = tmp_path / "tesseract"
        program.write_text(f"#!/bin/sh\nprintf 'List of languages\\n{languages}\\n'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        seen.append(Ocr.identity(MODEL, runtime)["tesseract"])
    assert seen[0] != seen[1]


@pytest.mark.parametrize("name", ["rapidocr_reader.py", "totals.py", "ocr_words.yaml"])
def test_another_setting_or_rule_is_another_identity(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "ocr"
    shutil.copytree(Path(backend.__file__).parent, folder)
    monkeypatch.setattr(backend, "OWN_FOLDER", folder)
    before = Ocr.identity(MODEL, Runtime(cache=tmp_path))
    with (folder / name).open("a") as file:
        file.write("# another\n")
    after = Ocr.identity(MODEL, Runtime(cache=tmp_path))
    assert {key for key in before if before[key] != after[key]} == {"rules"}
