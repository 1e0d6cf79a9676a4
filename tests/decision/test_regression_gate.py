"""pytest tests/decision/test_regression_gate.py: what got worse, on the same documents, and what
cannot be compared."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.case_records import failed, record
from vlm_lab.decision.baseline import Baseline, build_baseline, encode_baseline, load_baseline
from vlm_lab.decision.regression_gate import GateResult, check_regression
from vlm_lab.errors import UserError
from vlm_lab.messages import translate_messages
from vlm_lab.types import Record

HEADER_FIELDS, CELLS = ("number", "date", "gross"), ("rows[].sum",)
HEAD: dict[str, Any] = {
    "run": {"id": "20260102T030405Z"},
    "suites": [{"name": "invoices", "schema_sha256": "s"}],
    "prompts": [{"suite": "invoices", "id": "default", "sha256": "p"}],
}


def run(
    wrong: Mapping[int, tuple[str, ...]] | None = None, head: Mapping[str, Any] = HEAD, n: int = 20
) -> Baseline:
    """Twenty documents, right but for the fields named."""
    return build_baseline(head, records(wrong or {}, n))


def records(wrong: Mapping[int, tuple[str, ...]], n: int = 20) -> list[Record]:
    made = []
    for i in range(n):
        header_fields = {
            path: "wrong" if path in wrong.get(i, ()) else "exact" for path in HEADER_FIELDS
        }
        cells = {field: ["wrong" if field in wrong.get(i, ()) else "exact"] for field in CELLS}
        made.append(record(f"inv_{i}", header_fields, cells))
    return made


def list_lines(result: GateResult) -> tuple[str, ...]:
    return tuple(translate_messages(result.lines))


def test_the_same_answers_are_ok() -> None:
    result = check_regression(run(), run())
    assert result.status == "ok"
    assert list_lines(result) == (
        "m (default): 20 documents compared with the baseline; median seconds 2.00 -> 2.00",
    )


def test_one_document_can_tell_nothing() -> None:
    result = check_regression(run(n=1), run({0: HEADER_FIELDS}, n=1))
    assert (result.status, result.exit_status) == ("not_comparable", 6)
    assert "the baseline has one document, which can tell nothing" in list_lines(result)[0]


def test_what_could_have_been_missed_is_said_where_nothing_was_found() -> None:
    result = check_regression(run({3: ("date",)}), run({7: ("gross",)}))
    assert result.status == "ok"
    assert "a fall of field_f1 by less than 0.06" in list_lines(result)[1]
    assert "may not be seen (80 % power)" in list_lines(result)[1]


def test_documents_of_one_supplier_are_one_loss() -> None:
    """Twelve documents lost are certain where each stands alone, and chance where all are of one
    supplier."""
    lost = dict.fromkeys(range(12), ("date",))
    by_supplier: dict[str, Any] = {
        **HEAD,
        "suites": [{"name": "invoices", "schema_sha256": "s", "cluster": "supplier"}],
    }

    def tagged(wrong: Mapping[int, tuple[str, ...]]) -> Baseline:
        rows = [
            replace(each, tags={"supplier": f"S{number // 12}"})
            for number, each in enumerate(records(wrong, 60))
        ]
        return build_baseline(by_supplier, rows)

    assert check_regression(run(n=60), run(lost, n=60)).status == "regressed"
    assert check_regression(tagged({}), tagged(lost)).status == "ok"
    assert b"S0" not in encode_baseline(tagged(lost)), "a baseline has no values"


def test_a_drop_beyond_chance_names_fields_and_documents() -> None:
    result = check_regression(
        run(),
        run(
            {
                1: ("gross",),
                3: ("gross", "date"),
                5: ("gross",),
                7: ("date",),
                9: ("gross",),
                2: ("date",),
            }
        ),
    )
    assert result.status == "regressed"
    assert list_lines(result)[0].startswith("m (default): regressed: field_f1 fell by 0.117 (")
    assert (
        "lost gross on inv_1, inv_3, inv_5, inv_9; date on inv_2, inv_3, inv_7"
        in list_lines(result)[1]
    )


def test_a_drop_within_chance_is_ok_unless_every_field_counts() -> None:
    now = run({1: ("gross",)})
    assert check_regression(run(), now).status == "ok"
    strict = check_regression(run(), now, fail_on_lost_field=True)
    assert (strict.status, list_lines(strict)[1]) == (
        "regressed",
        "m (default): lost gross on inv_1",
    )
    assert check_regression(now, now, fail_on_lost_field=True).status == "ok", (
        "what was wrong before is not lost"
    )
    assert check_regression(now, run(), fail_on_lost_field=True).status == "ok"


def test_a_real_drop_that_is_allowed() -> None:
    now = run(dict.fromkeys(range(0, 20, 2), ("gross",)))
    assert check_regression(run(), now, max_drop=0.1).status == "regressed"
    assert check_regression(run(), now, max_drop=0.2).status == "ok"


def test_line_items_are_gated() -> None:
    result = check_regression(run(), run(dict.fromkeys(range(10), ("rows[].sum",))))
    assert result.status == "regressed"
    assert "cell_f1 fell by 0.500" in list_lines(result)[0]


def test_a_document_that_now_ends_in_an_error() -> None:
    now = build_baseline(HEAD, [*records({})[:19], failed("inv_19")])
    same = build_baseline(HEAD, [*records({})[:19], failed("inv_19")])
    assert check_regression(run(), now).status == "regressed"
    assert "now an error, answered before: inv_19" in list_lines(check_regression(run(), same))[0]
    assert check_regression(same, same).status == "ok", "it was an error before"


@pytest.mark.parametrize(
    ("changed", "status"), [(0, "ok"), (4, "ok"), (5, "not_comparable"), (20, "not_comparable")]
)
@pytest.mark.parametrize("what", ["document_sha256", "reference_sha256"])
def test_changed_documents_are_left_out(changed: int, status: str, what: str) -> None:
    rows = [
        replace(row, **{what: "other"}) if i < changed else row for i, row in enumerate(records({}))
    ]
    result = check_regression(run(), build_baseline(HEAD, rows))
    assert result.status == status
    assert any("left out" in line and "inv_0" in line for line in list_lines(result)) == (
        changed > 0
    )


@pytest.mark.parametrize(
    ("before", "now", "status"),
    [
        ({"scoring_sha256": "a"}, {"scoring_sha256": "a"}, "regressed"),
        ({"scoring_sha256": "a"}, {"scoring_sha256": "b"}, "not_comparable"),
        # A label file for all documents changed elsewhere.
        ({"scoring_sha256": "a"}, {"scoring_sha256": "a", "reference_sha256": "r"}, "regressed"),
        # A baseline that was accepted before there was such a hash.
        ({}, {"scoring_sha256": "a"}, "regressed"),
        ({}, {"scoring_sha256": "a", "reference_sha256": "r"}, "not_comparable"),
    ],
)
def test_what_decides_a_score_must_be_the_same(
    before: dict[str, str], now: dict[str, str], status: str
) -> None:
    rows_before = [replace(row, **before) for row in records({})]
    rows_now = [replace(row, **now) for row in records(dict.fromkeys(range(15), ("gross",)))]
    result = check_regression(build_baseline(HEAD, rows_before), build_baseline(HEAD, rows_now))
    assert result.status == status


def test_a_corrected_reference_is_no_regression() -> None:
    """Two of twenty references were corrected, and the model does not say what they say now."""
    rows_before = [replace(row, scoring_sha256="a") for row in records({})]
    rows_now = [
        replace(row, scoring_sha256="b" if number < 2 else "a")
        for number, row in enumerate(records({0: HEADER_FIELDS, 1: HEADER_FIELDS}))
    ]
    rows_now[19] = failed("inv_19", status="skipped", scoring_sha256="a")
    result = check_regression(build_baseline(HEAD, rows_before), build_baseline(HEAD, rows_now))
    assert result.status == "ok"
    assert list_lines(result)[1:] == (
        "m (default): left out (not comparable: the document, its reference, a correction or a rule"
        " of suite.yaml changed): inv_0, inv_1",
        "m (default): left out (gone or not answered): inv_19",
    )


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (
            {**HEAD, "suites": [{"name": "invoices", "schema_sha256": "t"}]},
            "the schema is another one",
        ),
        (
            {**HEAD, "prompts": [{"suite": "invoices", "id": "default", "sha256": "q"}]},
            "the prompt is another one",
        ),
    ],
)
def test_another_schema_or_prompt_is_not_comparable(head: Mapping[str, Any], why: str) -> None:
    result = check_regression(run(), run(head=head))
    assert result.status == "not_comparable"
    assert why in list_lines(result)[0]


def test_other_candidates_are_not_comparable() -> None:
    other = build_baseline(HEAD, [replace(row, model="n") for row in records({})])
    result = check_regression(run(), other)
    assert result.status == "not_comparable"
    assert "left out: m (default) was not in this run" in list_lines(result)


def test_no_values_and_no_replies_are_written(tmp_path: Path) -> None:
    rows = [replace(row, raw_response="SECRET", prediction={"a": "SECRET"}) for row in records({})]
    first, *others = rows[0].fields
    secret = replace(first, expected="SECRET", actual="SECRET")
    rows[0] = replace(rows[0], fields=(secret, *others))
    path = tmp_path / "baseline.json"
    path.write_bytes(encode_baseline(build_baseline(HEAD, rows)))
    assert "SECRET" not in path.read_text()
    assert check_regression(load_baseline(path), run()).status == "ok"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema_version": 2}', '{"schema_version": 1, "run": 3}']
)
def test_what_is_no_baseline_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(UserError, match="is no baseline.*vlm-lab accept"):
        load_baseline(path)
    with pytest.raises(UserError, match="cannot be read"):
        load_baseline(tmp_path / "none.json")


def test_an_older_baseline_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(
        encode_baseline(run()).decode().replace('"schema_version": 2', '"schema_version": 1')
    )
    with pytest.raises(UserError) as refused:
        load_baseline(path)
    assert str(refused.value) == (
        f"{path}: is no baseline of this version (schema_version 2 is wanted, it has 1);"
        " write it anew:"
        " scripts/vlm-lab accept"
    )


def test_a_candidate_that_answered_nothing_before_has_nothing_to_be_held_against() -> None:
    unanswered = [replace(each, status="skipped") for each in records({}, 5)]
    result = check_regression(build_baseline(HEAD, unanswered), run(n=5))
    assert list_lines(result) == (
        "m (default): not comparable: it answered no document in the run that was accepted",
    )
