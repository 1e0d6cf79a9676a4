"""pytest tests/report/test_unanswered.py: who was not asked or not judged, and why."""

import pytest

from tests.case_records import failed, record
from tests.report.candidates import summarize_statuses
from vlm_lab.analysis.evidence import collect_evidence
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.report.blocks import BulletList, Heading, Table
from vlm_lab.report.contents import build_report_blocks
from vlm_lab.report.translation import load_catalogue
from vlm_lab.report.unanswered import format_unanswered, format_unasked, format_unjudged, is_unasked
from vlm_lab.types import CandidateKey, Model, Report


@pytest.mark.parametrize(
    ("statuses", "lines"),
    [
        (("ok", "ok"), []),
        (("ok", "not_run", "skipped"), ["m1 (default), m2 (default): no weights"]),
        (("error", "dry_run"), []),
    ],
)
def test_candidates_that_were_never_asked_share_a_line_by_reason(
    statuses: tuple[str, ...], lines: list[str]
) -> None:
    assert format_unasked(summarize_statuses(*statuses)) == lines


def test_who_answers_as_the_references_do_was_run_all_the_same() -> None:
    own = {"environment": {"replayed": "r"}, "reference_sha256": "r", "model": "today"}
    rows = [
        record("one", {"a": "exact"}, **own),
        failed("two", "skipped", "no file", model="today"),
    ]
    planned = {CandidateKey("invoices", "today", "default"): ["one", "two"]}
    listed = summarize_records(rows, [Model(name="today", model_id="x")], planned)
    assert format_unasked(listed) == []
    (line,) = format_unjudged(listed)
    assert line.startswith(
        "today (default): no file; its answers are the files that the references"
    )


def test_they_have_no_row_of_dashes() -> None:
    own = summarize_statuses("ok", "not_run")
    report = Report(
        run={"id": "r", "dry_run": False, "started": "", "command": []},
        suites=[],
        models=[],
        prompts=[],
        summaries=own,
    )
    blocks = list(build_report_blocks(report, collect_evidence([]), [], [], load_catalogue("en")))
    models = next(
        block for block in blocks if isinstance(block, Table) and "field F1" in block.columns
    )
    assert [row[0] for row in models.rows] == ["m0"]
    assert blocks[blocks.index(Heading(3, "Not run")) + 1] == BulletList(
        ["m1 (default): no weights"]
    )
    assert [each.model for each in own if is_unasked(each)] == ["m1"]


def test_troubles_are_said_in_russian() -> None:
    assert format_unanswered(summarize_statuses("not_run"), load_catalogue("ru")) == [
        "m0: все 2 не запускалось: no weights"
    ]
