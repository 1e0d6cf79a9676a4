"""The 26 documents that ship: which values, which layout, which file."""

import csv
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.synthetic.augmentation import FORMATS
from training.synthetic.blocks import Look
from training.synthetic.render import Drawn, draw
from training.synthetic.values import Paper, paper


@dataclass(frozen=True, slots=True)
class Sample:
    path: str
    language: str
    kind: str
    layout: str
    rows: int
    look: Look
    form: str = "pdf"
    colour: str = "#1f4e79"
    balance: bool = False
    rotate: bool = False


SEED = 1700

GERMAN, LETTER = Look("comma", "dd.MM.y"), Look("comma", "d. MMMM y", "bands")
BRITISH, LONG = Look("point", "dd/MM/y"), Look("point", "d MMMM y", "bands")
FRENCH, WRITTEN = Look("nbsp", "dd/MM/y"), Look("thin", "d MMMM y", "grid")
RUSSIAN, MONTH = Look("nbsp", "dd.MM.y"), Look("nbsp", "d MMMM y", "grid")

SAMPLES = (
    Sample("slips/slip 01.pdf", "en", "slip", "slip", 1, BRITISH),
    Sample("slips/slip 02.png", "en", "slip", "slip", 2, LONG, "png", "#7a2e2e"),
    Sample("slips/slip 03.pdf", "de", "slip", "slip", 2, GERMAN, colour="#2e6b46"),
    Sample("slips/slip 04.jpg", "de", "slip", "slip", 3, LETTER, "jpg"),
    Sample("slips/slip 05.pdf", "fr", "slip", "slip", 1, FRENCH, colour="#5b3c88"),
    Sample("receipts/till 01.jpg", "en", "receipt", "till", 3, BRITISH, "jpg"),
    Sample("receipts/till 02.pdf", "de", "receipt", "till", 4, GERMAN),
    Sample("receipts/till 03.png", "fr", "receipt", "till", 2, FRENCH, "png"),
    Sample("receipts/counter 01.webp", "en", "receipt", "counter", 4, LONG, "webp", "#0f6e6e"),
    Sample("receipts/counter 02.pdf", "fr", "receipt", "counter", 3, WRITTEN, colour="#9a5b12"),
    Sample("en/invoice 2024-01.pdf", "en", "invoice", "classic", 1, BRITISH),
    Sample("de/Rechnung 01.pdf", "de", "invoice", "window", 2, GERMAN, colour="#2e6b46"),
    Sample("en/statement.pdf", "en", "invoice", "banner", 8, LONG, balance=True),
    Sample("en/credit note.pdf", "en", "credit", "form", 3, Look("point", "y-MM-dd", "grid")),
    Sample("de/Rechnung lang.pdf", "de", "invoice", "banner", 40, LETTER, colour="#274156"),
    Sample("de/Scan 0007.pdf", "de", "invoice", "centred", 6, GERMAN, "scan", "#7a2e2e"),
    Sample("de/quer.pdf", "de", "invoice", "classic", 7, LETTER, rotate=True),
    Sample("fr/facture mars.pdf", "fr", "invoice", "centred", 5, FRENCH, colour="#5b3c88"),
    Sample(
        "fr/facture fax.tiff", "fr", "invoice", "form", 30, Look("nbsp", "d MMMM y", "grid"), "tiff"
    ),
    Sample("fr/facture.jpg", "fr", "invoice", "window", 10, WRITTEN, "jpg", "#0f6e6e"),
    Sample("Счета/2024-03/Счёт 17.pdf", "ru", "invoice", "classic", 5, MONTH, colour="#8a1f2d"),
    Sample("Счета/2024-03/Счёт 18.pdf", "ru", "invoice", "form", 27, RUSSIAN),
    Sample("Счета/2024-04/скан.jpg", "ru", "invoice", "banner", 4, RUSSIAN, "jpg", "#274156"),
    Sample("Счета/чек.png", "ru", "receipt", "counter", 3, RUSSIAN, "png", "#8a1f2d"),
    Sample("slips/slip 06.webp", "fr", "slip", "slip", 3, WRITTEN, "webp", "#0f6e6e"),
    Sample("receipts/counter 03.jpg", "de", "receipt", "counter", 2, LETTER, "jpg", "#5b3c88"),
)


def drawn(index: int) -> tuple[Paper, Drawn]:
    """The values of one sample, and what is drawn of them before any damage."""
    sample, chance = SAMPLES[index], random.Random(SEED + index)  # noqa: S311 - drawings, not secrets
    values = paper(chance, sample.language, sample.kind, sample.rows, sample.balance)
    return values, draw(values, sample.layout, sample.look, sample.colour, sample.rotate)


EVERY = range(len(SAMPLES))


def write(folder: Path, indices: Iterable[int] = EVERY) -> list[tuple[Sample, int]]:
    """Write documents/ and references/ below the folder; says each sample's pages."""
    written = []
    for index in indices:
        _, drawing = drawn(index)
        content = FORMATS[SAMPLES[index].form](drawing.pdf, SEED + index)
        document = folder / "documents" / SAMPLES[index].path
        answer = (folder / "references" / SAMPLES[index].path).with_suffix(".json")
        for path in (document, answer):
            path.parent.mkdir(parents=True, exist_ok=True)
        document.write_bytes(content)
        answer.write_text(
            json.dumps(drawing.reference, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        written.append((SAMPLES[index], drawing.pages))
    return written


def write_tags(path: Path, written: list[tuple[Sample, int]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("document", "language", "kind", "layout", "form", "pages"))
        for sample, pages in written:
            table.writerow(
                (sample.path, sample.language, sample.kind, sample.layout, sample.form, pages)
            )
