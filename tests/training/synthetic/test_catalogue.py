"""The samples that ship: drawn again byte for byte, figures that add up, numbers that check,
references that fit."""

import json
from decimal import Decimal
from itertools import product
from pathlib import Path
from random import Random

import jsonschema
import numpy as np
import pypdfium2
import pytest
from PIL import Image
from stdnum import iban
from stdnum.de import vat as german
from stdnum.fr import tva as french
from stdnum.gb import vat as british
from stdnum.ru import inn as russian

pytest.importorskip("reportlab")
pytest.importorskip("font_roboto")
pytest.importorskip("font_source_serif_pro")

from training.synthetic import catalogue, number_formats
from training.synthetic.blocks import Look
from training.synthetic.layouts import LAYOUTS
from training.synthetic.render import draw
from training.synthetic.values import paper

SUITE = Path(__file__).parents[3] / "benchmarks" / "invoices"
PATHS = [sample.path for sample in catalogue.SAMPLES]
TAX_ID_CHECKS = {"en": british, "de": german, "fr": french, "ru": russian}
WITH_GLYPHS = [
    pair for pair in product(LAYOUTS, TAX_ID_CHECKS) if pair != ("centred", "ru")
]  # no Cyrillic in its serif


def reference(path: str) -> dict:
    return json.loads(
        (SUITE / "references" / path).with_suffix(".json").read_text(encoding="utf-8")
    )


def same_bytes(folder: Path, written: list[tuple[catalogue.Sample, int]]) -> None:
    for sample, _ in written:
        for path in (
            Path("documents") / sample.path,
            (Path("references") / sample.path).with_suffix(".json"),
        ):
            assert (folder / path).read_bytes() == (SUITE / path).read_bytes(), path


def test_some_are_drawn_again_byte_for_byte(tmp_path: Path) -> None:
    same_bytes(tmp_path, catalogue.write(tmp_path, range(0, 26, 5)))


@pytest.mark.slow
def test_all_are_drawn_again_byte_for_byte(tmp_path: Path) -> None:
    written = catalogue.write(tmp_path)
    same_bytes(tmp_path, written)
    catalogue.write_tags(tmp_path / "tags.csv", written)
    assert (tmp_path / "tags.csv").read_bytes() == (SUITE / "tags.csv").read_bytes()


def test_the_folder_holds_the_catalogue_and_is_small() -> None:
    files = [path for path in (SUITE / "documents").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(SUITE / "documents").as_posix() for path in files) == sorted(
        PATHS
    )
    assert len(PATHS) == 26
    assert sum(path.stat().st_size for path in files) < 6_000_000


@pytest.mark.parametrize("path", PATHS)
def test_reference_fits_the_schema_and_adds_up(path: str) -> None:
    answer = reference(path)
    jsonschema.validate(answer, json.loads((SUITE / "schema.json").read_text(encoding="utf-8")))
    net, tax, gross = (Decimal(answer["totals"][key]) for key in ("net", "tax", "gross"))
    rows = answer["line_items"]
    assert net + tax == gross
    assert sum(Decimal(row["amount"]) for row in rows) == (net if "buyer" in answer else gross)
    assert all(
        abs(Decimal(row["quantity"]) * Decimal(row["unit_price"]) - Decimal(row["amount"])) < 1
        for row in rows
    )


@pytest.mark.parametrize("language", TAX_ID_CHECKS)
@pytest.mark.parametrize("seed", range(20))
def test_tax_ids_and_accounts_check(language: str, seed: int) -> None:
    values = paper(Random(seed), language)
    assert values.buyer
    for company in (values.seller, values.buyer):
        assert TAX_ID_CHECKS[language].is_valid(company.tax_id)
        assert language == "ru" or iban.is_valid(company.account)


@pytest.mark.parametrize(("layout", "language"), WITH_GLYPHS)
def test_texts_stay_on_the_page_and_apart(layout: str, language: str) -> None:
    kind = {"till": "receipt", "counter": "receipt", "slip": "slip"}.get(layout, "invoice")
    drawn = draw(paper(Random(3), language, kind, 4), layout, Look())
    width = 595 if kind == "invoice" else 236
    for index, text in enumerate(drawn.texts):
        assert 0 <= text.x <= text.x + text.width <= width, text
        for other in drawn.texts[:index]:
            apart = text.x >= other.x + other.width or other.x >= text.x + text.width
            assert (
                apart
                or text.page != other.page
                or abs(text.y - other.y) > 0.6 * min(text.size, other.size)
            )


@pytest.mark.parametrize("index", range(26), ids=PATHS)
def test_everything_in_the_reference_is_printed(index: int) -> None:
    values, drawing = catalogue.drawn(index)
    look, answer = catalogue.SAMPLES[index].look, drawing.reference
    companies = [company for company in (values.seller, values.buyer) if company]
    wanted = [
        values.number,
        *(line.description for line in values.lines),
        values.seller.street,
        values.seller.city,
    ]
    wanted += [text for company in companies for text in (company.name, company.tax_id)]
    wanted += [
        number_formats.number(abs(Decimal(value)), look.marks)
        for value in answer["totals"].values()
    ]
    wanted += [
        number_formats.number(Decimal(row["amount"]), look.marks) for row in answer["line_items"]
    ]
    wanted += [
        number_formats.day(day, look.dates, values.language)
        for day in (values.issued, values.due)
        if day
    ]
    text = "\n".join(placed.text for placed in drawing.texts)
    assert [value for value in wanted if value not in text] == []
    assert answer == reference(PATHS[index])


def test_forty_rows_leave_the_total_to_the_last_page() -> None:
    values = paper(Random(5), "de", rows=40)
    drawn = draw(values, "window", Look("comma", "dd.MM.y"))
    assert drawn.pages == 2
    assert {placed.page for placed in drawn.texts if "Gesamtbetrag" in placed.text} == {
        drawn.pages - 1
    }


def test_a_rotated_page_is_upright_once_turned() -> None:
    values = paper(Random(9), "de", rows=5)
    turned, plain = (draw(values, "classic", Look(), rotate=rotate).pdf for rotate in (True, False))
    with pypdfium2.PdfDocument(turned) as left, pypdfium2.PdfDocument(plain) as right:
        assert left[0].get_rotation() == 90
        pixels = [
            np.asarray(pdf[0].render(scale=1).to_pil().convert("L"), dtype=float)
            for pdf in (left, right)
        ]
    assert pixels[0].shape == pixels[1].shape
    assert np.abs(pixels[0] - pixels[1]).mean() < 3


def test_margins_of_the_png_are_transparent_over_black() -> None:
    with Image.open(SUITE / "documents" / "slips" / "slip 02.png") as image:
        assert image.mode == "RGBA"
        assert image.getpixel((5, 5)) == (0, 0, 0, 0)
        assert image.getpixel((60, image.height - 60)) == (255, 255, 255, 255)


def test_a_credit_note_is_negative_and_a_balance_is_no_total() -> None:
    assert Decimal(reference("en/credit note.pdf")["totals"]["gross"]) < 0
    values = paper(Random(4), "en", balance=True)
    drawn = draw(values, "banner", Look("point"))
    assert values.balance
    owed = number_formats.money(values.totals[2] + values.balance, "point", "en")
    assert owed in [placed.text for placed in drawn.texts]
    assert drawn.reference["totals"]["gross"] == str(values.totals[2])
