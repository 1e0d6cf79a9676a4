"""Where on its pages a value is printed: in a PDF's own text layer, which the models never get; on
scans and photos alone, where an OCR engine is installed (`pip install 'vlm-lab[ocr]'`), as that
reads the page's image.

Nothing is scored by this: it only decides which strip of a page the report shows.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from vlm_lab.errors import DocumentError
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.report.images.pages import REPORT_FILES
from vlm_lab.suite.pages import locate_text, read_page_texts

MAX_OCR_PAGES = (
    1  # pages that one report has read by OCR: one takes seconds, and somebody waits for the report
)
OCR_LONGEST_SIDE = (
    960  # pixels of the longer side: 155 of 169 values on real pages are found, at 1280 156
)
MIN_OCR_SIDE = 64  # pixels: on a smaller image no letter can be told
MIN_SIMILARITY = 87  # of 100: one character in eight may be misread, none in a shorter value
MIN_FUZZY_LENGTH = 4  # characters: such a value must stand as a word


class PageLocation(NamedTuple):
    """A page, and the ends of a line on it as shares of the page's height, from the top."""

    page: int
    top: float
    bottom: float


TextLine = tuple[str, float, float]  # what is written there, top, bottom
LineReader = Callable[[str, bool], Sequence[TextLine]]


def locate_in_text_layer(path: Path, forms: Sequence[str], pages: int) -> PageLocation | None:
    """The first place among a PDF's first pages where one of the forms is seen; None where its text
    layer has none, or cannot be read."""
    with contextlib.suppress(DocumentError):
        found = locate_text(path, forms, pages)
        return PageLocation(*found) if found else None
    return None


def find_written_pages(path: Path) -> set[int]:
    """The pages whose text layer says all that is seen on them: OCR would take seconds to read the
    same."""
    with contextlib.suppress(DocumentError):
        texts = read_page_texts(path)
        return {index for index, text in enumerate(texts) if text is not None}
    return set()


def locate_in_lines(
    pages: Iterable[Sequence[TextLine]], forms: Sequence[str]
) -> PageLocation | None:
    """On the first page that has one, the line most like one of the forms; None where none is like
    enough."""
    for page_index, lines in enumerate(pages):
        candidates = [
            (*_compute_similarity(form, text), top, bottom)
            for text, top, bottom in lines
            for form in forms
        ]
        likeness, _, top, bottom = max(
            candidates, key=lambda candidate: candidate[:2], default=(0, 0, 0, 0)
        )
        if likeness >= MIN_SIMILARITY:
            return PageLocation(page_index, top, bottom)
    return None


def make_line_reader(folder: Path) -> LineReader:
    """Reads the lines of a page image of a report, MAX_OCR_PAGES at most; what was read lies in
    report_files/, so that the next form of the report has it. Asked for a known page alone, or
    without an engine, it says nothing."""
    engine, read = cache(_load_engine), set[str]()

    def lines(address: str, only_cached: bool) -> Sequence[TextLine]:
        kept = folder / REPORT_FILES / "crops" / f"{Path(address).stem}.json"
        with contextlib.suppress(OSError, ValueError):
            return [
                (str(text), float(top), float(bottom))
                for text, top, bottom in json.loads(kept.read_bytes())
            ]
        if only_cached or len(read) >= MAX_OCR_PAGES:
            return []
        with Image.open(folder / address) as image:
            if min(image.size) < MIN_OCR_SIDE or engine() is None:
                return []
            read.add(address)
            made = list(_recognize_lines(engine(), image))
        make_private_folder(kept.parent, folder)
        with atomic_private_file(kept) as file:
            file.write(json.dumps(made).encode())
        return made

    return lines


def normalize_for_match(text: str) -> str:
    """Letters and digits alone: what OCR makes of spaces, commas and currency signs differs from
    page to page."""
    return "".join(filter(str.isalnum, text.casefold()))


def _compute_similarity(form: str, text: str) -> tuple[float, int]:
    """0 to 100, then minus what the line has beside the value: of two that have it the barer one is
    meant."""
    from rapidfuzz import fuzz

    normalized_form, normalized_line = normalize_for_match(form), normalize_for_match(text)
    length_penalty = -abs(len(normalized_line) - len(normalized_form))
    if min(len(normalized_form), len(normalized_line)) < MIN_FUZZY_LENGTH:
        return 100.0 * bool(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text)), length_penalty
    may_be_partial = (
        len(normalized_line) >= len(normalized_form) / 2
    )  # of a long value the page may have one part in a line; a word of it is none
    return (fuzz.partial_ratio if may_be_partial else fuzz.ratio)(
        normalized_form, normalized_line
    ), length_penalty


def _load_engine() -> Any:
    """RapidOCR as the OCR baseline has it; None where it is not installed."""
    from vlm_lab.backends.ocr import rapidocr_reader
    from vlm_lab.errors import Skip

    with contextlib.suppress(Skip):
        return rapidocr_reader.load_rapidocr_engine()
    return None


def _recognize_lines(engine: Any, image: Image.Image) -> Iterator[TextLine]:
    from vlm_lab.backends.ocr import rapidocr_reader

    image = image.convert("RGB")
    image.thumbnail((OCR_LONGEST_SIDE, OCR_LONGEST_SIDE))
    with contextlib.suppress(
        Exception
    ):  # whatever an engine makes of a hostile page: the report is written
        for corners, text in rapidocr_reader.run_rapidocr(engine, image):
            heights = [y / image.height for _, y in corners]
            yield text, min(heights), max(heights)
