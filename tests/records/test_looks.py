"""pytest tests/records/test_looks.py: which documents were looked at when."""

from pathlib import Path

import pytest

from vlm_lab.records.looks import (
    Look,
    add_look,
    count_looks,
    hash_documents,
    list_openings,
    read_looks,
)


def look(run: str, documents: int, holdout: bool = False, suite: str = "s") -> Look:
    ids = [f"d{number}" for number in range(documents)]
    return Look(suite, run, f"2026-01-{documents:02}", documents, hash_documents(ids), holdout)


def test_more_documents_are_a_further_look_and_the_same_again_are_none(tmp_path: Path) -> None:
    steps = [("a", 10, 1), ("b", 10, 1), ("c", 20, 2), ("d", 10, 1), ("e", 30, 3)]
    for run, documents, expected in steps:
        this_look = look(run, documents)
        assert count_looks(add_look(tmp_path, this_look), this_look) == expected
    other = look("f", 30, suite="other")
    assert count_looks(add_look(tmp_path, other), other) == 1


def test_a_resumed_run_is_noted_once(tmp_path: Path) -> None:
    for _ in range(2):
        noted = add_look(tmp_path, look("a", 10, holdout=True))
    assert len(noted) == len(read_looks(tmp_path)) == 1
    assert list_openings(noted, "s") == ["2026-01-10"]


def test_a_run_without_some_of_its_documents_is_the_look_that_it_was(tmp_path: Path) -> None:
    for run, documents in (("a", 10), ("b", 20), ("c", 30)):
        add_look(tmp_path, look(run, documents))
    fewer = look("b", 19)
    assert count_looks(add_look(tmp_path, fewer), fewer) == 2


def test_openings_are_those_of_the_holdout_alone(tmp_path: Path) -> None:
    add_look(tmp_path, look("a", 10))
    noted = add_look(tmp_path, look("b", 12, holdout=True))
    assert list_openings(noted, "s") == ["2026-01-12"]


@pytest.mark.parametrize("text", ["", "no json\n", '{"suite": 1}\n', "[]\n", "\udcff"])
def test_a_broken_line_is_read_past(tmp_path: Path, text: str) -> None:
    (tmp_path / "looks.jsonl").write_text(text, "utf-8", "surrogateescape")
    assert read_looks(tmp_path) == []


def test_where_it_cannot_be_written_the_run_goes_on(tmp_path: Path) -> None:
    this_look = look("a", 10)
    assert add_look(tmp_path / "not here", this_look) == [this_look]
