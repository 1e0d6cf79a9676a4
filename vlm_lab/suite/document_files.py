"""A file -> what it is: a PDF, a picture, or no document and why; by its first bytes, not its name.

Names lie (JPEG called .png), and a folder of documents holds other things beside them.
"""

from pathlib import Path

from vlm_lab.errors import DocumentError
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe

MAX_FILE_BYTES = 100 * 2**20
MIN_FILE_BYTES = 16
HEAD_BYTES = 1024  # within which a PDF's mark must stand
READABLE_FORMATS = "PDF, JPEG, PNG, TIFF, WEBP, AVIF, HEIC, GIF, BMP, JPEG 2000 or PNM"
DOCUMENT_SUFFIXES = frozenset(
    (
        *(".pdf", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp"),
        *(".avif", ".heic", ".heif", ".hif", ".gif", ".bmp"),
        *(".jp2", ".j2k", ".jpx", ".jpf", ".pnm", ".ppm", ".pgm", ".pbm"),
    )
)
_PICTURE_MARKS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"GIF87a",
    b"GIF89a",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
)
_HEIF_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1")
_SYSTEM_FILES = frozenset(("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"))
_KINDS_BY_SUFFIX = {
    "an e-mail, its attachments are not read": ".eml .msg .mbox .tnef .dat",
    "an archive": ".zip .rar .7z .tar .gz .tgz .bz2 .xz",
    "an office file": ".doc .docx .xls .xlsx .ppt .pptx .odt .ods .rtf .csv .tsv",
    "a text without pages": ".txt .md .html .htm .xml .json .jsonl .yaml .yml .log",
    "a drawing": ".svg .eps .ps .ai .psd .dwg .dxf .xps .djvu",
    "a sound or a film": ".mp3 .m4a .wav .mp4 .mov .avi .mkv",
}
_KINDS = {
    suffix: kind for kind, suffixes in _KINDS_BY_SUFFIX.items() for suffix in suffixes.split()
}


def is_document(path: Path) -> bool:
    """Whether a file is meant to be a document: by its name, or else by its first bytes."""
    if path.suffix.lower() in DOCUMENT_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return is_pdf(head) or is_picture(head)


def is_pdf(head: bytes) -> bool:
    return b"%PDF-" in head[:HEAD_BYTES]


def is_picture(head: bytes) -> bool:
    """Whether a file begins as one of the pictures that are read."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith(_PICTURE_MARKS) or is_webp or is_heif(head)


def is_heif(head: bytes) -> bool:
    """Whether a file begins as a HEIC or AVIF picture; films begin alike, with other brands."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def is_system_file(name: str) -> bool:
    """Whether a system wrote the file for itself: nobody meant it to be a document."""
    return name.lower() in _SYSTEM_FILES


def explain_no_document(path: Path) -> str:
    """What a file is that is no document."""
    try:
        if path.stat().st_size == 0:
            return "empty"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return _KINDS.get(path.suffix.lower(), f"neither {READABLE_FORMATS}")


def detect_format(path: Path) -> str:
    """`pdf` or `picture`. DocumentError where a file cannot be read, is too large or too small."""
    name = terminal_safe(path.name)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        reason = Message("file_not_read", {"name": name, "said": error.strerror})
        raise DocumentError(reason) from None
    if size > MAX_FILE_BYTES:
        figures = {"name": name, "size": size, "limit": MAX_FILE_BYTES}
        raise DocumentError(Message("file_too_large", figures))
    if size < MIN_FILE_BYTES:
        raise DocumentError(Message("file_too_small", {"name": name, "n": size}))
    return "pdf" if is_pdf(head) else "picture"
