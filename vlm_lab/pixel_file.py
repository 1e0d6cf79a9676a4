"""Pages in memory that several processes see: who draws a page writes its pixels there, who shows
it to a model maps them, and whoever is between the two passes on where they are.

Such a file has no name on any disk, nobody changes it once it is sealed, and it is gone with the
last who has it open. Where the system has none (macOS), the pixels themselves are passed on. Sent
to other interpreters as source: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import mmap
import os
import weakref
from contextlib import suppress
from typing import NamedTuple, Union

Location = tuple[str, int, int]  # a path, the first byte, how many
# A page: width and height, then its pixels or where they are.
SizedSource = tuple[tuple[int, int], Union[bytes, Location]]  # noqa: UP007 - 3.9
MAX_DESCRIPTOR = 256  # of the 1,024 that a process may mostly have: connections need some, too
# Linux 5.1; Python has no name for it. The older F_SEAL_WRITE fails as "busy" in the moment in
# which the system itself has one of the file's pages in hand.
F_SEAL_FUTURE_WRITE = 0x10


class StoredPixels(NamedTuple):
    """The pixels of one page in a file, which is there as long as this."""

    file: PixelFile
    start: int
    length: int

    @property
    def location(self) -> Location:
        """What another process reads them by."""
        return self.file.path, self.start, self.length

    def read(self) -> bytes:
        """A copy of them."""
        return bytes(read_pixels(self.location))


class PixelFile:
    """Empty at first; who knows its `path` may write to it until it is sealed. It goes with this
    object, or with the process, however that ends."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.path = f"/proc/{os.getpid()}/fd/{descriptor}"
        weakref.finalize(self, os.close, descriptor)

    def seal(self) -> None:
        """From now on it is what it is: nobody's mapping of it breaks. On a system from before
        Linux 5.1 its length alone is fixed."""
        import fcntl

        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        with suppress(OSError):
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, F_SEAL_FUTURE_WRITE)

    def locate(self, start: int, length: int) -> StoredPixels:
        """A part of a sealed file; EOFError where it does not go so far."""
        if start + length > os.fstat(self.descriptor).st_size:
            raise EOFError(f"{length} bytes from {start} on are not there")
        return StoredPixels(self, start, length)


def create_pixel_file() -> PixelFile | None:
    """None where the system has no files in memory, or this process has many files open."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        descriptor = os.memfd_create("vlm-lab-pages", flags)
    except OSError:
        return None
    if descriptor >= MAX_DESCRIPTOR:
        os.close(descriptor)
        return None
    return PixelFile(descriptor)


def store_pixels(pixels: bytes) -> bytes | StoredPixels:
    """The pixels in a file of their own, or as they are where there can be none."""
    pixel_file = create_pixel_file()
    if pixel_file is None:
        return pixels
    write_pixels(pixel_file.descriptor, pixels, 0)
    pixel_file.seal()
    return pixel_file.locate(0, len(pixels))


def write_pixels(descriptor: int, pixels: bytes | memoryview, start: int) -> None:
    """Writes them into an open file from byte `start` on."""
    view = memoryview(pixels)
    while view:
        written = os.pwrite(descriptor, view, start)
        view, start = view[written:], start + written


def read_pixels(source: bytes | Location) -> bytes | memoryview:
    """The pixels, mapped and not copied, or as they came. OSError where their file is gone."""
    if isinstance(source, bytes):
        return source
    path, start, length = source
    with open(path, "rb") as file:
        pixels = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return pixels[start : start + length]
