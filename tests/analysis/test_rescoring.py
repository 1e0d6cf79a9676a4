"""pytest tests/analysis/test_rescoring.py: leaving fields out counts as never having asked for
them."""

import json
from pathlib import Path
from typing import Any

from tests.case_records import failed, record
from vlm_lab.analysis.rescoring import exclude_label_errors, rescore_fields
from vlm_lab.scoring import score_values
from vlm_lab.types import LabelError, Record

REFERENCE = {"number": "1", "gross": "9", "rows": [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]}
ANSWER = {
    "number": "1",
    "gross": "8",
    "rows": [{"x": "1", "y": "2"}, {"x": "3", "y": "5"}, {"x": "7", "y": "8"}],
}


def answered(reference: Any, answer: Any, document: str = "d") -> Record:
    scored = score_values(answer, reference)
    return record(document, suite="s", fields=scored.fields, scores=dict(scored.scores))


def test_without_a_suspect_nothing_changes(shared: Path) -> None:
    for text in (shared / "anchors/cord_qwenvl72b/pairs.jsonl").read_text("utf-8").splitlines():
        pair = json.loads(text)
        row = answered(pair["ref"], pair["pred"])
        assert rescore_fields(row.fields, row.scores) == row.scores, pair["id"]


def test_a_doubted_field_and_a_doubted_cell_leave_the_figures() -> None:
    row = answered(REFERENCE, ANSWER)
    assert (row.scores["field_f1"], row.scores["rows_right"]) == (0.5, 1)
    doubted = [LabelError("s", "d", path, None, {}, ()) for path in ("gross", "rows[1].y")]
    (left,) = exclude_label_errors([row], doubted)
    assert (
        left.scores["field_f1"],
        left.scores["rows_right"],
        left.scores["cells_wrong"],
    ) == (1.0, 2, 0)
    assert [each.path for each in left.fields][:4] == [
        "number",
        "rows[0].x",
        "rows[0].y",
        "rows[1].x",
    ]


def test_other_documents_and_cells_without_an_answer_stay_as_they_are() -> None:
    rows = [
        answered(REFERENCE, ANSWER, document="other"),
        failed("d", suite="s"),
    ]
    assert list(exclude_label_errors(rows, [LabelError("s", "d", "gross", None, {}, ())])) == rows
