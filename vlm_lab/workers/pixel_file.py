"""Pages on their way to a worker: in memory that both ends see, so that a page of megabytes is not
cut, packed and joined again for a pipe.

The file has no name on any disk and is gone with its process, however that ends.
"""

import os
from collections.abc import Sequence
from typing import Any

PixelPage = tuple[tuple[int, int], bytes]  # size, RGB pixels


class PixelFile:
    """The pages of one request at a time. Where the system has no files in memory (macOS), pixels
    stay in the request."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("vlm-lab-pages")

    def store_pages(self, pages: Sequence[PixelPage]) -> dict[str, Any]:
        """What the request says of its pages; `child.receive_request` maps them. They are there
        until the next ones are stored, which comes after the answer."""
        if self._descriptor is None or not pages:
            return {"pages": list(pages)}
        os.ftruncate(self._descriptor, sum(len(pixels) for _, pixels in pages))
        offset = 0
        for _, pixels in pages:
            view = memoryview(pixels)
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                view, offset = view[written:], offset + written
        path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        return {"pages": [(size, len(pixels)) for size, pixels in pages], "pixel_file": path}

    def close(self) -> None:
        """Gives the memory back; twice is once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
