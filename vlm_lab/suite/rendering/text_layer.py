"""What a PDF's own text layer says, and where on the page as it is seen: for the report's crops and
for telling what stands on pages that were left out. No model ever gets it.
"""

import ctypes
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from vlm_lab.suite.rendering.pdf import has_objects, open_page, open_pdf, read_visible_text

DEVICE_SCALE = 10_000
MAX_IMAGE_SHARE = 0.3  # of the page: what a larger picture shows is in no text layer
MAX_TEXT_PAGES = 200
MAX_MATCHES = 50  # of one form on one page: most may lie where nobody sees them
MAX_PLACES = 3  # of one value: what stands more often is no place to look at
MAX_FORM_LENGTH = 200  # characters: no longer text is looked for

Location = tuple[int, float, float]  # page index, top and bottom as shares of the page's height
Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the page
Place = tuple[int, float, float, float, float]  # page index, then a box on it


def read_page_texts(path: Path) -> list[str | None]:
    """Each page's text as it is seen; None where the text layer does not say all that is seen."""
    with open_pdf(path) as pdf:
        has_form = pdf.get_formtype() > 0
        return [
            _read_whole_text(open_page(pdf, index), has_form)
            for index in range(min(len(pdf), MAX_TEXT_PAGES))
        ]


def _read_whole_text(page: Any, has_form: bool) -> str | None:
    text = read_visible_text(page)
    is_written = any(map(str.isalnum, text))
    is_whole = not has_form and not _has_large_image(page)
    is_blank = not has_objects(page)
    page.close()
    return text if is_whole and (is_written or is_blank) else None


def _has_large_image(page: Any) -> bool:
    from pypdfium2 import raw

    width, height = page.get_size()
    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, low, right, high = image.get_bounds()
        if abs(right - left) * abs(high - low) > MAX_IMAGE_SHARE * width * height:
            return True
    return False


def locate_text(path: Path, forms: Sequence[str], page_count: int) -> Location | None:
    """The first place among the first pages where one of the forms is seen."""
    with open_pdf(path) as pdf:
        for index in range(min(page_count, len(pdf))):
            page = open_page(pdf, index)
            found = next(_find_on_page(page.get_textpage(), page, forms), None)
            if found:
                return index, found[1], found[3]
    return None


def locate_values(
    path: Path, forms_by_value: Sequence[Sequence[str]], page_count: int
) -> list[list[Place]]:
    """For each value the places where the first of its forms that is there at all is seen; none
    where there are too many to tell which is meant."""
    places: list[list[Place]] = [[] for _ in forms_by_value]
    with open_pdf(path) as pdf:
        for index in range(min(page_count, len(pdf))):
            page = open_page(pdf, index)
            text_page = page.get_textpage()
            text = _remove_spaces(read_visible_text(page))
            for value_places, forms in zip(places, forms_by_value, strict=True):
                printed_forms = [form for form in forms if _may_be_in(form, text)]
                value_places += _find_places(text_page, page, index, printed_forms)
    return [found if len(found) <= MAX_PLACES else [] for found in places]


def _find_places(text_page: Any, page: Any, index: int, forms: Sequence[str]) -> list[Place]:
    for form in forms:
        boxes = islice(_find_on_page(text_page, page, [form]), MAX_PLACES + 1)
        places = [(index, *box) for box in boxes]
        if places:
            return places
    return []


def _may_be_in(form: str, text: str) -> bool:
    """Whether a search, which is slower, may find it."""
    return len(form) <= MAX_FORM_LENGTH and _remove_spaces(form) in text


def _remove_spaces(text: str) -> str:
    return "".join(text.split()).casefold()


def _find_on_page(text_page: Any, page: Any, forms: Sequence[str]) -> Iterator[Box]:
    for form in forms:
        search = text_page.search(form, match_whole_word=True)
        for _ in range(MAX_MATCHES):
            match = search.get_next()
            if not match:
                break
            if text_page.count_rects(*match):
                left, low, right, high = text_page.get_rect(0)
                yield from _convert_to_shares(page, ((left, low), (right, high)))


def _convert_to_shares(page: Any, corners: Sequence[tuple[float, float]]) -> Iterator[Box]:
    """A rectangle on the page as it is seen; nothing where it lies beside it."""
    points = [_convert_to_device(page, x, y) for x, y in corners]
    left, right = sorted(x for x, _ in points)
    top, bottom = sorted(y for _, y in points)
    if left >= 0 and right <= 1 and top >= 0 and bottom <= 1:
        yield left, top, right, bottom


def _convert_to_device(page: Any, x: float, y: float) -> tuple[float, float]:
    """A point of the PDF as shares of the page's width and height, from the top left; rotation and
    crop box honoured."""
    from pypdfium2 import raw

    device_x, device_y = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(
        page,
        0,
        0,
        DEVICE_SCALE,
        DEVICE_SCALE,
        0,
        x,
        y,
        ctypes.byref(device_x),
        ctypes.byref(device_y),
    )
    return device_x.value / DEVICE_SCALE, device_y.value / DEVICE_SCALE
