"""pytest tests/suite/rendering/test_pdf.py: pages of odd PDFs as viewers show them, or why not."""

from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from tests.suite.rendering.made_pdfs import A4, draw_text, make_pdf
from vlm_lab.errors import HiddenDocument
from vlm_lab.messages import in_english
from vlm_lab.suite.pages import Pages, locate_text, locate_values, read_page_texts
from vlm_lab.suite.rendering.page_images import MAX_PAGE_PIXELS

INVOICE = draw_text("Birke Metallbau", "Invoice BM-4471", "Total 2,310.80 EUR")


def render(path: Path, dpi: int = 72) -> tuple[list[Image.Image], list[str]]:
    pages = Pages(path, 4, dpi)
    return [page.image for page in pages.render_pages()], [in_english(note) for note in pages.notes]


def count_dark(image: Image.Image) -> int:
    return sum(image.convert("L").histogram()[:128])


@pytest.mark.parametrize(
    ("keys", "size", "said"),
    [
        (f"/MediaBox {A4}", (595, 842), None),
        (f"/MediaBox {A4} /CropBox [3000 3000 3300 3300]", (595, 842), "crop box lies beside it"),
        (f"/MediaBox {A4} /CropBox [-50 -50 900 900]", (595, 842), None),
        (f"/MediaBox {A4} /CropBox [0 421 595 842]", (595, 421), None),
        (f"/MediaBox {A4} /CropBox [80 80 80 80]", (595, 842), None),
        ("/MediaBox [595 842 0 0]", (595, 842), None),
        ("/MediaBox [0 660 297.5 842] /UserUnit 2", (595, 364), None),
        (f"/MediaBox {A4} /UserUnit -3", (595, 842), None),
        ("/MediaBox [0 0 20 9]", (20, 9), "nothing can be read"),
    ],
)
def test_a_page_is_as_large_as_a_viewer_shows_it(
    tmp_path: Path, keys: str, size: tuple[int, int], said: str | None
) -> None:
    (image,), notes = render(make_pdf(tmp_path / "a.pdf", [INVOICE], keys))
    assert image.size == size
    assert len(notes) == bool(said)
    assert (said or "") in "".join(notes)
    if min(size) > 100:
        assert count_dark(image) > 100, "its text is drawn"


def test_a_page_too_large_is_drawn_at_the_dpi_that_fits_and_says_so(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [INVOICE], "/MediaBox [0 0 9000 7000]")
    (image,), notes = render(path, dpi=300)
    assert 0.95 * MAX_PAGE_PIXELS < image.width * image.height <= 1.01 * MAX_PAGE_PIXELS
    assert image.width / image.height == pytest.approx(9 / 7, abs=0.01)
    assert notes == ["page 1: drawn at 54 dpi, 300 would be too large"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "page 1: came out white"),
        ("0 g 0 0 595 842 re f", "page 1: came out black"),
        (INVOICE, None),
        ("0.5 g 0 0 595 842 re f", None),
    ],
)
def test_a_page_that_nobody_can_read_has_a_note(
    tmp_path: Path, content: str, said: str | None
) -> None:
    _, notes = render(make_pdf(tmp_path / "a.pdf", [content]))
    assert notes == ([said] if said else [])


XFA = "/AcroForm << /Fields [] /XFA 100 0 R >>"
XFA_STREAM = "<< /Length 6 >>\nstream\n<xdp/>\nendstream"
WAITS = draw_text("Please wait...", "If this message is not eventually replaced")
ATTACHED = (
    "<< /Names [(bill 7.pdf) 101 0 R] >>",
    "<< /Type /Filespec /F (bill 7.pdf) /EF << /F 102 0 R >> >>",
    "<< /Type /EmbeddedFile /Length 4 >>\nstream\n%PDF\nendstream",
)
WITH_ATTACHMENT = "/Names << /EmbeddedFiles 100 0 R >>"


@pytest.mark.parametrize(
    ("content", "catalog", "objects", "said"),
    [
        (WAITS, f"{XFA} /NeedsRendering true", [XFA_STREAM], "XFA form"),
        (WAITS, XFA, [XFA_STREAM], "XFA form"),
        (draw_text("Anything"), f"{XFA} /NeedsRendering true", [XFA_STREAM], "XFA form"),
        (INVOICE, XFA, [XFA_STREAM], None),  # a static form, its page drawn
        (draw_text("Open this portfolio in Acrobat"), WITH_ATTACHMENT, ATTACHED, r"\(bill 7.pdf\)"),
        (draw_text("Siehe Anlage"), WITH_ATTACHMENT, ATTACHED, "attachments"),
        ("", WITH_ATTACHMENT, ATTACHED, "says nothing"),
        (draw_text("Hallo"), f"{WITH_ATTACHMENT} /Collection << >>", ATTACHED, "attachments"),
        (INVOICE, WITH_ATTACHMENT, ATTACHED, None),  # as e-invoices are
        (draw_text("Attached: hours", "Total 12.50"), WITH_ATTACHMENT, ATTACHED, None),
        ("", "", [], None),  # a blank page is blank
    ],
)
def test_what_cannot_be_shown_is_said_and_not_judged(
    tmp_path: Path, content: str, catalog: str, objects: list[str], said: str | None
) -> None:
    path = make_pdf(tmp_path / "a.pdf", [content], catalog_keys=catalog, objects=objects)
    if said is None:
        assert len(render(path)[0]) == 1
        return
    with pytest.raises(HiddenDocument, match=said):
        Pages(path, 4, 72).render_pages()


def test_what_is_visible_of_a_text_layer_and_nothing_else(tmp_path: Path) -> None:
    content = draw_text("Invoice BM-4471") + draw_text("Total 2,310.80", top=100)
    keys = f"/MediaBox {A4} /CropBox [0 400 595 842]"
    path = make_pdf(tmp_path / "a.pdf", [content], keys)
    assert read_page_texts(path) == ["Invoice BM-4471"]
    assert locate_text(path, ["2,310.80"], 1) is None
    index, top, bottom = locate_text(path, ["BM-4471"], 1) or (None, 0, 0)
    assert index == 0
    assert 0.08 < top < bottom < 0.2


@pytest.mark.parametrize(
    ("forms", "count"),
    [
        (["BM-4471"], 1),
        (["bm-4471", "4471"], 1),
        (["2.310,80", "2,310.80"], 1),
        (["twice"], 2),
        (["often"], 0),
        (["absent"], 0),
        (["x" * 200_000], 0),
        ([], 0),
    ],
)
def test_values_have_a_box_where_it_is_known_which_is_meant(
    tmp_path: Path, forms: list[str], count: int
) -> None:
    words = ["twice", "twice", *["often"] * 5]
    content = INVOICE + "\n" + draw_text(*words, top=500)
    path = make_pdf(tmp_path / "a.pdf", [content], f"/MediaBox {A4}")
    places, others = locate_values(path, [forms, ["BM-4471"]], 4)
    assert len(places) == count
    assert len(others) == 1
    for page, left, top, right, bottom in places:
        assert page == 0
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert bottom - top < 0.03


def test_a_picture_has_no_text_layer_to_look_in(tmp_path: Path) -> None:
    Image.new("RGB", (90, 90)).save(tmp_path / "a.png")
    assert locate_values(tmp_path / "a.png", [["BM-4471"], []], 1) == [[], []]


def test_a_match_beside_the_page_does_not_hide_one_on_it(tmp_path: Path) -> None:
    content = draw_text("Total 2,310.80", top=100) + "\n" + draw_text("Total 2,310.80")
    keys = f"/MediaBox {A4} /CropBox [0 400 595 842]"
    assert locate_text(make_pdf(tmp_path / "a.pdf", [content], keys), ["2,310.80"], 1)


@pytest.mark.parametrize(
    ("content", "keys", "text"),
    [
        (INVOICE, "", "Birke Metallbau Invoice BM-4471 Total 2,310.80 EUR"),
        ("", "", ""),  # nothing is drawn on it
        ("0 g 10 10 300 300 re f", "", None),  # what is drawn may be letters
        (INVOICE, "/AcroForm << /Fields [] >>", None),  # fields are in no text layer
    ],
)
def test_only_a_whole_text_layer_says_what_is_not_on_a_page(
    tmp_path: Path, content: str, keys: str, text: str | None
) -> None:
    assert read_page_texts(make_pdf(tmp_path / "a.pdf", [content], catalog_keys=keys)) == [text]


def test_a_scan_with_a_word_of_text_says_nothing_of_what_is_not_on_it(tmp_path: Path) -> None:
    pdf = pypdfium2.PdfDocument(make_pdf(tmp_path / "a.pdf", [draw_text("Scanned with a phone")]))
    image = pypdfium2.PdfImage.new(pdf)
    bitmap = pypdfium2.PdfBitmap.from_pil(Image.new("RGB", (60, 80), "grey"))
    image.set_bitmap(bitmap)
    image.set_matrix(pypdfium2.PdfMatrix().scale(595, 700))
    page = pdf[0]
    page.insert_obj(image)
    page.gen_content()
    pdf.save(tmp_path / "b.pdf")
    assert read_page_texts(tmp_path / "b.pdf") == [None]


def test_two_pages_of_one_size_with_other_user_units_are_left_as_they_are(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [INVOICE, INVOICE], f"/MediaBox {A4} /UserUnit 2")
    path.write_bytes(path.read_bytes().replace(b"/UserUnit 2", b"/UserUnit 3", 1))
    assert [image.size for image in render(path)[0]] == [(595, 842)] * 2
