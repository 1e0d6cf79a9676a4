"""Page images for the report: what the models saw, small enough to be opened by the hundred.

They lie in report_files/pages/ beside report.html and are drawn once: where a document is gone or
cannot be opened, the images that an earlier report drew are shown, or none. A report over thousands
draws those of MAX_DOCUMENTS: to draw a page takes longer than to judge its replies.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.suite.document_ids import make_slug
from vlm_lab.suite.pages import CountingAhead, Pages, PicturePainter
from vlm_lab.types import Report

REPORT_FILES = "report_files"
LONGEST_SIDE = 1800  # pixels: A4 at 150 dpi stays as the models saw it
JPEG_QUALITY = 72
DocumentKey = tuple[str, str]  # suite, document id
PageImages = dict[DocumentKey, list[str]]  # addresses, in the pages' order
MAX_DOCUMENTS = 1000  # whose pages a report draws: some hundred megabytes, half a minute


def render_page_images(report: Report, folder: Path) -> PageImages:
    """Draws what is missing; each document's images as addresses relative to report.html."""
    with start_page_images(report, folder) as wait_for_images:
        return wait_for_images()


@contextmanager
def start_page_images(report: Report, folder: Path) -> Iterator[Callable[[], PageImages]]:
    """As `render_page_images`, in other threads: what is called at last waits for them."""
    page_settings = {suite["name"]: suite["pages"] for suite in report.suites}
    image_folder = folder / REPORT_FILES / "pages"
    make_private_folder(image_folder, folder)
    stems = {
        (document["suite"], document["id"]): f"{make_slug(document['suite'])}--{document['id']}"
        for document in report.documents
    }
    max_pages = report.run["options"].get("max_pages")

    def get_image_path(document: Mapping[str, Any], number: int = 1) -> Path:
        stem = stems[document["suite"], document["id"]]
        return image_folder / f"{stem}-{number}.jpg"

    documents = choose_drawn_documents(report)
    missing = [document for document in documents if not get_image_path(document).exists()]
    paths = [Path(document.get("path", "")) for document in missing]
    CountingAhead(folder, paths).finish(paths)
    with PicturePainter(len(missing), LONGEST_SIDE, JPEG_QUALITY) as painter:

        def draw(document: Mapping[str, Any]) -> None:
            settings = page_settings[document["suite"]]
            page_limit = max_pages or settings["max"]
            pages = Pages(Path(document.get("path", "")), page_limit, settings["dpi"])
            _write_pictures(painter, pages, partial(get_image_path, document))

        # One page is drawn while another is written.
        pool = ThreadPoolExecutor(painter.process_count + 1)
        drawings = [pool.submit(draw, document) for document in missing]

        def wait_for_images() -> PageImages:
            for drawing in drawings:
                drawing.result()
            return {key: list(_find_images(image_folder, stem)) for key, stem in stems.items()}

        try:
            yield wait_for_images
        finally:
            pool.shutdown(cancel_futures=True)


def choose_drawn_documents(report: Report) -> list[Mapping[str, Any]]:
    """The documents whose pages a report draws: all, or the first MAX_DOCUMENTS; before others
    those that it leads to, by a doubt about a reference or as an example of an error."""
    named = {(doubt.suite, doubt.document) for doubt in report.suspects}
    for summary in report.summaries:
        examples = chain.from_iterable(summary.examples.values())
        named |= {(summary.suite, example["document"]) for example in examples}
    ordered = sorted(report.documents, key=lambda each: (each["suite"], each["id"]) not in named)
    return ordered[:MAX_DOCUMENTS]


def _write_pictures(
    painter: PicturePainter, pages: Pages, get_image_path: Callable[[int], Path]
) -> None:
    """The first page last: where it lies, the others do."""
    try:
        pictures = painter.draw_pictures(pages)
        for number, picture in reversed(list(enumerate(pictures, 1))):
            with atomic_private_file(get_image_path(number)) as file:
                file.write(picture)
    except Exception:  # whatever one document does costs its own pictures
        return


def _find_images(image_folder: Path, stem: str) -> Iterator[str]:
    number = 1
    while (image_folder / f"{stem}-{number}.jpg").exists():
        yield f"{REPORT_FILES}/pages/{stem}-{number}.jpg"
        number += 1
