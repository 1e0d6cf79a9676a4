"""`vlm-lab score`: the table, the JSON, and errors as one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.cli.main import main

REFERENCE = {
    "no": "R-17",
    "total": "1,234.50",
    "rows": [{"text": "Bolt", "sum": "4.00"}, {"text": "Nut", "sum": "2.00"}],
}
# no: right. total: the same amount in another format. Second row's sum wrong.
PREDICTION = {
    "no": "R-17",
    "total": "1234.50",
    "rows": [{"text": "Bolt", "sum": "4.00"}, {"text": "Nut", "sum": "7.00"}],
}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    lines = [
        {"id": "a", "reference": REFERENCE, "prediction": PREDICTION},
        {"id": "b", "ref": REFERENCE, "pred": REFERENCE},
        {"id": "c", "ref": REFERENCE, "pred": None},
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return path


def scored(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["score", str(path), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_json_has_totals_over_all_documents(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    totals = scored(pairs, capsys)["totals"]
    assert (totals["documents"], totals["answered"]) == (3, 2)
    # Values: 3 x 6 labelled, 2 x 6 predicted; exactly equal 4 + 6. The null document's six are
    # missing.
    kieval = totals["kieval"]
    names = ("labelled", "predicted", "exact", "wrong", "unmatched")
    assert {name: kieval[name] for name in names} == {
        "labelled": 18, "predicted": 12, "exact": 10, "wrong": 2, "unmatched": 6,
    }  # fmt: skip
    assert kieval["entity_f1"] == pytest.approx(2 * 10 / 30)
    # Leaves: 6. total 1 - 1/8; the wrong sum 1 - 1/4; 4 right: (4 + 0.875 + 0.75) / 6; 1; null: 0.
    assert totals["anls_star"] == pytest.approx((5.625 / 6 + 1 + 0) / 3)
    assert totals["omni"] == pytest.approx((round(4 / 6, 4) + 1 + 0) / 3, abs=1e-9)
    # Fields outside lists: 2 + 2 right, 2 missing of 6: precision 1, recall 4/6. One of the four
    # was a format.
    assert totals["ours"]["field_f1"] == pytest.approx(2 * 4 / (6 + 4))
    assert totals["ours"]["field_f1_strict"] == pytest.approx(2 * 3 / (6 + 4))
    assert totals["ours"]["cell_f1"] == pytest.approx(2 * 7 / (12 + 8))
    assert totals["ours"]["row_f1"] == pytest.approx(2 * 3 / (6 + 4))
    assert totals["ours"]["documents_right"] == pytest.approx(1 / 3)


def test_json_has_every_document(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = scored(pairs, capsys)["documents"]
    assert [(document["id"], document["answered"]) for document in documents] == [
        ("a", True),
        ("b", True),
        ("c", False),
    ]
    assert [documents[1][name] for name in ("anls_star", "ted", "omni")] == [1, 1, 1]
    assert documents[0]["kieval"]["exact"] == 4
    assert documents[0]["ours"]["normalized"] == 1
    assert documents[1]["differences"] == []
    differences = [
        (difference["path"], difference["expected"], difference["actual"])
        for difference in documents[0]["differences"]
    ]
    assert differences == [("total", "1,234.50", "1234.50"), ("rows[1].sum", "2.00", "7.00")]


def test_table(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(pairs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 documents, 1 without a usable answer"
    assert any(line.split()[:2] == ["kieval.entity_f1", "0.6667"] for line in lines)
    assert "fields: 3 exact, 1 normalized, 0 wrong, 2 missing, 0 spurious" in lines
    assert any(line.startswith("kinds:") and "1 format" in line for line in lines)
    assert lines[-1] == "kieval: 18 labelled, 10 exact, 2 wrong, 6 unmatched"


def test_nothing_to_judge_is_a_dash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"id": "a", "ref": {}, "pred": {}}\n', "utf-8")
    assert main(["score", str(path)]) == 0
    values = [
        line.split()[1]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("kieval.")
    ]
    assert values == ["-"] * 5


def test_a_bad_line_is_one_line_for_the_user(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs.write_text('{"id": "a"}\n', "utf-8")
    assert main(["score", str(pairs)]) == 2
    assert capsys.readouterr().err == (
        f'vlm-lab score: {pairs}:1: wanted one key "reference" or "ref", came \'id\'\n'
    )


def test_a_deep_answer_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        '{"id": "a", "ref": {"no": "1"}, "pred": {"no": ' + '{"a":[' * 150 + "]}" * 150 + "}}\n",
        "utf-8",
    )
    assert scored(path, capsys)["totals"]["ours"]["field_f1"] in (0, None)


def test_real_answers_have_the_published_totals(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    totals = scored(shared / "anchors/cord_qwenvl72b/pairs.jsonl", capsys)["totals"]
    assert [round(totals[name], 5) for name in ("anls_star", "ted", "omni")] == [
        0.78715,
        0.85707,
        0.65989,
    ]
    assert round(totals["kieval"]["entity_f1"], 4) == 0.7707
    assert totals["ours"]["documents_right"] < totals["kieval"]["entity_f1"] < totals["ted"]
