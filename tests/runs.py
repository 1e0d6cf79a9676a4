"""Run folders for tests of the commands: as a run leaves them, from outcomes alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.case_records import lines
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.records.report_json import write_report
from vlm_lab.types import CandidateKey, Model, Record, Report


def write_run(
    folder: Path,
    records: Sequence[Record],
    models: Sequence[Model],
    prompt: str = "p",
    dry_run: bool = False,
) -> Path:
    """records.jsonl and report.json in `folder`; every record is of the suite `invoices`."""
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_bytes(lines(records))
    planned: dict[CandidateKey, list[str]] = {}
    for each in records:
        planned.setdefault(each.candidate, []).append(each.document)
    report = Report(
        run=describe_run(folder.name, dry_run),
        suites=[describe_suite("invoices")],
        models=list(models),
        prompts=[{"suite": "invoices", "id": "default", "sha256": prompt}],
        summaries=summarize_records(records, models, planned),
    )
    write_report(folder / "report.json", report, records)
    return folder


def describe_run(run: str, dry_run: bool = False) -> dict[str, Any]:
    """What a report must say of its run."""
    return {"id": run, "started": "", "dry_run": dry_run, "command": [], "options": {}}


def describe_suite(name: str) -> dict[str, Any]:
    """What a report must say of a suite."""
    return {
        "name": name,
        "schema_sha256": "s",
        "verified": True,
        "pages": {"max": 4, "dpi": 100},
        "conventions": {"date_order": "dmy", "languages": ["en"]},
    }
