"""pytest tests/analysis/test_aggregation.py: records become counts, and no reply stays in
memory."""

import json
import tracemalloc

from tests.case_records import failed, record
from vlm_lab.analysis.aggregation import COUNT_COLUMNS, aggregate_records
from vlm_lab.types import CandidateKey, Summary

KEY = CandidateKey("invoices", "m", "default")


def test_a_row_is_a_document_and_a_column_a_count() -> None:
    found = aggregate_records(
        [
            record("a", {"no": "exact", "gross": "wrong"}),
            record("b", {"no": "missing"}, {"rows[].sum": ["exact"]}),
        ]
    )
    counts = found[KEY]
    assert counts.answered_documents == ["a", "b"]
    rows = [dict(zip(COUNT_COLUMNS, row, strict=True)) for row in counts.count_matrix.tolist()]
    assert [
        rows[0][name]
        for name in ("exact", "wrong", "missing", "document_right", "documents_judged")
    ] == [
        1,
        1,
        0,
        0,
        1,
    ]
    assert [rows[1][name] for name in ("missing", "cells_exact", "rows_right")] == [1, 1, 1]
    assert counts.count_field_outcomes("no").tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 1, 0]]
    assert counts.sum_field_outcomes("gross") == {
        "exact": 0,
        "normalized": 0,
        "wrong": 1,
        "missing": 0,
        "spurious": 0,
    }


def test_what_was_not_measured_is_in_no_row_but_has_its_reason() -> None:
    found = aggregate_records(
        [
            failed("a"),
            failed("b", "skipped", "no weights"),
            record("c", status="refused", reason="refused"),
        ]
    )[KEY]
    assert found.answered_documents == ["c"]
    assert found.statuses == {"a": "error", "b": "skipped", "c": "refused"}
    assert found.reasons == {"a": "needs 9 GB", "b": "no weights", "c": "refused"}


def test_a_format_is_a_kind_of_its_own_and_examples_are_few() -> None:
    found = aggregate_records(
        record(f"d{i}", {"no": "wrong", "date": "normalized"}) for i in range(9)
    )[KEY]
    assert found.error_types == {"misread": 9, "format": 9}
    assert [len(each) for each in found.examples.values()] == [5, 5]
    assert found.examples["misread"][0] == {
        "document": "d0",
        "path": "no",
        "expected": "a",
        "actual": "b",
    }


def test_replies_are_not_kept() -> None:
    outcomes = {f"field_{number}": "exact" for number in range(10)}
    tracemalloc.start()
    aggregate_records(record(f"d{i}", outcomes, raw_response="x" * 100_000) for i in range(200))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000, "200 replies of 100 kB went through"


def test_a_candidate_is_the_same_by_its_record_and_by_its_figures() -> None:
    """Beside a label there is no other way to write one: `m (default)` is a key of the report's
    JSON."""
    (key,) = aggregate_records([record("a", {"no": "exact"})])
    assert (
        key
        == Summary(
            suite="invoices", model="m", prompt_id="default", documents=1, statuses={}
        ).candidate
    )
    assert (key.label, json.dumps(key)) == ("m (default)", '["invoices", "m", "default"]')
