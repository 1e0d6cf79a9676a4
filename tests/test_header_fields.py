"""pytest tests/test_header_fields.py: what a header field is and what a cell is decided once, for
all who count.

The score, the summary, the gate and the figures without doubtful references must agree, whatever a
key looks like.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.case_records import record
from vlm_lab.analysis.label_errors import find_label_errors
from vlm_lab.analysis.rescoring import exclude_label_errors, rescore_fields
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.decision.baseline import Baseline, build_baseline, encode_baseline, load_baseline
from vlm_lab.decision.regression_gate import GATED_SCORES, check_regression
from vlm_lab.decision.requirements import evaluate_rule
from vlm_lab.messages import in_english
from vlm_lab.scoring import score_values
from vlm_lab.types import CandidateKey, LabelError, Model, Record

DOCUMENTS = 20
HEAD: dict[str, Any] = {
    "run": {"id": "20260102T030405Z"},
    "suites": [{"name": "invoices", "schema_sha256": "s"}],
    "prompts": [{"suite": "invoices", "id": "default", "sha256": "p"}],
}


def scored(answer: Any, reference: Any, document: str = "d", **other: Any) -> Record:
    """A record of this answer, as it is written."""
    made = score_values(answer, reference)
    return record(document, fields=made.fields, scores=dict(made.scores), **other)


def run(answer: Any, reference: Any) -> Baseline:
    """A run of documents that are all answered so."""
    return build_baseline(
        HEAD, [scored(answer, reference, f"inv_{number}") for number in range(DOCUMENTS)]
    )


ROWS = [{"x": str(number), "y": str(number)} for number in range(10)]
LISTED = {"number": "1", "gross": "9", "tags": ["a", "b"], "rows": ROWS}


def test_a_lost_list_of_plain_values_is_lost_for_the_gate_too(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(encode_baseline(run(LISTED, LISTED)))
    lost = {**LISTED, "tags": ["c"]}
    assert scored(lost, LISTED).scores["field_f1"] == pytest.approx(2 / 3)
    result = check_regression(load_baseline(path), run(lost, LISTED), max_drop=0.1)
    assert result.status == "regressed"
    assert "field_f1 fell by 0.333" in in_english(result.lines[0])
    assert "lost tags[] on inv_0" in in_english(result.lines[1])


BRACKETS = {"Total [EUR]": "9", "Total [USD]": "10", "no": "1"}


def test_fields_that_differ_between_brackets_stay_two() -> None:
    row = scored({**BRACKETS, "Total [EUR]": "8"}, BRACKETS)
    planned = {CandidateKey("invoices", "m", "default"): ["d"]}
    (summary,) = summarize_records([row], [Model(name="m", model_id="x")], planned)
    assert list(summary.fields) == list(BRACKETS)
    assert summary.fields["Total [EUR]"].outcomes["wrong"] == 1
    assert summary.fields["Total [USD]"].outcomes["wrong"] == 0
    ruled = evaluate_rule(summary, "Total [EUR]", 0.9, tail=0.05)
    assert (
        in_english(ruled.reason) == "Total [EUR]: 1 document to judge by, too few for an interval"
    )


def test_a_column_with_a_bracket_in_its_key_is_one_field_in_the_gate() -> None:
    rows = {"rows": [{"Price [EUR]": str(number), "Price [USD]": "7"} for number in range(3)]}
    lost = {"rows": [{**row, "Price [EUR]": "0.5"} for row in rows["rows"]]}
    result = check_regression(run(rows, rows), run(lost, rows))
    assert result.status == "regressed"
    assert "lost rows[].Price [EUR] on inv_0" in in_english(result.lines[1])


def test_where_nothing_is_suspected_figures_stay() -> None:
    row = scored({**BRACKETS, "Total [EUR]": "8"}, BRACKETS)
    elsewhere = LabelError("invoices", "d", "no such field", None, {}, ())
    (left,) = exclude_label_errors([row], [elsewhere])
    assert left.scores == row.scores


def test_an_amount_in_a_key_with_brackets_is_no_row() -> None:
    """Net, tax and gross are header fields, and contradict each other."""
    amounts = {"net [EUR]": "100.00", "tax [EUR]": "20.00", "gross [EUR]": "210.00"}
    row = scored(amounts, amounts)
    assert [each.type for each in row.fields] == ["amount"] * 3
    found = find_label_errors([row], {})
    assert [each.path for each in found] == ["gross [EUR]"]


def test_what_is_kept_of_each_place() -> None:
    reference = {"tags": ["a"], "rows": [{"sub": [{"x [1]": "1"}]}], "mixed": [{"k": "1"}]}
    answer = {**reference, "mixed": [{"k": "1"}, {"k": "2"}]}
    row = scored(answer, reference)
    kept = [
        (each.path, each.field, each.in_row, each.rows, each.in_spurious_row) for each in row.fields
    ]
    assert kept == [
        ("tags[]", "tags[]", False, (), False),
        ("rows[0].sub[0].x [1]", "rows[].sub[].x [1]", True, ("rows[0]", "rows[0].sub[0]"), False),
        ("mixed[0].k", "mixed[].k", True, ("mixed[0]",), False),
        ("mixed[+1].k", "mixed[].k", True, ("mixed[+1]",), True),
    ]


KEYS = st.text("ab0[].+1", min_size=1, max_size=6) | st.sampled_from(
    ["a[0]", "a[+1].b", "Total [EUR]", "rows[2]", "a[]"]
)
PLAIN = st.sampled_from(["1", "2", "x", "y", "", None, 3])
VALUES = st.recursive(
    PLAIN | st.lists(PLAIN, max_size=3),
    lambda inner: (
        st.lists(st.dictionaries(KEYS, inner, max_size=3), max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@settings(max_examples=200, deadline=None)  # other work on the machine is no failure
@given(OBJECTS, OBJECTS, st.sampled_from(["unlabelled", "absent"]))
def test_all_count_alike(reference: Any, answer: Any, empty: Any) -> None:
    mixed = {**reference, **answer} if len(answer) % 2 else answer
    made = score_values(mixed, reference, empty=empty)
    row = record("d", fields=made.fields, scores=dict(made.scores))
    assert rescore_fields(row.fields, row.scores) == row.scores
    (candidate,) = build_baseline(HEAD, [row]).candidates
    for score in GATED_SCORES:
        right, judged = candidate.documents["d"].compute_f1_ratio(score)
        assert (right / judged if judged else None) == made.scores[score]
