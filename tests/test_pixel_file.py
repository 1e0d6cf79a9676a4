"""Pixels that one process writes and another one maps: what arrives, who may change it, what is
left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_lab import pixel_file
from vlm_lab.pixel_file import (
    StoredPixels,
    create_pixel_file,
    read_pixels,
    store_pixels,
    write_pixels,
)

HAS_MEMORY_FILES = hasattr(os, "memfd_create")
needs_memory_files = pytest.mark.skipif(
    not HAS_MEMORY_FILES, reason="the system has no files in memory"
)
READER = """
import sys
from vlm_lab.pixel_file import read_pixels
path, start, length = sys.argv[1:]
sys.stdout.buffer.write(read_pixels((path, int(start), int(length))))
"""


def store(pixels: bytes) -> StoredPixels:
    stored = store_pixels(pixels)
    assert isinstance(stored, StoredPixels)
    return stored


def count_pixel_files() -> int:
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("vlm-lab-pages" in link for link in links)


@needs_memory_files
def test_another_process_reads_what_was_stored() -> None:
    pixels = bytes(range(256)) * 9000
    stored = store(pixels)
    command = [sys.executable, "-c", READER, *map(str, stored.location)]
    project = Path(__file__).parents[1]
    assert subprocess.run(command, cwd=project, capture_output=True).stdout == pixels


@needs_memory_files
@given(st.binary(min_size=1, max_size=9000), st.data())
def test_each_page_of_a_file_is_its_own_part(pixels: bytes, data: st.DataObject) -> None:
    stored = store(pixels)
    start = data.draw(st.integers(0, len(pixels)))
    end = data.draw(st.integers(start, len(pixels)))
    part = stored.file.locate(start, end - start)
    assert part.read() == bytes(read_pixels(part.location)) == pixels[start:end]


@needs_memory_files
def test_what_is_stored_cannot_be_changed_or_cut() -> None:
    stored = store(b"pixels")
    descriptor = os.open(stored.file.path, os.O_RDWR)
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"others", 0)
    for length in (0, 7000):
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, length)
    os.close(descriptor)
    assert stored.read() == b"pixels"


@needs_memory_files
def test_a_file_is_sealed_while_the_system_has_a_page_of_it_in_hand() -> None:
    file = create_pixel_file()
    assert file is not None
    write_pixels(file.descriptor, bytes(8192), 0)
    reading_end, writing_end = os.pipe()
    assert os.splice(file.descriptor, writing_end, 4096, offset_src=0) == 4096
    file.seal()
    with pytest.raises(PermissionError):
        os.pwrite(file.descriptor, b"others", 0)
    os.close(reading_end)
    os.close(writing_end)


@needs_memory_files
def test_an_older_system_fixes_its_length_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_file, "F_SEAL_FUTURE_WRITE", 0x4000)  # as unknown as it was
    file = store(b"pixels").file
    with pytest.raises(PermissionError):
        os.ftruncate(file.descriptor, 0)


@needs_memory_files
def test_pixels_that_were_not_written_are_not_located() -> None:
    file = store(b"pixels").file
    with pytest.raises(EOFError, match="7 bytes from 0 on"):
        file.locate(0, 7)


@needs_memory_files
def test_nothing_is_left_when_nobody_holds_a_page() -> None:
    before = count_pixel_files()
    stored = store(b"pixels")
    assert count_pixel_files() == before + 1
    location = stored.location
    del stored
    assert count_pixel_files() == before
    with pytest.raises(FileNotFoundError):
        read_pixels(location)


@pytest.mark.parametrize("what", ["system", "room"])
def test_where_there_can_be_no_file_pixels_are_passed_on(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "system":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    else:
        monkeypatch.setattr(pixel_file, "MAX_DESCRIPTOR", 0)
    before = count_pixel_files() if HAS_MEMORY_FILES else 0
    assert create_pixel_file() is None
    pixels = store_pixels(b"pixels")
    assert pixels == b"pixels"
    assert read_pixels(pixels) == b"pixels"
    assert not HAS_MEMORY_FILES or count_pixel_files() == before
