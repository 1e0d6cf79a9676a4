"""pytest tests/records/test_looks.py: which documents were looked at when."""

from collections.abc import Sequence
from dataclasses import replace
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
from vlm_lab.records.run_settings import RunSettings, write_settings


def name_documents(count: int) -> list[str]:
    return [f"d{number}" for number in range(count)]


def look(run: str, documents: int, holdout: bool = False, suite: str = "s") -> Look:
    ids = name_documents(documents)
    return Look(suite, run, f"2026-01-{documents:02}", documents, hash_documents(ids), holdout)


def test_more_documents_are_a_further_look_and_the_same_again_are_none(tmp_path: Path) -> None:
    steps = [("a", 10, 1), ("b", 10, 1), ("c", 20, 2), ("d", 10, 1), ("e", 30, 3)]
    for run, documents, expected in steps:
        this_look = look(run, documents)
        assert count(tmp_path, this_look) == expected
    assert count(tmp_path, look("f", 30, suite="other")) == 1


def count(results: Path, this_look: Look, ids: Sequence[str] | None = None) -> int:
    """Notes the look; how many there were until it."""
    looks = add_look(results, this_look)
    return count_looks(results, looks, this_look, ids or name_documents(this_look.documents))


@pytest.mark.parametrize(
    ("mine", "is_there", "expected"),
    [
        (["m0", "m1"], True, 1),
        (["m0", "d9"], True, 2),
        (["m0", "m1"], False, 2),  # nobody can tell what the other run had
    ],
)
def test_a_run_over_other_documents_was_no_look_at_these(
    tmp_path: Path, mine: list[str], is_there: bool, expected: int
) -> None:
    add_look(tmp_path, look("samples", 10))
    if is_there:
        begin_run(tmp_path / "samples", name_documents(10))
    first = Look("s", "mine", "2026-01-20", len(mine), hash_documents(mine))
    assert count(tmp_path, first, mine) == expected
    begin_run(tmp_path / "mine", mine)
    again = replace(first, run="mine, again")
    assert count(tmp_path, again, mine) == expected
    more = [*mine, "m2"]
    grown = Look("s", "more", "2026-01-21", len(more), hash_documents(more))
    assert count(tmp_path, grown, more) == expected + 1


def begin_run(folder: Path, document_ids: Sequence[str]) -> None:
    """What a run over documents leaves of its settings."""
    folder.mkdir()
    cases = tuple(("s", "m", "default", document_id) for document_id in document_ids)
    settings = RunSettings(
        started="2026-01-01T00:00:00",
        command=(),
        options={},
        suites=("s",),
        partial=(),
        first_prompts={"m": "default"},
        cases=cases,
    )
    write_settings(folder, settings)


def test_a_resumed_run_is_noted_once(tmp_path: Path) -> None:
    for _ in range(2):
        noted = add_look(tmp_path, look("a", 10, holdout=True))
    assert len(noted) == len(read_looks(tmp_path)) == 1
    assert list_openings(noted, "s") == ["2026-01-10"]


def test_a_run_without_some_of_its_documents_is_the_look_that_it_was(tmp_path: Path) -> None:
    for run, documents in (("a", 10), ("b", 20), ("c", 30)):
        add_look(tmp_path, look(run, documents))
    fewer = look("b", 19)
    assert count(tmp_path, fewer) == 2


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
