"""What passes between the two ends of the page worker: a JSON object, with bytes behind it or none.

length of the JSON (4 bytes)   JSON   `bytes` bytes of pixels
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

_LENGTH = struct.Struct(">I")
Buffer = bytearray | memoryview
MAX_HEADER_BYTES = 64 * 2**20


def encode_frame(header: Mapping[str, Any], size: int = 0) -> bytes:
    """The head of a frame that `size` bytes follow."""
    text = json.dumps({**header, "bytes": size}).encode()
    return _LENGTH.pack(len(text)) + text


def read_frame(read: Callable[[int], Buffer]) -> tuple[dict[str, Any], Buffer]:
    """The next frame. `read` gives as many bytes as it is asked for, or raises EOFError; they are
    used before it is asked again."""
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > MAX_HEADER_BYTES:
        raise EOFError(f"a head of {length:,} bytes")
    header: dict[str, Any] = json.loads(bytes(read(length)))
    size = header.pop("bytes")
    return header, read(size) if size else bytearray()
