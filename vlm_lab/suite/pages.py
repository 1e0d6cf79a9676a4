"""Files -> pages: RGB pixels as a person sees them, and nothing else of the file.

PDF through pypdfium2, images through Pillow, told apart by content and not by extension. `/Rotate`
and EXIF orientation are honoured, transparency lies on white paper, form fields are drawn. A text
layer, an attachment or metadata never leave this module: e-invoices carry the answer in them.
"""

import hashlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, overload

from PIL import Image, ImageOps, UnidentifiedImageError

from vlm_lab.errors import DocumentError
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Page

MAX_FILE_BYTES = 100 * 2**20
MAX_PAGE_PIXELS = 80_000_000  # A3 at 600 dpi is 70 million; more is a bomb or a mistake
MAX_FRAMES = 2_000
IMAGE_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")
DOCUMENT_SUFFIXES = (".pdf", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp")
_IMAGE_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
)

_pdfium_lock = threading.Lock()  # PDFium may be called by one thread at a time


def is_document(path: Path) -> bool:
    """Whether a file is meant to be a document: by its name, or else by its first bytes."""
    if path.suffix.lower() in DOCUMENT_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError:
        return False
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return _is_pdf(head) or head.startswith(_IMAGE_MAGIC) or is_webp


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
        "max_pixels": MAX_PAGE_PIXELS,
    }


class Pages(Sequence[Page]):
    """The first pages of one file, rendered when somebody looks at them.

    `total` counts the file's pages, `indices` are those that become images; both open the file
    without rendering. Raises DocumentError naming file and page where the file is broken, encrypted
    or too large.
    """

    def __init__(self, path: Path, max_pages: int, dpi: int) -> None:
        self.path, self.max_pages, self.dpi = path, max_pages, dpi
        self._render_lock = threading.Lock()

    @cached_property
    def total(self) -> int:
        with wrap_document_errors(self.path):
            is_pdf = _detect_format(self.path) == "pdf"
            return _count_pdf_pages(self.path) if is_pdf else _count_image_pages(self.path)

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(range(min(self.total, self.max_pages)))

    def render_pages(self) -> tuple[Page, ...]:
        """All pages; safe for the thread that renders ahead beside the one that needs them now."""
        with self._render_lock:
            return self._rendered_pages

    @cached_property
    def _rendered_pages(self) -> tuple[Page, ...]:
        with wrap_document_errors(self.path):
            render = _render_pdf if _detect_format(self.path) == "pdf" else _render_image
            return tuple(render(self.path, self.indices, self.dpi))

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Page: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Page, ...]: ...
    def __getitem__(self, index: int | slice) -> Page | tuple[Page, ...]:
        return self.render_pages()[index]


@contextmanager
def wrap_document_errors(path: Path) -> Iterator[None]:
    """Whatever a library raises over one document is that document's error: none is foreseen."""
    try:
        yield
    except DocumentError:
        raise
    except Exception as error:
        description = terminal_safe(f"{type(error).__name__}: {error}"[:200])
        raise DocumentError(
            f"{terminal_safe(path.name)}: cannot be rendered ({description}); "
            "save it anew as PDF or PNG"
        ) from error


def _is_pdf(head: bytes) -> bool:
    return b"%PDF-" in head[:1024]


def _detect_format(path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise DocumentError(
            f"{terminal_safe(path.name)}: cannot be read ({error.strerror})"
        ) from None
    if size > MAX_FILE_BYTES:
        raise DocumentError(
            f"{terminal_safe(path.name)}: is {size:,} bytes, the limit is {MAX_FILE_BYTES:,}; "
            "split the file"
        )
    if size < 16:
        raise DocumentError(
            f"{terminal_safe(path.name)}: has {size} bytes, too few for a document; "
            "replace the file"
        )
    return "pdf" if _is_pdf(head) else "image"


def _open_pdf(path: Path) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentError(
                f"{terminal_safe(path.name)}: needs a password; save it without one first"
            ) from None
        raise DocumentError(
            f"{terminal_safe(path.name)}: is not a readable PDF ({error}); replace the file"
        ) from None


def _count_pdf_pages(path: Path) -> int:
    with _pdfium_lock:
        pdf = _open_pdf(path)
        try:
            count = len(pdf)
        finally:
            pdf.close()
    if count == 0:
        raise DocumentError(f"{terminal_safe(path.name)}: is a PDF without pages; replace the file")
    return count


def _render_pdf(path: Path, indices: Sequence[int], dpi: int) -> Iterator[Page]:
    with _pdfium_lock:
        pdf = _open_pdf(path)
        try:
            pdf.init_forms()
            for index in indices:
                yield Page(index, _render_pdf_page(pdf, path, index, dpi))
        finally:
            pdf.close()


def _render_pdf_page(pdf: Any, path: Path, index: int, dpi: int) -> Image.Image:
    import pypdfium2

    try:
        page = pdf[index]
        width, height = (round(side * dpi / 72) for side in page.get_size())
        _check_pixels(
            path, index, width, height, f" at {dpi} dpi; set a lower dpi (suite.yaml: pages.dpi)"
        )
        image: Image.Image = page.render(scale=dpi / 72).to_pil()
        return image.convert("RGB")
    except pypdfium2.PdfiumError as error:
        raise DocumentError(
            f"{terminal_safe(path.name)}: page {index + 1} cannot be rendered ({error})"
        ) from None


def _open_image(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Our own limit is below Pillow's.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=IMAGE_FORMATS)
    except UnidentifiedImageError:
        supported_formats = "PDF, JPEG, PNG, TIFF or WEBP"
        raise DocumentError(
            f"{terminal_safe(path.name)}: is no {supported_formats}, whatever its name says; "
            "replace the file"
        ) from None
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DocumentError(
            f"{terminal_safe(path.name)}: is not a readable image ({terminal_safe(str(error))}); "
            "replace the file"
        ) from None


def _count_image_pages(path: Path) -> int:
    with _open_image(path) as image:
        # The frames of an animated PNG or WEBP are no pages.
        return min(getattr(image, "n_frames", 1), MAX_FRAMES) if image.format == "TIFF" else 1


def _render_image(path: Path, indices: Sequence[int], dpi: int) -> Iterator[Page]:
    with _open_image(path) as image:
        for index in indices:
            try:
                image.seek(index)
                _check_pixels(path, index, image.width, image.height, "; save it smaller")
                yield Page(index, _flatten_on_white(ImageOps.exif_transpose(image)))
            except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
                raise DocumentError(
                    f"{terminal_safe(path.name)}: page {index + 1} is broken "
                    f"({terminal_safe(str(error))}); replace the file"
                ) from None


def _flatten_on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba_image = image.convert("RGBA")
    white_image = Image.new("RGB", rgba_image.size, "white")
    white_image.paste(rgba_image, mask=rgba_image.getchannel("A"))
    return white_image


def _check_pixels(path: Path, index: int, width: int, height: int, hint: str) -> None:
    if width * height > MAX_PAGE_PIXELS:
        size = f"{width:,} x {height:,} pixels"
        raise DocumentError(
            f"{terminal_safe(path.name)}: page {index + 1} is {size}, "
            f"the limit is {MAX_PAGE_PIXELS:,}{hint}"
        )
