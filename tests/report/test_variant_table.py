"""pytest tests/report/test_variant_table.py: a variant is held against its model as it is."""

import json

import pytest

from tests.projects import echo, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.records.report_json import read_report
from vlm_lab.report.variant_table import VARIANT_COLUMNS, build_variant_rows

DOCUMENTS = dict.fromkeys((f"inv_{number:02}" for number in range(30)), REFERENCE)


def make_models() -> str:
    """One model as it is, the same asked alike, one that reads nothing, and one that stands
    alone."""
    variants = {"same": {"notes_key": 1}, "poor": {"answer": "{}"}}
    settings = {name: {"backend_kwargs": changes} for name, changes in variants.items()}
    base = echo("m", extra=f", variants: {json.dumps(settings)}")
    return f"models:\n{base}{echo('other')}"


@pytest.fixture
def rows(pytester: pytest.Pytester) -> list[dict[str, str]]:
    write_project(pytester.path, make_models(), DOCUMENTS)
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["variant*as good within*"])
    report = read_report(run_folder_of(pytester.path))
    table = build_variant_rows(report, report.summaries)
    return [dict(zip(VARIANT_COLUMNS, row, strict=True)) for row in table]


def test_each_variant_has_its_difference_and_what_is_shown(rows: list[dict[str, str]]) -> None:
    same, poor = rows
    assert (same["variant"], same["minus as it is"], same["word"]) == (
        "m+same",
        "+0.000",
        "may be chance",
    )
    assert 0 < float(same["as good within"]) < 0.2
    assert (poor["variant"], poor["word"]) == ("m+poor", "worse")
    assert float(poor["minus as it is"]) < -0.9
    assert float(poor["as good within"]) > 0.9


def test_a_variants_errors_are_counted_against_the_model_as_it_is(
    rows: list[dict[str, str]],
) -> None:
    """Of 30 documents with two values each; the model as it is answers "" to all of them."""
    same, poor = rows
    assert same["errors"] == "-"
    assert poor["errors"] == "missing +60"
