"""Ten answers with errors of every kind, and what each metric says of them: figures that no change
may move unseen.

ANLS* of each document is what the authors' package says (anls_star 1.0.1); our own outcomes and
kinds were counted by hand. The other figures come from code that reproduces the published totals on
100 real answers (tests/metrics/test_metrics.py)."""

import json
from pathlib import Path

import pytest

from vlm_lab.cli.main import main

PAIRS = Path(__file__).parents[1] / "data" / "pairs.jsonl"
ANLS_STAR = {
    "en-exact": 1, "en-format": 0.675, "de-shift": 0.377778, "ru-rows": 0.910419,
    "row-too-many": 0.666667, "row-missing": 0.666667, "keys": 0.2, "lists": 0.666667,
    "nothing-read": 0, "wrong-all": 0.222222,
}  # fmt: skip
FIELDS = {"exact": 9, "normalized": 8, "wrong": 10, "missing": 3, "spurious": 0}
CELLS = {"exact": 13, "normalized": 1, "wrong": 2, "missing": 3, "spurious": 2}
ROWS = {"rows_expected": 7, "rows_predicted": 7, "rows_right": 4}
KIEVAL = {
    "labelled": 50,
    "exact": 25,
    "wrong": 18,
    "unmatched": 11,
    "entity_f1": 0.5155,
    "aligned": 0.4630,
}
KINDS = {
    "format": 9, "one character misread": 3, "net/gross swap": 2, "digits transposed": 2,
    "no answer": 2, "seller/buyer swap": 2, "day/month swap": 1, "decimal or thousands shift": 1,
}  # fmt: skip


def test_every_metric_says_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(PAIRS), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    totals = said["totals"]
    assert {each["id"]: each["anls_star"] for each in said["documents"]} == pytest.approx(
        ANLS_STAR, abs=1e-6
    )
    assert {name: totals["ours"][name] for name in FIELDS} == FIELDS
    assert {name: totals["ours"][f"cells_{name}"] for name in CELLS} == CELLS
    assert {name: totals["ours"][name] for name in ROWS} == ROWS
    assert totals["ours"]["field_f1"] == pytest.approx(17 * 2 / (30 + 27))
    assert {name: totals["kieval"][name] for name in KIEVAL} == pytest.approx(KIEVAL, abs=1e-4)
    assert [totals[name] for name in ("ted", "omni")] == pytest.approx([0.5507, 0.3578], abs=1e-4)
    assert totals["kinds"] == KINDS
