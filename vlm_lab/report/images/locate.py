"""Where on its pages a value is printed: in a PDF's own text layer, which the models never get; on scans and photos,
where an OCR engine is installed (`pip install 'vlm-lab[ocr]'`), as that reads the page's image.

Nothing is scored by this: it only decides which strip of a page the report shows.
"""

import contextlib
import ctypes
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from vlm_lab.files import private_file
from vlm_lab.report.images.pages import FILES

MOST_READ = 1  # pages that one report has read by OCR: one takes seconds, and somebody waits for the report
READ_AT = 960  # pixels of the longer side: 155 of 169 values on real pages are found, at 1280 156
LEGIBLE = 64  # pixels: on a smaller image no letter can be told
ALIKE = 87  # of 100: one character in eight may be misread, none in a shorter value
SHORT = 4  # characters: such a value must stand as a word
SCALE = 10_000


class Place(NamedTuple):
    """A page, and the ends of a line on it as shares of the page's height, from the top."""

    page: int
    top: float
    bottom: float


Line = tuple[str, float, float]  # what is written there, top, bottom
Reader = Callable[[str, bool], Sequence[Line]]


def in_text(path: Path, forms: Sequence[str], pages: int) -> Place | None:
    """The first place among a PDF's first pages, in its text layer; None where the value is not in one."""
    import pypdfium2

    with contextlib.suppress(pypdfium2.PdfiumError, OSError), pypdfium2.PdfDocument(path) as pdf:
        return next(_printed(pdf, forms, min(pages, len(pdf))), None)
    return None


def in_lines(pages: Iterable[Sequence[Line]], forms: Sequence[str]) -> Place | None:
    """On the first page that has one, the line most like one of the forms; None where none is like enough."""
    for number, lines in enumerate(pages):
        found = [(*_likeness(form, text), top, bottom) for text, top, bottom in lines for form in forms]
        likeness, _, top, bottom = max(found, key=lambda each: each[:2], default=(0, 0, 0, 0))
        if likeness >= ALIKE:
            return Place(number, top, bottom)
    return None


def reader(folder: Path) -> Reader:
    """Reads the lines of a page image of a report, MOST_READ images at most; what was read lies in report_files/, so
    that the next form of the report has it. Asked for a known page alone, or without an engine, it says nothing."""
    engine, read = cache(_engine), set[str]()

    def lines(address: str, known_alone: bool) -> Sequence[Line]:
        kept = folder / FILES / "crops" / f"{Path(address).stem}.json"
        with contextlib.suppress(OSError, ValueError):
            return [(str(text), float(top), float(bottom)) for text, top, bottom in json.loads(kept.read_bytes())]
        if known_alone or len(read) >= MOST_READ:
            return []
        with Image.open(folder / address) as image:
            if min(image.size) < LEGIBLE or engine() is None:
                return []
            read.add(address)
            made = list(_read(engine(), image))
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with private_file(kept) as file:
            file.write(json.dumps(made).encode())
        return made

    return lines


def plain(text: str) -> str:
    """Letters and digits alone: what OCR makes of spaces, commas and currency signs differs from page to page."""
    return "".join(filter(str.isalnum, text.casefold()))


def _printed(pdf: Any, forms: Sequence[str], pages: int) -> Iterator[Place]:
    for number in range(pages):
        page = pdf[number]
        text = page.get_textpage()
        for form in forms:
            found = text.search(form, match_whole_word=True).get_next()
            if found and text.count_rects(*found):
                left, low, right, high = text.get_rect(0)
                top, bottom = sorted((_down(page, left, low), _down(page, right, high)))
                if top >= 0 and bottom <= 1:  # else it is printed where nobody sees it: beside the crop box
                    yield Place(number, top, bottom)


def _down(page: Any, x: float, y: float) -> float:
    """How far down the page as it is seen, rotation and crop box honoured, a point of the PDF lies: 0 to 1."""
    from pypdfium2 import raw

    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, SCALE, SCALE, 0, x, y, ctypes.byref(across), ctypes.byref(down))
    return down.value / SCALE


def _likeness(form: str, text: str) -> tuple[float, int]:
    """0 to 100, then minus what the line has beside the value: of two that have it the barer one is meant."""
    from rapidfuzz import fuzz

    wanted, line = plain(form), plain(text)
    beside = -abs(len(line) - len(wanted))
    if min(len(wanted), len(line)) < SHORT:
        return 100.0 * bool(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text)), beside
    part = len(line) >= len(wanted) / 2  # of a long value the page may have one part in a line; a word of it is none
    return (fuzz.partial_ratio if part else fuzz.ratio)(wanted, line), beside


def _engine() -> Any:
    """RapidOCR as the OCR baseline has it; None where it is not installed."""
    from vlm_lab.backends.ocr import backend
    from vlm_lab.errors import Skip

    with contextlib.suppress(Skip):
        return backend.rapidocr_engine()
    return None


def _read(engine: Any, image: Image.Image) -> Iterator[Line]:
    from vlm_lab.backends.ocr import backend

    image = image.convert("RGB")
    image.thumbnail((READ_AT, READ_AT))
    with contextlib.suppress(Exception):  # whatever an engine makes of a hostile page: the report is written
        for corners, text in backend.rapidocr_boxes(engine, image):
            downs = [y / image.height for _, y in corners]
            yield text, min(downs), max(downs)
