"""Files -> pages: RGB pixels as a person sees them, and nothing else of the file.

A process of its own opens the files (`vlm_lab.suite.rendering`), so that one that never ends, or
takes all memory, costs its own case alone. A text layer, an attachment or metadata are never sent
to a model: e-invoices carry the answer in them.
"""

import base64
import hashlib
import threading
from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, overload

from vlm_lab.errors import DocumentError
from vlm_lab.messages import Message
from vlm_lab.suite import document_files
from vlm_lab.suite.rendering.pool import PageWorkerPool
from vlm_lab.suite.rendering.process import PAGE_WORKER, PageWorker
from vlm_lab.types import Page

RENDERING = 2  # raised when a page of the same file would get other pixels
COUNTED_TOGETHER = 100  # files: a request takes several times as long as to count
DRAWN_BY_ONE = 20  # documents: to start a process takes as long as to draw these
FileState = tuple[Path, int, int]  # changed at, bytes
Location = tuple[int, float, float]  # page index, top and bottom as shares of the page's height
PageWorkers = PageWorker | PageWorkerPool
Place = tuple[int, float, float, float, float]  # page index; left, top, right, bottom as shares


class Attachment(NamedTuple):
    """A file that a PDF carries; without `content` where its `size` is above the limit."""

    name: str
    size: int
    content: bytes


@lru_cache(maxsize=64)  # a case asks for its two files several times, a run for thousands once
def compute_sha256(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def describe_renderer() -> dict[str, Any]:
    """What decides a page's pixels beside the file and the dpi; part of the reply cache's key."""
    from importlib.metadata import version

    return {
        "pypdfium2": version("pypdfium2"),
        "pillow": version("pillow"),
        "rendering": RENDERING,
    }


class Pages(Sequence[Page]):
    """The first pages of one file, rendered when somebody looks at them.

    `total` counts the file's pages, `indices` are those that become images; both open the file
    without rendering. `notes` are on what was rendered. Raises DocumentError naming file and page
    where the file is broken or too large, HiddenDocument where its pages do not show what it holds.
    """

    def __init__(self, path: Path, max_pages: int, dpi: int) -> None:
        self.path, self.max_pages, self.dpi = path, max_pages, dpi
        self.notes: tuple[Message, ...] = ()
        self._rendered_pages: tuple[Page, ...] | None = None
        self._render_lock = threading.Lock()

    @cached_property
    def total(self) -> int:
        return _count_pages(self.path)

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(range(min(self.total, self.max_pages)))

    @property
    def is_rendered(self) -> bool:
        """Whether their pixels are there."""
        return self._rendered_pages is not None

    def render_pages(self, workers: PageWorkers = PAGE_WORKER) -> tuple[Page, ...]:
        """All pages; safe for the thread that renders ahead beside the one that needs them now."""
        try:
            with self._render_lock:
                if self._rendered_pages is None:
                    self._rendered_pages = self._request_pages(workers)
                return self._rendered_pages
        except KeyboardInterrupt:  # while the other thread has the lock, perhaps for long
            stop_rendering()
            raise

    def _request_pages(self, workers: PageWorkers) -> tuple[Page, ...]:
        answer = workers.request(self.path, "render", indices=self.indices, dpi=self.dpi)
        self.notes = tuple(answer.notes)
        return tuple(answer.pages)

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Page: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Page, ...]: ...
    def __getitem__(self, index: int | slice) -> Page | tuple[Page, ...]:
        return self.render_pages()[index]


class PicturePainter:
    """Draws the pages of many documents as small JPEG files; their pixels stay in the processes
    that render them. Several threads may ask at once."""

    def __init__(self, document_count: int, longest_side: int, quality: int) -> None:
        self._settings = {"longest_side": longest_side, "quality": quality}
        self._workers = PageWorkerPool(document_count // DRAWN_BY_ONE)
        self.process_count = self._workers.worker_count

    def __enter__(self) -> "PicturePainter":
        return self

    def __exit__(self, *error: object) -> None:
        self._workers.close()

    def draw_pictures(self, pages: Pages) -> list[bytes]:
        """One file a page. DocumentError as `Pages` says."""
        arguments = {"indices": pages.indices, "dpi": pages.dpi, **self._settings}
        return self._workers.request(pages.path, "pictures", **arguments).pictures


def read_page_texts(path: Path) -> list[str | None]:
    """Each page's text as it is seen; None for a page whose text layer does not say all of it."""
    texts: list[str | None] = PAGE_WORKER.request(path, "texts").result
    return texts


def read_xml_attachments(path: Path) -> list[Attachment]:
    """The XML files that a PDF carries: for references, never for a model."""
    found = PAGE_WORKER.request(path.absolute(), "attachments", suffix=".xml").result
    return [Attachment(name, size, base64.b64decode(content)) for name, size, content in found]


def locate_text(path: Path, forms: Sequence[str], page_count: int) -> Location | None:
    """Where one of the forms is seen among the first pages of a PDF that has a text layer."""
    found = PAGE_WORKER.request(path, "locate", forms=list(forms), pages=page_count).result
    return tuple(found) if found else None


def locate_values(
    path: Path, forms_by_value: Sequence[Sequence[str]], page_count: int
) -> list[list[Place]]:
    """For each value, given as its printed forms, where it is seen among the first pages of a PDF
    that has a text layer."""
    forms = [list(value_forms) for value_forms in forms_by_value]
    found = PAGE_WORKER.request(path, "places", forms=forms, pages=page_count).result
    return [[tuple(place) for place in value_places] for value_places in found]


def stop_rendering() -> None:
    """Ends what is being rendered; what is asked for afterwards is rendered anew."""
    PAGE_WORKER.interrupt()


class CountingAhead:
    """Counts the pages of thousands of documents while something else is done, many in one request;
    what is wrong with one of them is said when it is asked for alone. Few are not worth that."""

    def __init__(self, folder: Path, paths: Sequence[Path]) -> None:
        self._folder, self._paths = folder, paths
        self._wanted: Collection[Path] | None = None  # all
        # A daemon: nobody waits for it who ends before.
        self._thread = threading.Thread(target=self._count, name="count", daemon=True)
        if len(paths) >= COUNTED_TOGETHER:
            self._thread.start()

    def finish(self, wanted: Collection[Path]) -> None:
        """Returns when those that are wanted are counted; no others are from now on."""
        self._wanted = wanted
        if self._thread.is_alive():
            self._thread.join()

    def _count(self) -> None:
        keys = [key for key in map(_identify, self._paths) if key not in _counts]
        while keys:
            batch, keys = keys[:COUNTED_TOGETHER], keys[COUNTED_TOGETHER:]
            names = [str(path) for path, *_ in batch]
            try:
                totals = PAGE_WORKER.request(self._folder, "count_each", paths=names).result
            except DocumentError:
                return
            _counts.update((key, total) for key, total in zip(batch, totals, strict=True) if total)
            if self._wanted is not None:
                keys = [key for key in keys if key[0] in self._wanted]


# All of a run are counted before its first case, and asked for once more in each.
_counts: dict[FileState, int] = {}


def _count_pages(path: Path) -> int:
    key = _identify(path)
    if key not in _counts or key[-1] > document_files.MAX_FILE_BYTES:
        document_files.detect_format(path)
        _counts[key] = PAGE_WORKER.request(path, "count").result
    return _counts[key]


def _identify(path: Path) -> FileState:
    try:
        status = path.stat()
    except OSError:
        return path, 0, 0  # counting says why it cannot be read
    return path, status.st_mtime_ns, status.st_size
