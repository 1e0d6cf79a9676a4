"""Where on its page an error's value stands: a strip of the page image, for the five commonest errors.

The place is found in a PDF's own text layer, which the models never get; a scan has none, and then the whole page is
shown.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from vlm_lab.report.pages import FILES, DocumentKey
from vlm_lab.run_folder import private_file
from vlm_lab.types import Report

MOST = 5
STRIP = 0.05  # of the page's height, above and below the value
WHOLE = (420, 594)  # pixels of a page that is shown whole


@dataclass(frozen=True, slots=True)
class Crop:
    """One kind of error: how often, its first example, and the image's address ("" where there is no page)."""

    kind: str
    count: int
    example: Mapping[str, Any]
    address: str = ""


def crops(report: Report, images: Mapping[DocumentKey, Sequence[str]], folder: Path) -> list[Crop]:
    """The commonest kinds of error of a run; the strips are written under report_files/crops/."""
    total: Counter[str] = Counter()
    examples: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for summary in report.summaries:
        total.update(summary.kinds)
        for kind, found in summary.examples.items():
            if found:
                examples.setdefault(kind, (summary.suite, found[0]))
    paths = {(each["suite"], each["id"]): Path(each.get("path", "")) for each in report.documents}
    made: list[Crop] = []
    for kind, count in sorted(total.items(), key=lambda each: (-each[1], each[0])):
        if kind in examples and len(made) < MOST:
            suite, example = examples[kind]
            key = suite, example["document"]
            address = _strip(folder, images.get(key, ()), paths.get(key, Path()), example, len(made) + 1)
            made.append(Crop(kind, count, example, address))
    return made


def _strip(folder: Path, images: Sequence[str], path: Path, example: Mapping[str, Any], number: int) -> str:
    if not images:
        return ""
    page, top, bottom = next(_places(path, example), (0, 0.0, 1.0))
    with Image.open(folder / images[min(page, len(images) - 1)]) as image:
        if bottom - top >= 1:
            image.thumbnail(WHOLE)
        strip = image.crop((0, int(max(0, top) * image.height), image.width, int(min(1, bottom) * image.height)))
    address = f"{FILES}/crops/error-{number}.png"
    (folder / address).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with private_file(folder / address) as file:
        strip.convert("L").save(file, "PNG")
    return address


def _places(path: Path, example: Mapping[str, Any]) -> Iterator[tuple[int, float, float]]:
    """Page, and the strip's ends as shares of its height, of each place where the value is printed."""
    import pypdfium2

    with contextlib.suppress(pypdfium2.PdfiumError, OSError), pypdfium2.PdfDocument(path) as pdf:
        for number in range(len(pdf)):
            page = pdf[number]
            text, height = page.get_textpage(), page.get_height()
            for form in _forms(example["expected"]):
                found = text.search(form, match_whole_word=True).get_next()
                if found:
                    _, low, _, high = text.get_rect(0) if text.count_rects(*found) else (0, 0, 0, height)
                    yield number, 1 - high / height - STRIP, 1 - low / height + STRIP


def _forms(value: Any) -> list[str]:
    """How a value may be printed: as it is, with a decimal comma and groups, a date day first."""
    text = "" if value is None else str(value)
    forms = [text] if len(text) > 2 else []
    whole, point, cents = text.partition(".")
    if point and whole.lstrip("-").isdigit() and cents.isdigit():
        groups = f"{int(whole):,}"
        forms += [f"{groups}.{cents}", f"{groups.replace(',', '.')},{cents}", f"{groups.replace(',', ' ')},{cents}",
                  f"{whole},{cents}"]  # fmt: skip
    parts = text.split("-")
    if len(parts) == 3 and all(part.isdigit() for part in parts):
        year, month, day = parts
        forms += [f"{day}.{month}.{year}", f"{day}/{month}/{year}"]
    return forms
