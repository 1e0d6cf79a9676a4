"""pytest tests/test_files.py: files that are whole and private, whatever goes on around them."""

import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_file,
    atomic_private_file,
    lock_file,
    make_missing_folders,
    make_private_folder,
    read_bounded_bytes,
    remove_abandoned_parts,
)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_private_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    root = tmp_path / "new" / "run"
    make_private_folder(root / "suite" / "model", root)
    with atomic_private_file(root / "suite" / "model" / "a.json") as file:
        file.write(b"{}")
    modes = {path.name: mode_of(path) for path in (tmp_path / "new").rglob("*")}
    assert modes == {"run": 0o700, "suite": 0o700, "model": 0o700, "a.json": 0o600}
    assert mode_of(tmp_path / "new") == 0o700, "nobody else had made it"


def test_what_others_left_open_is_closed_from_the_root_down(tmp_path: Path) -> None:
    (tmp_path / "cache/replies/ab").mkdir(parents=True)
    for folder in ("cache", "cache/replies", "cache/replies/ab"):
        (tmp_path / folder).chmod(0o777)
    make_private_folder(tmp_path / "cache/replies/ab", tmp_path / "cache/replies")
    modes = [mode_of(tmp_path / each) for each in ("cache", "cache/replies", "cache/replies/ab")]
    assert modes == [0o777, 0o700, 0o700]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_missing_folders(tmp_path / "a" / "b")
    assert [mode_of(tmp_path / each) for each in ("", "a", "a/b")] == [0o755, 0o700, 0o700]


def test_two_writers_of_one_file_have_a_part_each(tmp_path: Path) -> None:
    """Also in one process: threads, or processes of two containers that have one number."""
    with atomic_file(tmp_path / "x") as first, atomic_file(tmp_path / "x") as second:
        second.write(b"second")
        first.write(b"first")
        assert len(list(tmp_path.glob("*.part"))) == 2
    assert (tmp_path / "x").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_name_of_any_length_has_a_part(tmp_path: Path) -> None:
    with atomic_file(tmp_path / ("n" * 255)) as file:
        file.write(b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_what_killed_processes_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "dead.part").write_bytes(b"half an inv")
    with atomic_file(tmp_path / "ab" / "alive") as file:
        remove_abandoned_parts(tmp_path)
        file.write(b"whole")
    assert [path.name for path in (tmp_path / "ab").iterdir()] == ["alive"]


def test_a_lock_is_another_process_s_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with path.open("rb") as first, path.open("rb") as second:
        lock_file(first)
        with pytest.raises(BlockingIOError):
            lock_file(second)
    with path.open("rb") as third:
        lock_file(third)


@pytest.mark.parametrize("durable", [True, False])
def test_what_must_survive_a_power_failure_is_synced_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with atomic_private_file(tmp_path / "run.json", durable) as file:
        file.write(b"{}")
    names = [Path(each).suffix or each for each in synced]
    assert names == ([".part", str(tmp_path)] if durable else [])


def test_names_that_no_other_file_will_have_are_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python keeps a table of all names that pathlib ever saw; it doubles as it fills."""
    seen: list[str] = []

    def note(name: str) -> str:
        seen.append(name)
        return name

    monkeypatch.setattr(sys, "intern", note)
    with atomic_file(tmp_path / "report.json") as file:
        file.write(b"{}")
    assert [name for name in seen if name.endswith(".part")] == []


@pytest.mark.parametrize("size", [0, 7, 1 << 16, 200_000])
def test_a_file_is_read_whole_in_memory_of_its_own_size(tmp_path: Path, size: int) -> None:
    path, data = tmp_path / "data", bytes(range(200)) * (size // 200) + b"x" * (size % 200)
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert read_bounded_bytes(path, MAX_DATA_BYTES) == data
        assert tracemalloc.get_traced_memory()[1] < 3 * size + 300_000, "not what it might have"
    finally:
        tracemalloc.stop()
