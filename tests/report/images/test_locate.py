"""pytest tests/report/images/test_locate.py: where a value stands on a page, in a text layer and as
OCR reads a real scan."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.report.made import write_run
from vlm_lab.fields.printed_forms import list_printed_forms
from vlm_lab.report import formats
from vlm_lab.report.images import locate
from vlm_lab.report.images.locate import locate_in_lines, locate_in_text_layer, make_line_reader
from vlm_lab.suite.pages import Pages

SAMPLES = Path(__file__).parents[3] / "benchmarks" / "invoices" / "documents"
PAGE, STRIP, KEPT = (
    f"report_files/{name}"
    for name in ("pages/invoices--two-1.jpg", "crops/error-1.png", "crops/invoices--two-1.json")
)
LINES = [
    ("Invoice INV-20417", 0.1, 0.12),
    ("Total net 4 087,44 EUR", 0.5, 0.52),
    ("4 087,44 EUR", 0.6, 0.62),
    ("2 x 4,52", 0.7, 0.72),
    ("Main street 12,", 0.8, 0.82),
    ("1", 0.9, 0.92),
]


@pytest.mark.parametrize(
    ("value", "top"),
    [
        ("INV-20417", 0.1),
        ("INV-2O417", 0.1),  # a letter misread
        ("4087.44", 0.6),  # the line with the least beside it
        ("4.52", 0.7),
        ("Main Street 12, 9000 Upton", 0.8),  # broken over two lines
        ("4187.44", None),  # another amount is not a misread one
        ("9.52", None),
        ("Oak street 99, 1234 Downham", None),
        ("1", None),  # on every page
        (None, None),
    ],
)
def test_a_line_is_found_by_what_it_says(value: str | None, top: float | None) -> None:
    found = locate_in_lines(
        [[], LINES], list_printed_forms(value, {"date_order": "dmy", "languages": ["de"]})
    )
    assert (found and (found.page, found.top)) == (top and (1, top))


@pytest.mark.parametrize(
    ("name", "value", "page", "top"),
    [
        ("de/quer.pdf", "Brunnfelder Technik GmbH", 0, 0.06),  # /Rotate 90
        ("de/quer.pdf", "7.779,01", 0, 0.49),
        ("de/Rechnung lang.pdf", "Lindacker Werkstätten GmbH", 0, 0.05),
        ("slips/slip 04.jpg", "anything", None, None),
        ("there is none.pdf", "anything", None, None),
    ],
)
def test_a_text_layer_says_where_as_the_page_is_seen(
    name: str, value: str, page: int | None, top: float | None
) -> None:
    found = locate_in_text_layer(SAMPLES / name, [value], 4)
    assert (found and found.page) == page
    assert found is None or (
        found.top < top < found.bottom + 0.02 and found.bottom - found.top < 0.04
    )


def test_a_page_that_is_not_shown_is_not_searched() -> None:
    lang = SAMPLES / "de" / "Rechnung lang.pdf"
    second = ["Lindacker Werkstätten GmbH · Rechnung INV006141"]  # the second page's head
    assert (
        locate_in_text_layer(lang, second, 1),
        getattr(locate_in_text_layer(lang, second, 2), "page", None),
    ) == (
        None,
        1,
    )


@pytest.fixture
def scanned(tmp_path: Path) -> Path:
    """A run whose document `two` is a photo of a receipt; its total was answered wrongly."""
    pytest.importorskip("rapidocr", reason="needs an OCR engine: pip install 'vlm-lab[ocr]'")
    run = write_run(tmp_path)
    Pages(SAMPLES / "receipts" / "counter 01.webp", 1, 150)[0].image.save(run / "two.png")
    text = (
        (run / "report.json").read_text().replace('"expected": "expected"', '"expected": "29.67"')
    )
    (run / "report.json").write_text(text)
    return run


@pytest.mark.slow  # an OCR engine reads a page
def test_on_a_photo_an_error_is_shown_by_the_strip_around_its_line(
    scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write_format("md", scanned)
    lines = json.loads((scanned / KEPT).read_text())
    (top, bottom) = next(line[1:] for line in lines if "29.67" in line[0])
    with Image.open(scanned / STRIP) as strip, Image.open(scanned / PAGE) as page:
        expected = page.convert("L").crop(
            (0, int((top - 0.05) * page.height), page.width, int((bottom + 0.05) * page.height))
        )
        assert strip.tobytes() == expected.tobytes()
    before = (scanned / STRIP).read_bytes()
    monkeypatch.setattr(locate, "_load_engine", lambda: pytest.fail("was read before"))
    formats.write_format("confluence", scanned)
    assert (scanned / STRIP).read_bytes() == before


def test_a_page_that_says_all_in_its_text_layer_is_not_read_by_ocr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path)
    (run / "two.pdf").write_bytes((SAMPLES / "de" / "quer.pdf").read_bytes())
    report = (run / "report.json").read_text()
    (run / "report.json").write_text(report.replace("two.png", "two.pdf"))
    monkeypatch.setattr(locate, "_load_engine", lambda: pytest.fail("nothing is left to read"))
    formats.write_format("md", run)
    with Image.open(run / STRIP) as strip, Image.open(run / PAGE) as page:
        assert strip.height / strip.width == pytest.approx(page.height / page.width, abs=0.01)


def test_without_an_engine_the_whole_page_is_shown(
    scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    formats.write_format("md", scanned)
    with Image.open(scanned / STRIP) as strip, Image.open(scanned / PAGE) as page:
        assert strip.height / strip.width == pytest.approx(page.height / page.width, abs=0.01)
    assert not (scanned / KEPT).exists()


@pytest.mark.parametrize("said", [[], RuntimeError("onnx")])
def test_an_engine_that_fails_on_a_page_costs_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    asked = []

    def engine(image: object) -> object:
        asked.append(image)
        if isinstance(said, Exception):
            raise said
        return SimpleNamespace(boxes=None)

    monkeypatch.setattr(locate, "_load_engine", lambda: engine)
    read = make_line_reader(tmp_path)
    for number in range(4):
        Image.new("RGB", (100, 100 if number else 30)).save(tmp_path / f"{number}.png")
        assert read(f"{number}.png", False) == []
    assert len(asked) == locate.MAX_OCR_PAGES  # and the image of 30 pixels is none of them
