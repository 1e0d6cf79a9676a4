"""Run folders for tests of the commands: as a run leaves them, from outcomes alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.records.report_json import write_report
from vlm_lab.types import CandidateKey, Model


def write_run(
    folder: Path,
    records: Sequence[Mapping[str, Any]],
    models: Sequence[Model],
    prompt: str = "p",
    dry_run: bool = False,
) -> Path:
    """records.jsonl and report.json in `folder`; every record is of the suite `invoices`."""
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in records))
    planned: dict[CandidateKey, list[str]] = {}
    for each in records:
        planned.setdefault(CandidateKey.from_record(each), []).append(each["document"])
    head = {
        "run": {"id": folder.name, "dry_run": dry_run},
        "suites": [{"name": "invoices", "schema_sha256": "s", "verified": True}],
        "models": list(models),
        "prompts": [{"suite": "invoices", "id": "default", "sha256": prompt}],
    }
    tail = {
        "summaries": summarize_records(records, models, planned),
        "comparisons": [],
        "decisions": [],
    }
    write_report(folder / "report.json", head, records, tail)
    return folder
