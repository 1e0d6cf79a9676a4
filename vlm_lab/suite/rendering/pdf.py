"""A PDF -> its pages as a person sees them, through PDFium; runs in the worker alone.

`/Rotate`, the crop box and the user unit are honoured, form fields are drawn. What a viewer shows
in place of the document (a form that waits for another program, a portfolio's cover) is refused.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vlm_lab.errors import DocumentError, HiddenDocument
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.rendering.page_images import RenderedPage, compute_reduction
from vlm_lab.suite.rendering.pdf_source import is_portfolio, read_user_units

POINTS_PER_INCH = 72
MIN_BOX_SIDE = 0.5  # points: a box that is narrower shows nothing
MAX_USER_UNIT = 75_000  # what the standard allows
MAX_COVER_LENGTH = 600  # characters: a page with more says something
_WAITS = re.compile(
    r"please\s+wait|bitte\s+warten|veuillez\s+patienter|espere\b|aguarde|attendere|подождите|"
    r"not\s+eventually\s+replaced",
    re.IGNORECASE,
)
_POINTS_ELSEWHERE = re.compile(
    r"portfolio|acrobat|adobe\s+reader|attach|embedded|enclosed|protected|encrypted|"
    r"anhang|anlage|angehängt|pi[eè]ce\s+jointe|adjunt|allegat|anexo|влож|прилож|защищ",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\d[.,]\d\d\b")


@contextmanager
def open_pdf(path: Path) -> Iterator[Any]:
    """The open document. DocumentError where it is broken, HiddenDocument where it is encrypted."""
    import pypdfium2

    name = terminal_safe(path.name)
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise HiddenDocument(Message("pdf_locked", {"name": name})) from None
        reason = Message("pdf_broken", {"name": name, "said": str(error)})
        raise DocumentError(reason) from None
    try:
        yield pdf
    finally:
        pdf.close()


def count_pages(path: Path) -> int:
    """How many pages there are. HiddenDocument where none of them shows what the file holds."""
    with open_pdf(path) as pdf:
        if len(pdf) == 0:
            raise DocumentError(Message("pdf_empty", {"name": terminal_safe(path.name)}))
        _refuse_hidden(pdf, path)
        return len(pdf)


def render_pages(path: Path, indices: Sequence[int], dpi: int) -> Iterator[RenderedPage]:
    """The pages at `dpi`, or at the dpi that fits, which a note says."""
    user_units = read_user_units(path)
    with open_pdf(path) as pdf:
        pdf.init_forms()
        for index in indices:
            yield _render_page(pdf, path, index, dpi, len(indices), user_units)


def _render_page(
    pdf: Any,
    path: Path,
    index: int,
    dpi: int,
    page_count: int,
    user_units: dict[tuple[int, int], float],
) -> RenderedPage:
    import pypdfium2

    notes: list[Message] = []
    try:
        page = open_page(pdf, index, notes)
        scale = dpi / POINTS_PER_INCH * _find_user_unit(page, user_units)
        width, height = (side * scale for side in page.get_size())
        reduction = compute_reduction(width, height, page_count)
        if reduction < 1:
            figures = {"page": index + 1, "dpi": round(dpi * reduction), "asked": dpi}
            notes.append(Message("page_reduced", figures))
        bitmap = page.render(scale=scale * reduction, rev_byteorder=True, maybe_alpha=False)
        page.close()
    except pypdfium2.PdfiumError as error:
        name = terminal_safe(path.name)
        reason = Message("page_not_rendered", {"name": name, "page": index + 1, "said": str(error)})
        raise DocumentError(reason) from None
    return RenderedPage(index, (bitmap.width, bitmap.height), bitmap.buffer, bitmap.stride, notes)


def open_page(pdf: Any, index: int, notes: list[Message] | None = None) -> Any:
    """A page whose crop box is one that shows something: where it lies outside the page, the whole
    page is meant, as viewers show it."""
    page = pdf[index]
    if min(page.get_size()) >= MIN_BOX_SIDE:
        return page
    page.set_cropbox(*page.get_mediabox())
    page.close()
    if notes is not None:
        notes.append(Message("crop_box_ignored", {"page": index + 1}))
    return pdf[index]


def _find_user_unit(page: Any, user_units: dict[tuple[int, int], float]) -> float:
    left, low, right, high = page.get_mediabox()
    unit = user_units.get((round(abs(right - left)), round(abs(high - low))), 1.0)
    return min(unit, MAX_USER_UNIT)


def _refuse_hidden(pdf: Any, path: Path) -> None:
    from pypdfium2 import raw

    name = terminal_safe(path.name)
    form_type = pdf.get_formtype()
    if form_type in (raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND):
        is_placeholder = form_type == raw.FORMTYPE_XFA_FULL and not _has_widgets(pdf)
        if is_placeholder or _WAITS.search(_read_first_text(pdf)):
            raise HiddenDocument(Message("pdf_form", {"name": name}))
    if pdf.count_attachments() and _is_cover(pdf, path):
        attached = ", ".join(_list_attachments(pdf))
        raise HiddenDocument(Message("pdf_cover", {"name": name, "attachments": attached}))


def _is_cover(pdf: Any, path: Path) -> bool:
    """Whether the pages only say that the document is elsewhere, or nothing at all."""
    if len(pdf) > 2:
        return False
    text = " ".join(read_visible_text(pdf[index]) for index in range(len(pdf)))
    if len(text) > MAX_COVER_LENGTH or _AMOUNT.search(text):
        return False
    is_blank = not any(has_objects(pdf[index]) for index in range(len(pdf)))
    return is_blank or bool(_POINTS_ELSEWHERE.search(text)) or is_portfolio(path)


def _list_attachments(pdf: Any, limit: int = 3) -> Iterator[str]:
    for index in range(min(limit, pdf.count_attachments())):
        yield terminal_safe(pdf.get_attachment(index).get_name()[:60])


def _has_widgets(pdf: Any, max_pages: int = 10) -> bool:
    """Whether a page has form fields that any viewer draws."""
    from pypdfium2 import raw

    for index in range(min(max_pages, len(pdf))):
        page = pdf[index]
        for number in range(min(100, raw.FPDFPage_GetAnnotCount(page))):
            annotation = raw.FPDFPage_GetAnnot(page, number)
            is_widget = raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET
            raw.FPDFPage_CloseAnnot(annotation)
            if is_widget:
                return True
    return False


def _read_first_text(pdf: Any) -> str:
    return read_visible_text(pdf[0])


def read_visible_text(page: Any) -> str:
    """The text layer inside the page as it is seen, in one line."""
    text_page = page.get_textpage()
    try:
        return " ".join(text_page.get_text_bounded(*page.get_bbox()).split())
    finally:
        text_page.close()


def has_objects(page: Any) -> bool:
    """Whether anything is drawn on a page."""
    return next(iter(page.get_objects(max_depth=1)), None) is not None
