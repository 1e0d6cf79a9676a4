"""Values as strangers' pipelines and models write them, beside the project on some machines."""

import json
from pathlib import Path

import pytest

from vlm_lab.scoring import score_values
from vlm_lab.suite import load_suite
from vlm_lab.types import CORRECT

INVOICES = Path(__file__).parents[2] / "benchmarks" / "invoices"


def test_each_value_comes_out_as_its_file_says(shared: Path, subtests: pytest.Subtests) -> None:
    suite = load_suite(INVOICES)
    for case in json.loads((shared / "cases" / "values.json").read_text("utf-8")):
        scored = score_values(case["reply"], case["reference"], suite.fields, suite.conventions)
        outcomes = {result.outcome for result in scored.fields}
        with subtests.test(case["name"]):
            if case["want"] == "right":
                assert outcomes
                assert outcomes <= {*CORRECT}
            elif case["want"] == "wrong":
                assert "wrong" in outcomes
            else:
                assert "missing" not in outcomes
