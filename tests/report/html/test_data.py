"""pytest tests/report/html/test_data.py: what the page's table is made from."""

from pathlib import Path

from tests.case_records import record
from vlm_lab.report.html.data import build_page_data
from vlm_lab.types import Report, Summary


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
