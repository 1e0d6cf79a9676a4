"""Page images for the report: what the models saw, small enough to be opened by the hundred.

They lie in report_files/pages/ beside report.html and are drawn once: where a document is gone or
cannot be opened, the images that an earlier report drew are shown, or none. A report over thousands
draws those of MAX_DOCUMENTS: to draw a page takes longer than to judge its replies.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.suite.document_ids import make_slug
from vlm_lab.suite.pages import Pages, draw_pictures
from vlm_lab.types import Report

REPORT_FILES = "report_files"
LONGEST_SIDE = 1800  # pixels: A4 at 150 dpi stays as the models saw it
JPEG_QUALITY = 72
THREADS = 2
DocumentKey = tuple[str, str]  # suite, document id
MAX_DOCUMENTS = 1000  # whose pages a report draws: some hundred megabytes, half a minute


def render_page_images(report: Report, folder: Path) -> dict[DocumentKey, list[str]]:
    """Draws what is missing; each document's images as addresses relative to report.html."""
    page_settings = {suite["name"]: suite["pages"] for suite in report.suites}
    image_folder = folder / REPORT_FILES / "pages"
    make_private_folder(image_folder, folder)
    stems = {
        (document["suite"], document["id"]): f"{make_slug(document['suite'])}--{document['id']}"
        for document in report.documents
    }
    max_pages = report.run["options"].get("max_pages")

    def draw(document: Mapping[str, Any]) -> None:
        stem = stems[document["suite"], document["id"]]
        if not (image_folder / f"{stem}-1.jpg").exists():
            _render_pages(
                document, page_settings[document["suite"]], max_pages, image_folder / stem
            )

    with ThreadPoolExecutor(THREADS) as pool:  # one page is drawn while another is written
        list(pool.map(draw, choose_drawn_documents(report)))
    return {key: list(_find_images(image_folder, stem)) for key, stem in stems.items()}


def choose_drawn_documents(report: Report) -> list[Mapping[str, Any]]:
    """The documents whose pages a report draws: all, or the first MAX_DOCUMENTS; before others
    those that it leads to, by a doubt about a reference or as an example of an error."""
    named = {(doubt.suite, doubt.document) for doubt in report.suspects}
    for summary in report.summaries:
        examples = chain.from_iterable(summary.examples.values())
        named |= {(summary.suite, example["document"]) for example in examples}
    ordered = sorted(report.documents, key=lambda each: (each["suite"], each["id"]) not in named)
    return ordered[:MAX_DOCUMENTS]


def _render_pages(
    document: Mapping[str, Any], page_settings: Mapping[str, int], max_pages: int | None, stem: Path
) -> None:
    """The first page last: where it lies, the others do."""
    try:
        pages = Pages(
            Path(document.get("path", "")), max_pages or page_settings["max"], page_settings["dpi"]
        )
        pictures = draw_pictures(pages, LONGEST_SIDE, JPEG_QUALITY)
        for number, picture in reversed(list(enumerate(pictures, 1))):
            with atomic_private_file(stem.with_name(f"{stem.name}-{number}.jpg")) as file:
                file.write(picture)
    except Exception:  # whatever one document does costs its own pictures
        return


def _find_images(image_folder: Path, stem: str) -> Iterator[str]:
    number = 1
    while (image_folder / f"{stem}-{number}.jpg").exists():
        yield f"{REPORT_FILES}/pages/{stem}-{number}.jpg"
        number += 1
