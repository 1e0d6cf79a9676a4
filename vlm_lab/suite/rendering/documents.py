"""A document of any kind -> its pages; runs in the worker alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from vlm_lab.suite.document_files import detect_format
from vlm_lab.suite.rendering import attachments, pdf, pictures, text_layer
from vlm_lab.suite.rendering.page_images import RenderedPage, note_odd_page


def count_pages(path: Path) -> int:
    """How many pages the file has. HiddenDocument where they do not show what it holds."""
    return pdf.count_pages(path) if detect_format(path) == "pdf" else pictures.count_pages(path)


def render_pages(path: Path, indices: Sequence[int], dpi: int) -> Iterator[RenderedPage]:
    """The pages in order, each with what is to be said of it."""
    render = pdf.render_pages if detect_format(path) == "pdf" else pictures.render_pages
    return map(note_odd_page, render(path, indices, dpi))


def read_page_texts(path: Path) -> list[str | None]:
    """Each page's text; None for one whose text layer does not say all that is seen."""
    if detect_format(path) == "pdf":
        return text_layer.read_page_texts(path)
    return [None] * pictures.count_pages(path)


def read_attachments(path: Path, suffix: str) -> list[tuple[str, int, str]]:
    """Name, size and content (base64) of a PDF's attachments whose names end so; none of a
    picture."""
    return attachments.read_attachments(path, suffix) if detect_format(path) == "pdf" else []


def locate_text(path: Path, forms: Sequence[str], page_count: int) -> text_layer.Location | None:
    """Where one of the forms is seen; None where there is no text layer that has it."""
    if detect_format(path) == "pdf":
        return text_layer.locate_text(path, forms, page_count)
    return None


def locate_values(
    path: Path, forms_by_value: Sequence[Sequence[str]], page_count: int
) -> list[list[text_layer.Place]]:
    """Where each value is seen; no place where there is no text layer that has it."""
    if detect_format(path) == "pdf":
        return text_layer.locate_values(path, forms_by_value, page_count)
    return [[] for _ in forms_by_value]
