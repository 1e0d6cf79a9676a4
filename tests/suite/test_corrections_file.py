"""pytest tests/suite/test_corrections_file.py: the file is changed whole, by one at a time."""

import json
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.errors import UserError
from vlm_lab.suite.corrections_file import (
    SavedEntries,
    StaleVersion,
    put_entry,
    read_saved_entries,
    update_entries,
)

ENTRY = {"document": "a", "path": "x", "verdict": "model_wrong", "right": ""}


def add(entry: dict[str, Any]) -> Any:
    return lambda entries: [*entries, entry]


def test_a_change_names_the_version_that_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "corrections.json"
    assert read_saved_entries(path) == SavedEntries()
    first = update_entries(path, add(ENTRY), version="")
    assert first == read_saved_entries(path)
    update_entries(path, add({**ENTRY, "path": "y"}), version=first.version)
    with pytest.raises(StaleVersion) as refused:
        update_entries(path, add({**ENTRY, "path": "z"}), version=first.version)
    assert refused.value.saved == read_saved_entries(path)
    assert [entry["path"] for entry in refused.value.saved.entries] == ["x", "y"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "corrections.json"
    threads = [
        threading.Thread(target=update_entries, args=(path, add({**ENTRY, "path": str(number)})))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = {entry["path"] for entry in read_saved_entries(path).entries}
    assert written == {str(number) for number in range(20)}
    assert {each.name for each in tmp_path.iterdir()} == {"corrections.json", ".gitignore"}


def test_git_leaves_it_out_unless_the_user_has_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    update_entries(path, add(ENTRY))
    assert "/mine.json" in (tmp_path / ".gitignore").read_text().splitlines()
    (tmp_path / ".gitignore").unlink()
    update_entries(path, add(ENTRY))
    assert not (tmp_path / ".gitignore").exists(), "the file is not new: that was the user's wish"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    path = tmp_path / "corrections.json"
    path.symlink_to(tmp_path / "shared" / "decided.json")
    update_entries(path, add(ENTRY))
    assert path.is_symlink()
    assert json.loads((tmp_path / "shared" / "decided.json").read_text()) == [ENTRY]


def test_half_a_character_is_written_as_its_escape(tmp_path: Path) -> None:
    path = tmp_path / "corrections.json"
    update_entries(path, add({**ENTRY, "said": {"m": "\udc80ё"}}))
    assert "\\udc80ё" in path.read_text("utf-8")


def test_what_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none/corrections\.json: cannot be written"):
        update_entries(tmp_path / "none" / "corrections.json", add(ENTRY))


@pytest.mark.parametrize(
    ("present", "result"),
    [
        ([], [ENTRY]),
        ([{**ENTRY, "path": "y"}], [{**ENTRY, "path": "y"}, ENTRY]),
        ([{**ENTRY, "verdict": "", "comment": "!"}], [{**ENTRY, "comment": "!"}]),
    ],
)
def test_an_entry_takes_the_place_of_the_one_on_its_value(
    present: Sequence[dict[str, Any]], result: list[dict[str, Any]]
) -> None:
    assert put_entry(present, ENTRY) == result
