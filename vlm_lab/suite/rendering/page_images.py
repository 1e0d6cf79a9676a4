"""How large a page may be, and what is to be said of one that came out odd."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from vlm_lab.messages import Message

MAX_PAGE_PIXELS = 36_000_000  # A4 at 600 dpi is 35 million
MAX_DOCUMENT_PIXELS = 80_000_000  # of all its pages: they are held together while a model is asked
MAX_PAGE_SIDE = 20_000
MIN_PAGE_SIDE = 16  # pixels: no letter can be told on less
SAMPLED_ROWS = 16  # each of these is looked at first; pages have as many rows at the least
WHITE_FROM, BLACK_TO = 248, 16  # the darkest of a page without print; the lightest of a black one


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """RGB pixels as they were drawn, `stride` bytes a row, and what the record says of them."""

    index: int
    size: tuple[int, int]
    pixels: Any  # anything with the buffer protocol: PDFium's own memory is not copied
    stride: int
    notes: list[Message] = field(default_factory=list)


def join_rows(page: RenderedPage) -> bytes | memoryview:
    """The pixels alone, row after row; some releases of PDFium fill rows up to four bytes."""
    width, height = page.size
    pixels, row_bytes = memoryview(page.pixels).cast("B"), 3 * width
    if page.stride == row_bytes:
        return pixels
    starts = range(0, page.stride * height, page.stride)
    return b"".join(pixels[start : start + row_bytes] for start in starts)


def encode_picture(page: RenderedPage, longest_side: int, quality: int) -> bytes:
    """The page as a JPEG file, no side longer than `longest_side`."""
    image = Image.frombuffer("RGB", page.size, page.pixels, "raw", "RGB", page.stride, 1)
    image.thumbnail((longest_side, longest_side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def compute_reduction(width: float, height: float, page_count: int) -> float:
    """1, or by how much smaller a page must be drawn to be no larger than a page may be."""
    max_pixels = min(MAX_PAGE_PIXELS, MAX_DOCUMENT_PIXELS / max(1, page_count))
    return min(
        1.0, math.sqrt(max_pixels / max(1.0, width * height)), MAX_PAGE_SIDE / max(width, height, 1)
    )


def note_odd_page(page: RenderedPage) -> RenderedPage:
    """The page, with a note where nobody could read it: black, white or a few pixels wide."""
    page.notes.extend(_find_oddities(page))
    return page


def _find_oddities(page: RenderedPage) -> Iterator[Message]:
    number = page.index + 1
    width, height = page.size
    if min(width, height) < MIN_PAGE_SIDE:
        yield Message("page_tiny", {"page": number, "width": width, "height": height})
        return
    darkest, lightest = _find_extrema(page, SAMPLED_ROWS)
    if darkest < WHITE_FROM and lightest > BLACK_TO:
        return  # so have the other rows
    darkest, lightest = _find_extrema(page)
    if darkest >= WHITE_FROM:
        yield Message("page_white", {"page": number})
    elif lightest <= BLACK_TO:
        yield Message("page_black", {"page": number})


def _find_extrema(page: RenderedPage, step: int = 1) -> tuple[int, int]:
    """The least and the greatest value of any colour in each row, or each `step`th: the bytes are
    looked at as if they were greys."""
    width, height = page.size
    size, row_bytes = (page.stride, height // step), page.stride * step
    greys = Image.frombuffer("L", size, page.pixels, "raw", "L", row_bytes, 1)
    if page.stride > 3 * width:
        greys = greys.crop((0, 0, 3 * width, height // step))
    darkest, lightest = greys.getextrema()
    return int(darkest), int(lightest)  # type: ignore[arg-type]
