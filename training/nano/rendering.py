"""A drawn document as the model sees it: pixels at its scale, where each letter stands, and what is
to be answered.

The drawing code knows the place of every text, so the vision tower can be told which letters a
visual token covers; without that it never leaves the plateau.
"""

import io
import math
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from reportlab.pdfbase.pdfmetrics import stringWidth

from training.nano.random_documents import Wish
from training.synthetic import augmentation, number_formats
from training.synthetic.canvas import Placed
from training.synthetic.layouts import LAYOUTS
from training.synthetic.render import draw
from training.synthetic.values import CURRENCIES
from vlm_lab.fields.schema import flatten_json

PATCH, MERGE = 8, 2
CELL = PATCH * MERGE
MAX_PIXELS = 200_704
MARGIN = 40
FIELDS = (
    "invoice_number",
    "issue_date",
    "currency",
    "seller.name",
    "totals.net",
    "totals.tax",
    "totals.gross",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """`pixels` (height, width, 3) in bytes, both sides multiples of 16; `centres` (letters, 2) as
    x, y in its pixels; `values` what each field's answer is and `spots` where it is printed: the
    first of its letters and the one after the last."""

    pixels: NDArray[np.uint8]
    letters: str
    centres: NDArray[np.float32]
    values: dict[str, str]
    spots: dict[str, list[tuple[int, int]]]

    def heights(self, name: str) -> list[float]:
        """The y of each line that holds this field's value."""
        return [float(self.centres[start:end, 1].mean()) for start, end in self.spots[name]]


def picture(chance: random.Random, wish: Wish) -> Picture:
    """Draw a wish as it comes from a file, a scanner or a desk."""
    drawing = draw(wish.paper, wish.layout, wish.look, wish.colour)
    bare = photographed(chance, drawing.pdf, drawing.texts, LAYOUTS[wish.layout][1])
    spots = {name: spans(found, drawing.texts) for name, found in printed_as(wish).items()}
    return replace(bare, values=answer_values(drawing.reference), spots=spots)


def photographed(
    chance: random.Random, pdf: bytes, texts: tuple[Placed, ...], family: str
) -> Picture:
    """What happens to paper: nothing, a scanner, or a wide margin. Without values yet."""
    form, seed = (
        chance.choice(("clean", "clean", "scan", "scan", "margin")),
        chance.randrange(2**31),
    )
    dpi = {"clean": 150, "scan": chance.choice((130, 150)), "margin": 130}[form]
    page = augmentation.pages(pdf, dpi)[0]
    letters, points = places(texts, family)
    centres = (points * np.float32(dpi / 72)).astype(np.float32)
    if form == "scan":
        centres = turned(centres, page.size, augmentation.tilt(np.random.default_rng(seed)))
        page = jpeg(augmentation.scan(page, seed), chance.randrange(60, 90))
    elif form == "margin":
        page, centres = ImageOps.expand(page, MARGIN, "white"), centres + MARGIN
    small = page.resize(model_size(*page.size), Image.Resampling.BICUBIC)
    centres = (centres * np.divide(small.size, page.size)).astype(np.float32)
    return Picture(np.asarray(small, np.uint8), letters, centres, {}, {})


def model_size(width: int, height: int) -> tuple[int, int]:
    """Width and height that the image processor makes of an image (Qwen2-VL's `smart_resize`):
    multiples of 16 whose product is within the budget."""
    wide, high = (max(CELL, round(side / CELL) * CELL) for side in (width, height))
    if wide * high > MAX_PIXELS:
        shrink = math.sqrt(width * height / MAX_PIXELS)
        wide, high = (
            max(CELL, math.floor(side / shrink / CELL) * CELL) for side in (width, height)
        )
    return wide, high


def places(texts: tuple[Placed, ...], family: str) -> tuple[str, NDArray[np.float32]]:
    """Every printed letter but spaces, and its centre in points."""
    letters, centres = [], []
    for text in texts:
        stretch = text.width / (stringWidth(text.text, family, text.size) or 1)
        for index, letter in enumerate(text.text):
            before, after = (
                stringWidth(text.text[:end], family, text.size) for end in (index, index + 1)
            )
            if not letter.isspace():
                letters.append(letter)
                centres.append((text.x + stretch * (before + after) / 2, text.y - 0.35 * text.size))
    return "".join(letters), np.array(centres, np.float32)


def turned(
    centres: NDArray[np.float32], size: tuple[int, int], degrees: float
) -> NDArray[np.float32]:
    """Where points go when PIL rotates an image about its middle, counter-clockwise."""
    middle, angle = np.array(size, np.float32) / 2, math.radians(degrees)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32
    )
    return ((centres - middle) @ turn + middle).astype(np.float32)


def jpeg(page: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(augmentation.saved([page], "JPEG", quality=quality))).convert(
        "RGB"
    )


def answer_values(reference: dict[str, Any]) -> dict[str, str]:
    """The seven header fields of a reference by their dotted paths."""
    found = dict(flatten_json(reference))
    return {name: str(found[name]) for name in FIELDS}


def printed_as(wish: Wish) -> dict[str, set[str]]:
    """The texts, as they stand on paper, from which each field can be read."""
    paper, look = wish.paper, wish.look
    money = [number_formats.money(value, look.marks, paper.language) for value in paper.totals]
    return {
        "invoice_number": {paper.number},
        "issue_date": {number_formats.day(paper.issued, look.dates, paper.language)},
        "currency": {*money, CURRENCIES[paper.language]},
        "seller.name": {paper.seller.name},
        **{
            f"totals.{name}": {text}
            for name, text in zip(("net", "tax", "gross"), money, strict=True)
        },
    }


def spans(wanted: set[str], texts: tuple[Placed, ...]) -> list[tuple[int, int]]:
    """The letters of each place where one of the texts is printed."""
    found, at = [], 0
    for text in texts:
        end = at + sum(not letter.isspace() for letter in text.text)
        if text.text in wanted:
            found.append((at, end))
        at = end
    return found
