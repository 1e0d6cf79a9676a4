"""report.json is what its schema says, and the schema is what the types say."""

import json
import runpy
from pathlib import Path

import jsonschema
import pytest

from tests.projects import echo, run_folder_of, write_project

PROJECT = Path(__file__).parents[2]
SCHEMA = json.loads((PROJECT / "vlm_lab" / "records" / "report.schema.json").read_text())


def test_schema_is_that_of_the_types() -> None:
    made = runpy.run_path(str(PROJECT / "tools" / "make_report_schema.py"))["schema"]()
    assert made == SCHEMA, "python tools/make_report_schema.py"


def test_a_run_is_valid(pytester: pytest.Pytester) -> None:
    write_project(
        pytester.path,
        "models:\n" + echo() + echo("fails", fails=["inv_1"]) + echo("gone", missing=True),
    )
    pytester.runpytest("benchmarks", "-q")
    report = json.loads((run_folder_of(pytester.path) / "report.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert {record["status"] for record in report["records"]} == {"ok", "error", "skipped"}
    assert {each["model"] for each in report["calibrations"]} >= {"m", "fails"}
    del report["records"][0]["raw_response"]
    report["summaries"] = {}
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(report))
