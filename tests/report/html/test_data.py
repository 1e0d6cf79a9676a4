"""pytest tests/report/html/test_data.py: what the page's table is made from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.case_records import record
from vlm_lab.errors import UserError
from vlm_lab.report.html.data import MAX_VALUE_LENGTH, build_page_data
from vlm_lab.types import Report, Summary


@pytest.mark.parametrize(
    ("value", "shown", "length"),
    [
        ("a" * MAX_VALUE_LENGTH, "a" * MAX_VALUE_LENGTH, None),
        ("a" * 200_000, "a" * MAX_VALUE_LENGTH, 200_000),
        ({"a": "b" * 999}, '{"a": "' + "b" * (MAX_VALUE_LENGTH - 7), 1008),
        ([1, 2], [1, 2], None),
        (None, None, None),
        (12.5, 12.5, None),
    ],
)
def test_a_long_value_has_its_beginning_in_the_page(
    tmp_path: Path, value: Any, shown: Any, length: int | None
) -> None:
    answered = record("a", {"x": "wrong"})
    (result,) = answered.fields
    rows = [replace(answered, fields=(replace(result, expected=value, actual=value),))]
    summary = Summary(
        suite="invoices", model="m", prompt_id="default", documents=1, statuses={"ok": 1}
    )
    documents = [{"suite": "invoices", "id": "a", "name": "a", "tags": {}}]
    report = Report(
        run={}, suites=[], models=[], prompts=[], summaries=[summary], documents=documents
    )
    (document,) = build_page_data(report, rows, tmp_path)["documents"]
    cell = document["cells"][0]
    assert (document["expected"], cell["predictions"][0][0]) == ([shown], shown)
    assert document["lengths"].get(0) == cell.get("lengths", {}).get(0) == length
    whole = value if isinstance(value, str) else json.dumps(value)
    text = (tmp_path / document["texts"]).read_text()
    assert text.count(json.dumps(whole)) == (2 if length else 0)


def test_each_place_has_its_field_whatever_its_key_looks_like(tmp_path: Path) -> None:
    rows = [
        record("a", {"Total [1]": "exact", "Total [2]": "wrong"}, {"rows[].x": ["exact", "wrong"]}),
        record("b", {"Total [2]": "exact"}),
    ]
    summary = Summary(
        suite="invoices", model="m", prompt_id="default", documents=2, statuses={"ok": 2}
    )
    documents = [{"suite": "invoices", "id": each, "name": each, "tags": {}} for each in ("a", "b")]
    report = Report(
        run={}, suites=[], models=[], prompts=[], summaries=[summary], documents=documents
    )
    found = build_page_data(report, rows, tmp_path)
    assert found["fields"] == ["Total [1]", "Total [2]", "rows[].x"]
    first, second = found["documents"]
    assert first["paths"] == ["Total [1]", "Total [2]", "rows[0].x", "rows[1].x"]
    assert (first["fields"], second["fields"]) == ([0, 1, 2, 2], [1])
    assert first["cells"][0]["outcomes"] == "ewew"


@pytest.mark.parametrize("unknown", [{"document": "b"}, {"model": "other"}, {"prompt_id": "z"}])
def test_a_record_that_its_report_does_not_describe_is_a_sentence(
    tmp_path: Path, unknown: dict[str, str]
) -> None:
    """As in the files of somebody else; a run of one's own describes each."""
    summary = Summary(
        suite="invoices", model="m", prompt_id="default", documents=1, statuses={"ok": 1}
    )
    documents = [{"suite": "invoices", "id": "a", "name": "a", "tags": {}}]
    report = Report(
        run={}, suites=[], models=[], prompts=[], summaries=[summary], documents=documents
    )
    rows = [replace(record("a", {"x": "wrong"}), **unknown)]
    with pytest.raises(UserError, match=r"report\.json: has a record of"):
        build_page_data(report, rows, tmp_path)
