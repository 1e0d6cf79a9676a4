"""What a PDF says of itself that PDFium does not pass on: its pages' user units, and whether it is
a portfolio. Read off the file's own text, object streams included, never off its pages.
"""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

MAX_STREAM_BYTES = 4 * 2**20  # of one object stream, unpacked: a larger one is a bomb
MAX_STREAMS_BYTES = 64 * 2**20  # of all of them
MAX_STREAM_DICTIONARY = 400  # bytes before `stream` in which `/ObjStm` stands
_STREAM = re.compile(rb"stream\r?\n")
_NUMBER = rb"([-+]?\d{0,9}\.?\d{0,9})"
_USER_UNIT = re.compile(rb"/UserUnit\s+" + _NUMBER)
_MEDIA_BOX = re.compile(rb"/MediaBox\s*\[\s*" + rb"\s+".join([_NUMBER] * 4) + rb"\s*\]")
PageSize = tuple[int, int]  # the sides of a MediaBox, rounded


def is_portfolio(path: Path) -> bool:
    """Whether viewers show a list of attached files instead of the pages."""
    return any(b"/Collection" in text for text in _read_object_texts(path))


def read_user_units(path: Path) -> dict[PageSize, float]:
    """How many points a unit of a page is, by the size of its MediaBox; pages that say nothing have
    1. Two pages of one size that differ in it are left out: which is which cannot be told."""
    units: dict[PageSize, set[float]] = {}
    for text in _read_object_texts(path):
        if b"/UserUnit" in text:
            for size, unit in _find_user_units(text):
                units.setdefault(size, set()).add(unit)
    return {size: found.pop() for size, found in units.items() if len(found) == 1}


def _read_object_texts(path: Path) -> Iterator[bytes]:
    """The file as it lies there, then each object stream unpacked."""
    data = path.read_bytes()
    yield data
    left = MAX_STREAMS_BYTES
    for match in _STREAM.finditer(data):
        dictionary = data[max(0, match.start() - MAX_STREAM_DICTIONARY) : match.start()]
        if b"/ObjStm" not in dictionary[dictionary.rfind(b"endobj") + 1 :]:
            continue
        try:
            unpacked = zlib.decompressobj().decompress(
                data[match.end() :], min(left, MAX_STREAM_BYTES)
            )
        except zlib.error:
            continue
        left -= len(unpacked)
        yield unpacked
        if left <= 0:
            return


def _find_user_units(text: bytes) -> Iterator[tuple[PageSize, float]]:
    """The dictionaries that have a UserUnit: what stands around it up to the objects beside it."""
    for match in _USER_UNIT.finditer(text):
        start = max(text.rfind(b"endobj", 0, match.start()), match.start() - 4096, 0)
        end = text.find(b"endobj", match.end())
        box = _MEDIA_BOX.search(text, start, end if end >= 0 else match.end() + 4096)
        if box and (unit := _read_number(match[1])) > 0:
            left, low, right, high = map(_read_number, box.groups())
            yield (round(abs(right - left)), round(abs(high - low))), unit


def _read_number(digits: bytes) -> float:
    try:
        return float(digits)
    except ValueError:
        return 0.0
