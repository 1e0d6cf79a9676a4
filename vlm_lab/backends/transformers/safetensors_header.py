"""The header of a safetensors file: which tensors it holds, and how long it must be.

In: a path. Out: a `Header`, or None where it is no safetensors file. What was read of a file is
kept until the file changes; weights are not read.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

LENGTH_BYTES = 8  # of a safetensors file: how long its header is
BYTE_DTYPES = ("I8", "U8", "F8_E4M3", "F8_E5M2")  # of quantized weights
MAX_HEADER_BYTES = 100_000_000  # the library reads no longer one


class Header(NamedTuple):
    """What the header of a safetensors file says: its tensors, those of them that are bytes and not
    floating-point numbers, and how long the file must be."""

    tensor_names: frozenset[str]
    byte_tensors: tuple[str, ...]
    byte_count: int


def read_header(path: Path) -> Header | None:
    """The header; None where it is no safetensors file. Of one that breaks off within its header
    the tensors are not known, but how long it must be at least is."""
    return _read_header_once(*identify_file(path))


def identify_file(path: Path) -> tuple[Path, int, int]:
    """A file as it is now: what was read of it is read once."""
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=1024)
def _read_header_once(path: Path, byte_count: int, changed: int) -> Header | None:
    with path.open("rb") as file:
        return _read_header(file, byte_count)


def _read_header(file: BinaryIO, byte_count: int) -> Header | None:
    header_length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    header_end = LENGTH_BYTES + header_length
    if not 1 < header_length <= MAX_HEADER_BYTES or file.read(1) != b"{":
        return None
    if byte_count < header_end:
        return Header(frozenset(), (), header_end)
    file.seek(LENGTH_BYTES)
    try:
        entries = json.loads(file.read(header_length))
        tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
        data_length = max((_get_end(entry) for entry in tensors.values()), default=0)
        byte_tensors = [name for name, entry in tensors.items() if entry["dtype"] in BYTE_DTYPES]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return Header(frozenset(tensors), tuple(sorted(byte_tensors)), header_end + data_length)


def _get_end(entry: Mapping[str, Any]) -> int:
    return int(entry["data_offsets"][1])
