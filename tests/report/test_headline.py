"""pytest tests/report/test_headline.py: what a report says of its own figures at the top."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report.made import write_run
from vlm_lab.analysis.evidence import build_evidence
from vlm_lab.records.report_json import read_report
from vlm_lab.report.headline import build_conditions

CHECKED = {"verified": True, "references": 3, "verified_references": 3}
UNCHECKED = {"verified": False, "references": 3, "verified_references": 0}
PARTLY = {"verified": False, "references": 3, "verified_references": 1}
NONE = {"verified": True, "references": 0, "verified_references": 0}


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ([CHECKED], "checked by a person"),
        ([UNCHECKED], "nobody has checked them"),
        ([PARTLY], "some are checked by a person"),
        ([CHECKED, UNCHECKED], "some are checked by a person"),
        ([CHECKED, NONE], "checked by a person"),
        ([UNCHECKED, NONE], "nobody has checked them"),
        ([NONE], None),
    ],
)
def test_references_that_are_not_there_were_checked_by_nobody(
    tmp_path: Path, suites: list[dict[str, Any]], said: str | None
) -> None:
    report = read_report(write_run(tmp_path))
    described = [{**report.suites[0], "name": f"s{n}", **each} for n, each in enumerate(suites)]
    report = replace(report, suites=described)
    conditions = dict(build_conditions(report, build_evidence(report), str))
    assert conditions.get("references") == said
