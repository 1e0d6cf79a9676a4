"""pytest tests/suite/test_corrections.py: what becomes of references under verdicts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.suites import write_suite
from vlm_lab.errors import UserError
from vlm_lab.fields.paths import MISSING, find_value, replace_value
from vlm_lab.messages import Message, in_english
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.corrections import merge_entries
from vlm_lab.types import LabelError

REFERENCE = {
    "invoice_number": "A-17",
    "totals": {"gross": "119.00"},
    "rows": [{"x": "1"}, {"x": "2"}],
}


def entry(**changes: Any) -> dict[str, Any]:
    usual = {
        "document": "a",
        "path": "totals.gross",
        "reference": "119.00",
        "verdict": "reference_wrong",
        "right": "120.00",
    }
    return {**usual, **changes}


def corrected(
    folder: Path, *entries: dict[str, Any], name: str = "corrections.json", rules: str = ""
) -> Any:
    """The first document's reference and all notes but those about the schema."""
    write_suite(folder, {"a": REFERENCE}, rules)
    (folder / name).write_text(json.dumps(entries), "utf-8")
    (document,), notes = load_documents(load_suite(folder))
    return document.reference, [in_english(note) for note in notes if note.kind != "no_field"]


def test_a_wrong_reference_is_replaced_and_named(tmp_path: Path) -> None:
    reference, notes = corrected(
        tmp_path, entry(), entry(path="rows[1].x", reference="2", right="3", verdict="both")
    )
    assert reference == {
        "invoice_number": "A-17",
        "totals": {"gross": "120.00"},
        "rows": [{"x": "1"}, {"x": "3"}],
    }
    assert notes == [
        "corrections.json: a totals.gross: corrected from '119.00' to '120.00'",
        "corrections.json: a rows[1].x: corrected from '2' to '3'",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "", "right": ""}, []),
        ({"verdict": "model_wrong", "right": ""}, []),
        (
            {"right": "119.00"},
            ["corrections.json: a totals.gross: the reference is '119.00' already"],
        ),
        (
            {"reference": "9"},
            [
                "corrections.json: a totals.gross: not corrected: "
                "the reference is '119.00' now, not '9'"
            ],
        ),
        (
            {"path": "rows[7].x", "reference": None},
            ["corrections.json: a rows[7].x: not corrected: the reference has no such row"],
        ),
        (
            {"document": "gone"},
            ["corrections.json: no document gone; its corrections are not used"],
        ),
    ],
)
def test_what_changes_nothing(tmp_path: Path, changes: dict[str, Any], said: list[str]) -> None:
    assert corrected(tmp_path, entry(**changes)) == (REFERENCE, said)


@pytest.mark.parametrize(
    ("changes", "decided"),
    [
        ({}, True),
        ({"verdict": "both"}, True),
        ({"document": "a.png"}, True),
        ({"verdict": "model_wrong", "right": ""}, True),
        ({"verdict": "", "right": ""}, False),
        ({"reference": "9"}, False),  # another reference than a person saw
        ({"verdict": "model_wrong", "reference": "9"}, False),
        ({"right": None}, True),
    ],
)
def test_a_decision_holds_for_the_reference_that_a_person_saw(
    tmp_path: Path, changes: dict[str, Any], decided: bool
) -> None:
    write_suite(tmp_path, {"a": REFERENCE})
    (tmp_path / "corrections.json").write_text(json.dumps([entry(**changes)]))
    (document,), _ = load_documents(load_suite(tmp_path))
    assert document.decided == ({"totals.gross"} if decided else set())


def test_null_says_that_the_page_shows_none(tmp_path: Path) -> None:
    reference, notes = corrected(tmp_path, entry(right=None))
    assert reference["totals"] == {"gross": None}
    assert notes == ["corrections.json: a totals.gross: corrected from '119.00' to nothing"]


def test_a_value_that_the_reference_lacks_is_added(tmp_path: Path) -> None:
    reference, _ = corrected(tmp_path, entry(path="totals.net", reference=None, right="100.00"))
    assert reference["totals"] == {"gross": "119.00", "net": "100.00"}


def test_the_suite_may_name_another_file(tmp_path: Path) -> None:
    reference, _ = corrected(
        tmp_path, entry(document="a.png"), name="mine.json", rules="corrections: mine.json"
    )
    assert reference["totals"] == {"gross": "120.00"}
    (tmp_path / "mine.json").unlink()
    with pytest.raises(UserError, match="suite.yaml:1: corrections: no file"):
        load_suite(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"verdict": "wrong"},
            "entry 1: verdict must be one of reference_wrong, model_wrong, both, or empty",
        ),
        ({"verdict": ["both"]}, "entry 1: verdict must be one of"),
        ({"right": ""}, "entry 1: reference_wrong needs `right`"),
        ({"right": {"a": 1}}, "entry 1: reference_wrong needs `right`"),
        ({"document": 7}, "entry 1: must name a `document` and a `path`"),
    ],
)
def test_entries_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        corrected(tmp_path, entry(**changes))


@pytest.mark.parametrize("text", ["{", "{}", "[1]", "[" * 100_000])
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    write_suite(tmp_path, {"a": REFERENCE})
    (tmp_path / "corrections.json").write_text(text)
    with pytest.raises(UserError, match="corrections.json: (is not readable JSON|must be a list)"):
        load_documents(load_suite(tmp_path))


WHY = (Message("rows", {"n": 2, "added": "120.00"}),)


def test_what_a_person_decided_stays_as_it_is() -> None:
    present_entries = [entry(comment="I looked")]
    suspects = [
        LabelError("s", "a", path, "x", {"m": "y"}, WHY)
        for path in ("totals.gross", "invoice_number")
    ]
    entries = merge_entries(suspects, present_entries)
    assert entries[1]["why"] == ["its 2 rows add up to 120.00, as a candidate says"], (
        "a person reads the file"
    )
    assert entries[0] == present_entries[0]
    assert [
        (new_entry["path"], new_entry["verdict"], new_entry["right"]) for new_entry in entries[1:]
    ] == [("invoice_number", "", "")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", 1),
        ("a.c", 2),
        ("x.", 3),
        ("r[1].d.e", 5),
        ("r[0]", 4),
        ("r[2]", MISSING),
        ("a.b.c", MISSING),
        ("r[x]", MISSING),
    ],
)
def test_paths_with_dots_in_keys(path: str, value: Any) -> None:
    data = {"a.b": 1, "a": {"b": 9, "c": 2}, "x.": 3, "r": [4, {"d.e": 5}]}
    assert find_value(data, path) == value
    if value is not MISSING:
        assert find_value(replace_value(data, path, "new"), path) == "new"
