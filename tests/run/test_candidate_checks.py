"""pytest tests/run/test_candidate_checks.py: the line that names the candidates that failed."""

import pytest

from vlm_lab.run.candidate_checks import CandidateCheck, CheckStatus, format_last_line
from vlm_lab.types import CandidateKey

Row = tuple[str, str, str, CheckStatus]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([("invoices", "a", "default", "ok")], ""),
        (
            [
                ("invoices", "a", "default", "regressed"),
                ("invoices", "b", "default", "ok"),
                ("invoices", "ocr", "default", "regressed"),
            ],
            "regressed: a, ocr",
        ),
        (
            [
                ("invoices", "a", "default", "ok"),
                ("invoices", "a", "terse", "regressed"),
                ("invoices", "b", "default", "not_comparable"),
            ],
            "regressed: a (terse); not comparable: b",
        ),
        (
            [("acts", "a", "default", "not_measured"), ("invoices", "a", "default", "ok")],
            "not measured: acts: a (default)",
        ),
    ],
)
def test_the_last_line_names_a_candidate_as_shortly_as_it_can(rows: list[Row], line: str) -> None:
    checks = [
        CandidateCheck("id", CandidateKey(suite, model, prompt), status, "why")
        for suite, model, prompt, status in rows
    ]
    assert format_last_line(checks) == line


def test_where_no_candidate_was_run_there_is_none_to_name() -> None:
    assert format_last_line([CandidateCheck("id", None, "not_comparable", "why")]) == ""
