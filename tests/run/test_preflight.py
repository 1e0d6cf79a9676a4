"""pytest tests/run/test_preflight.py: what stops a run first, and what is only said."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.messages import in_english
from vlm_lab.run import preflight
from vlm_lab.run.preflight import check_suite
from vlm_lab.run.unsound_references import leave_unscored
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Generation, Prediction


def checked(folder: Path, cache: Path | None = None) -> Any:
    documents, _ = load_documents(load_suite(folder))
    errors, notes = check_suite(documents[0].suite, documents, cache)
    return errors, tuple(map(in_english, notes))


def test_a_suite_that_fits(tmp_path: Path) -> None:
    errors, notes = checked(write_suite(tmp_path, {"a": REFERENCE, "b": {"invoice_number": "7"}}))
    assert errors == ()
    assert notes == (
        "amounts are written 1234.56 (1)",
        "0 of 2 references are verified by a person",
    )


def test_schema_and_references_that_share_nothing_stop_the_run(tmp_path: Path) -> None:
    errors, _ = checked(write_suite(tmp_path, {"a": {"Номер": "1", "Итого": {"Всего": "2"}}}))
    (error,) = errors
    assert (
        "share no field: the schema has invoice_number, totals.gross; "
        "the references have Номер, Итого.Всего" in error
    )
    assert "map them in suite.yaml" in error


def test_a_reference_that_does_not_survive_the_scorer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlm_lab import parsing

    parse = parsing.parse

    def misread(reply: Generation) -> Prediction:
        return parse(Generation(raw_response=reply.raw_response.replace("17", "71")))

    monkeypatch.setattr(parsing, "parse", misread)
    errors, _ = checked(write_suite(tmp_path, {"a": REFERENCE, "b": {"invoice_number": "7"}}))
    assert errors == (
        "a.png: its reference does not score 1.0 against itself: "
        "invoice_number = 'A-17' comes back as 'A-71'",
    )


def test_what_can_be_lived_with_is_said(tmp_path: Path) -> None:
    folder = write_suite(
        tmp_path, {"a": {"invoice_number": 12345}, "b": {"totals": {"gross": "без НДС"}}}
    )
    assert checked(folder) == (
        (),
        (
            "invoice_number: 1 came as JSON numbers, for example 12345; "
            "compared as identifiers, but zeros at the front may be lost",
            "totals.gross: 1 of 1 are no amount, for example 'без НДС'",
            "amounts are written otherwise (1)",
            "0 of 2 references are verified by a person",
        ),
    )


def test_no_reference_at_all_is_said(tmp_path: Path) -> None:
    errors, notes = checked(write_suite(tmp_path, {}, documents=("a",)))
    assert errors == ()
    assert "no document has a reference; nothing will be scored" in notes[0]


def test_an_unchanged_suite_is_checked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = write_suite(tmp_path / "s", {"a": REFERENCE}), tmp_path / "cache"
    first = checked(folder, cache)
    (path,) = (cache / "checks").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    calls: list[object] = []
    errors = preflight._find_errors
    monkeypatch.setattr(
        preflight, "_find_errors", lambda *given: calls.append(given) or errors(*given)
    )
    assert checked(folder, cache) == first
    assert not calls
    (folder / "references/a.json").write_text(json.dumps({"invoice_number": "2"}))
    assert checked(folder, cache) != first
    assert calls
    (folder / "references/a.json").write_text(json.dumps(REFERENCE))
    for other in ("{broken", '[[], ["a line of an older version"]]'):
        path.write_text(other)
        assert checked(folder, cache) == first


def test_one_unsound_reference_runs_unscored_and_most_of_them_are_the_suites_fault(
    tmp_path: Path,
) -> None:
    odd = {"invoice_number": "{{ number }}"}
    references = {"a": REFERENCE, "b": odd, "c": REFERENCE}
    documents, _ = load_documents(load_suite(write_suite(tmp_path / "one", references)))
    kept, notes = leave_unscored(documents)
    assert [document.reference is None for document in kept] == [False, True, False]
    assert "b.png: its reference does not score 1.0" in in_english(notes[0])
    documents, _ = load_documents(load_suite(write_suite(tmp_path / "two", {"a": odd, "b": odd})))
    kept, notes = leave_unscored(documents)
    assert all(document.reference is not None for document in kept)
    assert notes == ()
