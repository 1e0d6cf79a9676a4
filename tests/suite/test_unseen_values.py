"""pytest tests/suite/test_unseen_values.py: values that stand only on pages that are left out."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.suite.rendering.made_pdfs import draw_text, make_pdf
from vlm_lab.suite.unseen_values import find_unseen_paths
from vlm_lab.types import Conventions, Document, Suite

FIRST = draw_text("Birke Metallbau, invoice BM-4471", "03.03.2024", "Net 1,942.00 EUR")
LAST = draw_text("Tax 368.98 EUR", "Total 2,310.98 EUR", "IBAN DE02 1203 0000 0000 2020 51")
REFERENCE = {
    "number": "BM-4471",
    "date": "2024-03-03",
    "net": "1942.00",
    "tax": "368.98",
    "currency": "EUR",
    "gross": 2310.98,
    "rows": [{"amount": "1942"}, {"amount": "2310.98"}],
    "elsewhere": "nowhere on it",
}
LAST_VALUES = {"tax", "gross", "rows[1].amount"}


def find(path: Path, reference: Any, limit: int) -> set[str]:
    suite = Suite(
        name="s",
        folder=path.parent,
        documents=path.parent,
        references=path.parent,
        conventions=Conventions("dmy", ("en",)),
    )
    document = Document(id="a", name=path.name, path=path, suite=suite, reference=reference)
    return set(find_unseen_paths(document, limit))


@pytest.mark.parametrize(
    ("pages", "limit", "unseen"),
    [
        ([FIRST, LAST], 1, LAST_VALUES),
        ([FIRST, LAST], 2, set()),
        ([FIRST, "", LAST], 2, LAST_VALUES),  # a blank page has nothing on it
        ([FIRST, "0 g 9 9 99 99 re f", LAST], 2, set()),  # what is drawn there may be letters
        ([LAST, FIRST, LAST], 1, {"number", "date", "net", "rows[0].amount"}),
        ([FIRST + "\n" + draw_text("2310,98", top=300), LAST], 1, {"tax"}),  # as printed otherwise
    ],
)
def test_a_value_is_unseen_only_where_every_shown_page_says_so(
    tmp_path: Path, pages: list[str], limit: int, unseen: set[str]
) -> None:
    assert find(make_pdf(tmp_path / "a.pdf", pages), REFERENCE, limit) == unseen


@pytest.mark.parametrize(
    ("value", "unseen"),
    [
        ("Birke Metalbau", False),  # nearly so on the first page
        ("368.98", True),
        ("EUR", False),  # a sign may stand for it
        (None, False),
        (True, False),
        ("DE02 1203 0000 0000 2020 51", True),
        (["DE02 1203 0000 0000 2020 51"], False),
    ],
)
def test_values_of_all_kinds(tmp_path: Path, value: Any, unseen: bool) -> None:
    path = make_pdf(tmp_path / "a.pdf", [FIRST, LAST])
    assert find(path, {"field": value}, 1) == ({"field"} if unseen else set())


def test_a_scan_proves_nothing(tmp_path: Path) -> None:
    frames = [Image.effect_noise((300, 400), 90) for _ in range(3)]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    assert find(tmp_path / "a.tiff", REFERENCE, 1) == set()


def test_a_document_that_cannot_be_read_has_no_unseen_value(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 broken" * 9)
    assert find(tmp_path / "a.pdf", REFERENCE, 1) == set()
    assert find(tmp_path / "a.pdf", None, 1) == set()
