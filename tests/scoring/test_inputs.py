"""pytest tests/scoring/test_inputs.py: whatever changes a score changes the digest."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.suites import REFERENCE, SCHEMA, write_suite
from vlm_lab.scoring.inputs import hash_scoring_inputs
from vlm_lab.suite import load_documents, load_suite

CORRECTION = {
    "document": "a",
    "path": "totals.gross",
    "reference": "119.00",
    "verdict": "reference_wrong",
    "right": "120.00",
}


def digest(folder: Path) -> str:
    (document,), _ = load_documents(load_suite(folder))
    return hash_scoring_inputs(document)


@pytest.mark.parametrize(
    "rules",
    [
        "empty: absent",
        "decimal_mark: ','",
        "date_order: mdy",
        "languages: [de]",
        "unwrap: data",
        "ignore: [totals]",
        "map: {totals.gross: invoice_number}",
    ],
)
def test_each_rule_of_the_suite_counts(tmp_path: Path, rules: str) -> None:
    write_suite(tmp_path, {"a": REFERENCE})
    before = digest(tmp_path)
    assert digest(tmp_path) == before
    (tmp_path / "suite.yaml").write_text(rules)
    assert digest(tmp_path) != before


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [({}, False), ({"verdict": "both"}, False), ({"verdict": "model_wrong"}, True)],
)
def test_a_correction_counts(tmp_path: Path, changes: dict[str, Any], is_same: bool) -> None:
    write_suite(tmp_path, {"a": REFERENCE})
    before = digest(tmp_path)
    (tmp_path / "corrections.json").write_text(json.dumps([{**CORRECTION, **changes}]))
    assert (digest(tmp_path) == before) is is_same


def test_a_tolerance_counts_and_the_writing_of_a_reference_does_not(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a": REFERENCE})
    before = digest(tmp_path)
    (tmp_path / "references" / "a.json").write_text(json.dumps(REFERENCE, indent=4))
    assert digest(tmp_path) == before
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["invoice_number"]["x-vlm-lab"]["tolerance"] = "0.1"
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    assert digest(tmp_path) != before
