"""pytest tests/records/test_run_folder.py: what is on disk after a crash, and who can read it."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_lab import files
from vlm_lab.errors import DiskError, UserError
from vlm_lab.records import run_folder
from vlm_lab.records.record_head import RecordHead
from vlm_lab.records.record_lines import encode_record
from vlm_lab.records.run_folder import (
    append_line,
    complete_folder,
    flush_records,
    is_kept_from_power_failure,
    make_reserve,
    read_records,
    read_reply_keys,
    sort_records,
    write_record,
)
from vlm_lab.records.runs import create_folder
from vlm_lab.types import FieldResult, Record

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def record(document: str, **changes: object) -> Record:
    blank = Record(
        case=f"m-default-{document}",
        suite="s",
        document=document,
        document_name=document,
        model="m",
        model_id="x",
        revision="main",
        prompt_id="default",
        status="ok",
    )
    return replace(blank, **changes)  # type: ignore[arg-type]


def test_a_second_run_in_a_second_gets_a_number(tmp_path: Path) -> None:
    names = [create_folder(tmp_path / "results", NOW).name for _ in range(3)]
    assert names == ["20260102T030405Z", "20260102T030405Z-2", "20260102T030405Z-3"]


def test_files_are_their_users_alone(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, NOW)
    write_record(folder, "m/a.json", record("a"))
    modes = {
        path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777
        for path in [folder, *folder.rglob("*")]
    }
    assert modes == {".": 0o700, "m": 0o700, "m/a.json": 0o600, "records.jsonl": 0o600}


def test_the_last_line_of_a_case_counts_at_its_first_place(tmp_path: Path) -> None:
    for document, status in (("a", "error"), ("b", "ok"), ("a", "ok")):
        write_record(tmp_path, f"m/{document}.json", record(document, status=status))
    assert [(row.document, row.status) for row in read_records(tmp_path)] == [
        ("a", "ok"),
        ("b", "ok"),
    ]
    keys = [("s", "m", "default", name) for name in ("b", "a", "c")]
    assert [row.document for row in read_records(tmp_path, keys)] == ["b", "a"]


@pytest.mark.parametrize("torn", ['{"suite": "s", "mod', '{"suite": "s"}\n{"x', "\n", "null\n[]\n"])
def test_what_a_crash_tore_off_costs_no_other_line(tmp_path: Path, torn: str) -> None:
    write_record(tmp_path, "m/a.json", record("a"))
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write(torn)
    write_record(tmp_path, "m/b.json", record("b"))
    assert [row.document for row in read_records(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        ('{"suite": "s", "model": "m", "prompt_id": "p", "document": "b"}', "case: Field required"),
        ('"fields": [{"path": "a", "outcome": "exact"}]', "fields.0.field: "),
        ('"status": "good"', "status: Input should be"),
    ],
)
def test_a_line_of_another_version_is_refused_by_its_number(
    tmp_path: Path, whole: str, why: str
) -> None:
    write_record(tmp_path, "m/a.json", record("a"))
    if not whole.startswith("{"):
        other = json.loads(encode_record(record("b"))) | json.loads(f"{{{whole}}}")
        whole = json.dumps(other)
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write(f'{{"torn\n{whole}\n')
    with pytest.raises(UserError, match=rf"records.jsonl:3: is no record of this version \({why}"):
        list(read_records(tmp_path))
    assert read_reply_keys(tmp_path) == {"None"}, "what is cleaned away may be of any version"


def test_half_a_character_comes_back_as_it_was(tmp_path: Path) -> None:
    hostile = record("a", raw_response="half \ud83d", prediction={"\ud800": "\udfff"})
    write_record(tmp_path, "m/a.json", hostile)
    assert list(read_records(tmp_path)) == [hostile]


@given(st.text(st.characters(), max_size=40))
def test_any_reply_comes_back_as_it_was(reply: str) -> None:
    value = {"name": reply}
    line = encode_record(
        record(
            "a",
            raw_response=reply,
            prediction=value,
            fields=(
                FieldResult(
                    path="n", field="n", type="text", expected=1, actual=reply, outcome="wrong"
                ),
            ),
        )
    )
    assert b"\n" not in line
    back = json.loads(line)
    assert (back["raw_response"], back["prediction"], back["fields"][0]["actual"]) == (
        reply,
        value,
        reply,
    )


def test_a_disk_that_takes_no_more_is_said_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(tmp_path, "m/a.json", record("a"))
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr(run_folder, "atomic_private_file", _full)
    with pytest.raises(
        DiskError,
        match=r"m/b.json: cannot be written \(No space left on device\); what was written",
    ):
        write_record(tmp_path, "m/b.json", record("b"))
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["a.json"]
    assert len(synced) == 1, "the answer in records.jsonl is safe, as it says"


def _full(path: Path) -> Callable[[], None]:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("rounds", "cached", "is_kept"),
    [((1.5,), False, True), ((1.5,), True, False), ((), False, False)],
)
def test_only_an_answer_that_a_model_was_asked_for_is_kept_from_a_power_failure(
    rounds: tuple[float, ...], cached: bool, is_kept: bool
) -> None:
    answer = record("a", rounds=rounds, cached=cached)
    assert is_kept_from_power_failure(answer) == is_kept


@pytest.mark.parametrize("has_reserve", [True, False])
def test_a_disk_that_says_late_that_it_is_full_loses_no_answer_that_has_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_reserve: bool
) -> None:
    line = write_record(tmp_path, "m/a.json", record("a"))
    if has_reserve:
        make_reserve(tmp_path)
    sync = os.fsync

    def fail_while_full(descriptor: int) -> None:
        if (tmp_path / "reserve.part").exists() or not has_reserve:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_while_full)
    expected = r".*this answer too" if has_reserve else r"this answer is not in it"
    with pytest.raises(DiskError, match=rf"\(No space left on device\); {expected}"):
        flush_records(tmp_path, line)
    assert [row.document for row in read_records(tmp_path)] == ["a"]


def test_no_part_stays_behind_when_writing_breaks_off(tmp_path: Path) -> None:
    with pytest.raises(TypeError), files.atomic_private_file(tmp_path / "x") as file:
        file.write(7)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_of_cases_files_is_made_whole_from_the_lines(tmp_path: Path) -> None:
    for document in ("whole", "missing", "old", "torn", "gone"):
        write_record(tmp_path, f"m/{document}.json", record(document))
    (tmp_path / "m" / "missing.json").unlink()
    append_line(
        tmp_path / "records.jsonl", encode_record(record("old", raw_response="new")) + b"\n"
    )
    (tmp_path / "m" / "torn.json").write_text('{"case"')
    (tmp_path / "m" / "gone.json").unlink()
    (tmp_path / "m" / "0123.part").write_text("half")
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write('{"torn')
    places = {
        ("s", "m", "default", document): f"m/{document}.json"
        for document in ("whole", "missing", "old", "torn", "never asked")
    }
    complete_folder(tmp_path, places)
    lines = {row.document: encode_record(row) + b"\n" for row in read_records(tmp_path)}
    del lines["gone"]  # no case of the plan any more
    files = {path.stem: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    assert files == lines
    assert b'"new"' in files["old"]


def test_keys_of_answers_that_others_replaced_are_cleaned_away_too(tmp_path: Path) -> None:
    for key in ("first", "second"):
        write_record(tmp_path, "m/a.json", record("a", reply_key=key))
    assert read_reply_keys(tmp_path) == {"first", "second"}


@pytest.mark.parametrize(
    ("page_text", "keys"),
    [
        (None, {"own"}),
        (
            {"readings": [{"reply_key": "first"}, {"reply_key": "second"}]},
            {"own", "first", "second"},
        ),
        ({"readings": [{"reply_key": None}, {}]}, {"own", "None"}),
        *((odd, {"own"}) for odd in (7, "x", [], {"readings": 7}, {"readings": [1, "x"]})),
    ],
)
def test_a_lines_keys_are_those_of_its_reply_and_its_readings(
    page_text: Any, keys: set[str]
) -> None:
    head = RecordHead("s", "m", "p", "d", reply_key="own", page_text=page_text)
    assert head.reply_keys == keys


@pytest.mark.parametrize("has_reserve", [True, False])
@pytest.mark.parametrize("room", [0, 40])
def test_a_full_disk_tears_no_line_and_the_answer_in_hand_has_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, has_reserve: bool
) -> None:
    write_record(tmp_path, "m/a.json", record("a"))
    if has_reserve:
        make_reserve(tmp_path)
    write_all, left = os.write, [room]

    def write(descriptor: int, data: bytes) -> int:
        """As a disk with `room` for so many bytes, and for all where the reserve was."""
        if has_reserve and not (tmp_path / "reserve.part").exists():
            return write_all(descriptor, data)
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        taken, left[0] = data[: left[0]], 0
        return write_all(descriptor, taken)

    monkeypatch.setattr(os, "write", write)
    expected = r"records.jsonl: cannot be written \(No space left on device\); "
    expected += r".*this answer too" if has_reserve else r"this answer is not in it"
    with pytest.raises(DiskError, match=expected):
        write_record(tmp_path, "m/b.json", record("b"))
    assert [row.document for row in read_records(tmp_path)] == ["a", *["b"] * has_reserve]
    lines = (tmp_path / "records.jsonl").read_bytes().splitlines(keepends=True)
    assert [line[-2:] for line in lines] == [b"}\n"] * len(lines), "no half line"


def test_no_line_is_appended_to_records_that_are_being_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of a run that broke off may write its last answer while the run is gone on with."""
    for name in ("b", "a"):
        write_record(tmp_path, f"m/{name}.json", record(name))
    write_lines = run_folder._write_lines
    with ThreadPoolExecutor(1) as executor:

        def write_while_another_appends(*arguments: Any) -> None:
            late = executor.submit(write_record, tmp_path, "m/c.json", record("c"))
            time.sleep(0.3)
            assert not late.done()
            write_lines(*arguments)

        monkeypatch.setattr(run_folder, "_write_lines", write_while_another_appends)
        sort_records(tmp_path, [("s", "m", "default", name) for name in "abc"])
    assert [row.document for row in read_records(tmp_path)] == ["a", "b", "c"]
