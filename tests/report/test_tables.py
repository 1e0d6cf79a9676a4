"""pytest tests/report/test_tables.py: what the first screen says, row by row."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.report.candidates import summarize_statuses
from tests.report.made import write_run
from vlm_lab.analysis.calibration import calibrate_candidates
from vlm_lab.analysis.evidence import build_evidence, collect_evidence
from vlm_lab.messages import ENGLISH, Message
from vlm_lab.records.report_json import encode_json, read_report, read_report_records
from vlm_lab.report import formats, headline, tables
from vlm_lab.types import AmountError, Calibration, Decision, Report, Summary


def test_errors_in_money_the_worst_first() -> None:
    error = AmountError(
        Decimal("1010"), Decimal("7"), Decimal("25000.5"), 2, Decimal("505"), Decimal("1000")
    )
    right = AmountError(total=Decimal(5))
    found = Summary(
        suite="s",
        model="m",
        prompt_id="p",
        documents=1,
        statuses={"ok": 1},
        amount_error={
            "tax": {"EUR": AmountError(missing=Decimal(3), total=Decimal(9))},
            "gross": {"": error, "EUR": right},
        },
    )
    assert tables.build_amount_error_rows([found]) == [
        ["m", "p", "gross", "-", "2", "505.00", "1 000.00", "1 010.00", "7.00", "25 000.50"],
        ["m", "p", "tax", "EUR", "0", "-", "-", "0.00", "3.00", "9.00"],
    ]
    assert len(tables.AMOUNT_ERROR_COLUMNS) == 10


def report_of(
    statuses: tuple[str, ...], decisions: tuple[Decision, ...] = (), dry_run: bool = False
) -> Report:
    return Report(
        run={"id": "r", "dry_run": dry_run},
        suites=(),
        models=(),
        prompts=(),
        summaries=summarize_statuses(*statuses),
        decisions=decisions,
    )


UNDECIDED = Decision(
    suite="invoices", model="m0", prompt_id="p", verdict="needs_more_data", more_documents=1
)


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (report_of(("ok",), dry_run=True), "Nothing is decided: a dry run calls no model."),
        (report_of(("skipped", "skipped")), "Nothing is decided: no model was run."),
        (report_of(("ok", "skipped")), "Nothing is decided: only a part of the suite was run."),
        (
            report_of(("ok",), (UNDECIDED,)),
            "No model is chosen. About 1 more document would decide.",
        ),
        (report_of(("ok",), (replace(UNDECIDED, verdict="chosen"),)), "Chosen: m0 (p)."),
    ],
)
def test_one_sentence_says_what_is_decided_or_why_nothing_is(report: Report, line: str) -> None:
    assert headline.format_headlines(report, ENGLISH) == [line]


def test_each_of_several_suites_has_its_sentence() -> None:
    (other,) = summarize_statuses("skipped")
    both = replace(
        report_of(("ok",), (UNDECIDED,)),
        summaries=[*summarize_statuses("ok"), replace(other, suite="receipts")],
    )
    first, second = headline.format_headlines(both, ENGLISH)
    assert first.startswith("invoices: No model is chosen.")
    assert second == "receipts: Nothing is decided: no model was run."


def test_what_a_share_booked_unseen_does_not_show_is_said_in_every_form(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    report = read_report(run)
    said = tables.format_calibration_notes(
        report.summaries, collect_evidence(read_report_records(run)), ENGLISH
    )
    assert said[0] == (
        "sharp (default), sharp (terse): 0 of 2 booked documents were wrong,"
        " which shows 22.4% and not 99%: that takes"
        " 299 without an error"
    )
    for form in ("md", "html"):
        assert said[0] in formats.write_format(form, run).read_text().replace("\\", ""), form
    unasked = Calibration(
        suite="invoices", model="sharp", prompt_id="default", note=Message("no_confidence")
    )
    report = replace(report, machines={"cpu": ["sharp"]}, calibrations=[unasked])
    assert tables.format_calibration_notes(report.summaries, build_evidence(report), ENGLISH) == []


def test_what_confidence_is_worth_is_read_from_the_report(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    report = read_report(run)
    worth, anew = (
        build_evidence(report).calibrations,
        calibrate_candidates(read_report_records(run)),
    )
    assert list(worth) == list(anew)
    assert encode_json(list(worth.values())) == encode_json(list(anew.values())), (
        "tuples are lists in JSON"
    )
    assert len(worth) == 3
    kept = Calibration(suite="invoices", model="sharp", prompt_id="default", note="kept")
    found = build_evidence(replace(report, calibrations=[kept]))
    assert found.calibrations == {("invoices", "sharp", "default"): kept}
    assert found.machines == report.machines
