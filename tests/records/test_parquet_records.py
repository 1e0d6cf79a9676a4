"""pytest tests/records/test_parquet_records.py: in Parquet stands what stands in records.jsonl."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.case_records import failed
from tests.case_records import record as scored_record
from tests.records.test_run_folder import record
from vlm_lab.errors import UserError
from vlm_lab.messages import Message
from vlm_lab.records import parquet_records, run_folder
from vlm_lab.records.record_lines import decode_record, encode_record
from vlm_lab.types import Batch, PageText, Reading, Record, Timing, Usage

pytest.importorskip("pyarrow", reason="the extra `dev` brings it, and is not installed here")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=6,
)
RECORDS = st.builds(
    record,
    document=st.sampled_from("abcdef"),
    document_name=st.text(st.characters(), max_size=8),
    raw_response=st.none() | st.text(st.characters(), max_size=20),
    prediction=st.none() | st.dictionaries(st.text(), JSON, max_size=3),
    elapsed_seconds=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    rounds=st.lists(st.floats(0, 9), max_size=2).map(tuple),
    peak_memory_bytes=st.none() | st.integers(),
    usage=st.builds(Usage, output_tokens=st.none() | st.integers(0)),
    tags=st.dictionaries(st.text(), st.text(), max_size=2),
    notes=st.just((Message("repeated", {"n": 2}),)),
    page_text=st.none()
    | st.builds(PageText, text=st.text(), readings=st.just((Reading(reader="ocr"),))),
    batch=st.none() | st.just(Batch(opened_at="2026", start=0.5, end=1.0)),
)


def write(folder: Path, *records: Record) -> Path:
    return parquet_records.write_table(folder, parquet_records.build_table(records))


def read_as_line(record: Record) -> Record:
    """What records.jsonl would give back."""
    return decode_record(encode_record(record), Path("records.jsonl"), 1)


@given(st.lists(RECORDS, max_size=6, unique_by=lambda each: each.document))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_read_back_is_what_a_line_gives_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write(folder, *records)
    assert list(run_folder.read_records(folder)) == [*map(read_as_line, records)]


def test_scored_and_failed_records_stay_as_they_are(tmp_path: Path) -> None:
    answered = scored_record(
        "a", {"total": "wrong"}, {"rows[].sum": ["exact", "missing"]}, timing=Timing(0.1, 0.2, 0.3)
    )
    records = [answered, failed("b", "skipped", "no weights")]
    write(tmp_path, *records)
    assert list(run_folder.read_records(tmp_path)) == [*map(read_as_line, records)]


def test_the_last_row_of_a_case_counts_and_the_order_given_selects(tmp_path: Path) -> None:
    write(tmp_path, record("a", status="error"), record("b"))
    write(tmp_path, record("c"), record("a"))
    records = list(run_folder.read_records(tmp_path))
    assert [(each.document, each.status) for each in records] == [
        ("a", "ok"),
        ("b", "ok"),
        ("c", "ok"),
    ]
    order = [record("c").key, record("x").key, record("a").key]
    assert [each.document for each in run_folder.read_records(tmp_path, order)] == ["c", "a"]
    assert [head.document for head in run_folder.read_heads(tmp_path)] == ["a", "b", "c"]
    assert len(run_folder.read_all_heads(tmp_path)) == 4


def test_a_forgotten_document_is_in_no_file(tmp_path: Path) -> None:
    first = write(tmp_path, record("a", raw_response="SECRET"), record("b"))
    second = write(tmp_path, record("c"))
    before = second.read_bytes()
    run_folder.remove_records(tmp_path, lambda head: head.document in ("a", "b"))
    assert [each.document for each in run_folder.read_records(tmp_path)] == ["c"]
    assert b"SECRET" not in first.read_bytes()
    assert second.read_bytes() == before


def test_files_are_their_users_alone_and_later_ones_have_later_numbers(tmp_path: Path) -> None:
    paths = [write(tmp_path, record(name)) for name in "ab"]
    assert [path.name for path in paths] == ["000001.parquet", "000002.parquet"]
    assert [path.stat().st_mode & 0o777 for path in (*paths, paths[0].parent)] == [
        0o600,
        0o600,
        0o700,
    ]
    (paths[0].parent / "000003.parquet.part").touch()
    assert parquet_records.list_files(tmp_path) == paths


def no_parquet(path: Path) -> None:
    path.write_bytes(b"PAR1 no")


def other_columns(path: Path) -> None:
    arrow = parquet_records.import_pyarrow()
    arrow.parquet.write_table(arrow.table({"suite": ["s"]}), path)


def name_that_leads_away(path: Path) -> None:
    table = parquet_records.build_table([record("a")])
    row: dict[str, Any] = {**table.to_pylist()[0], "document": "../../x"}
    arrow = parquet_records.import_pyarrow()
    arrow.parquet.write_table(arrow.Table.from_pylist([row], schema=table.schema), path)


def nested_deeply(path: Path) -> None:
    table = parquet_records.build_table([record("a")])
    row = {**table.to_pylist()[0], "prediction": "[" * 100_000}
    arrow = parquet_records.import_pyarrow()
    arrow.parquet.write_table(arrow.Table.from_pylist([row], schema=table.schema), path)


SPOILT = [no_parquet, other_columns, name_that_leads_away, nested_deeply, Path.mkdir, os.mkfifo]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_strangers_file_is_refused_by_name(tmp_path: Path, spoil: Any) -> None:
    path = write(tmp_path, record("a"))
    path.unlink()
    spoil(path)
    with pytest.raises(UserError, match="000001.parquet"):
        list(run_folder.read_records(tmp_path))


def test_columns_that_are_one_value_can_be_asked_for_without_ours(tmp_path: Path) -> None:
    path = write(tmp_path, record("a", elapsed_seconds=1.5, prediction={"total": "1.00"}))
    columns = ["document", "elapsed_seconds", "prediction", "exact"]
    (row,) = parquet_records.import_pyarrow().parquet.read_table(path, columns=columns).to_pylist()
    assert (row["document"], row["elapsed_seconds"], row["exact"]) == ("a", 1.5, None)
    assert json.loads(row["prediction"]) == {"total": "1.00"}
