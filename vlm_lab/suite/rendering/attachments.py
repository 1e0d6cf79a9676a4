"""The files that a PDF carries, as an e-invoice does its XML; runs in the worker alone: a few
kilobytes may unpack to gigabytes, and its memory is limited.
"""

import base64
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlm_lab.suite.rendering.pdf import open_pdf

MAX_ATTACHMENTS = 100  # names that are looked at
MAX_ATTACHMENT_BYTES = 8 * 2**20  # unpacked: an invoice of a thousand rows has two megabytes


def read_attachments(path: Path, suffix: str) -> list[tuple[str, int, str]]:
    """Name, size and content (base64) of the attachments whose names end with `suffix`; of one
    above the limit no content."""
    with open_pdf(path) as pdf:
        return list(_iterate_attachments(pdf, suffix))


def _iterate_attachments(pdf: Any, suffix: str) -> Iterator[tuple[str, int, str]]:
    for index in range(min(pdf.count_attachments(), MAX_ATTACHMENTS)):
        attachment = pdf.get_attachment(index)
        name = attachment.get_name()
        if name.lower().endswith(suffix):
            size = _measure_size(attachment)
            is_readable = 0 < size <= MAX_ATTACHMENT_BYTES
            content = bytes(attachment.get_data()) if is_readable else b""
            yield name, size, base64.b64encode(content).decode("ascii")


def _measure_size(attachment: Any) -> int:
    from pypdfium2 import raw

    size = ctypes.c_ulong()
    raw.FPDFAttachment_GetFile(attachment, None, 0, size)
    return size.value
