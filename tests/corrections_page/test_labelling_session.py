"""pytest tests/corrections_page/test_labelling_session.py: what a sitting of labelling writes, and
what it refuses."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.corrections_page.labelling_sessions import BLIND, answer, make_labelling_session
from vlm_lab.corrections_page.labelling.form import format_value, parse_list
from vlm_lab.corrections_page.labelling.session import LabellingSession
from vlm_lab.corrections_page.request_checks import Refusal
from vlm_lab.errors import UserError
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.label_checks import read_label_checks
from vlm_lab.suite.label_drafts import locate_draft

DECIDED = {"invoice_number": "A-17", "totals.gross": "119.00"}


@pytest.fixture
def session(tmp_path: Path) -> LabellingSession:
    return make_labelling_session(tmp_path / "s")


def save(session: LabellingSession, version: str = "", **form: Any) -> str:
    sent = {"document": "d0", "version": version, "labelled_by": "anna"}
    sent |= {"row_counts": {}, "decided": DECIDED, "open": {}, **form}
    saved: str = session.save_draft(sent)["version"]
    return saved


def finish(session: LabellingSession, version: str, document: str = "d0") -> dict[str, Any]:
    return session.finish({"document": document, "version": version, "labelled_by": " anna  b "})


def test_a_label_is_a_reference_a_line_and_a_check(session: LabellingSession) -> None:
    folder = session.suite.folder
    (folder / "verified.txt").write_text("d9.png")
    rows = {"rows[0].name": "Desk", "rows[1].name": None}
    version = save(session, row_counts={"rows": 2}, decided={**DECIDED, **rows})
    draft = locate_draft(folder, "d0")
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    assert stat.S_IMODE(draft.parent.stat().st_mode) == 0o700
    assert (draft.parent / ".gitignore").read_text() == "*\n"
    finish(session, version)
    path = folder / "references" / "d0.json"
    assert json.loads(path.read_text()) == {
        "invoice_number": "A-17",
        "totals": {"gross": "119.00"},
        "rows": [{"name": "Desk"}, {"name": None}],
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (folder / "verified.txt").read_text() == "d9.png\nd0.png\n"
    assert not draft.exists()
    (check,) = read_label_checks(folder)
    assert (check.labelled_by, check.run) == ("anna b", session.run)
    assert (check.kept, check.changed) == (("totals.gross",), ("invoice_number",))
    documents, _ = load_documents(load_suite(folder))
    assert [document.id for document in documents if document.verified] == ["d0", "d9"]


def test_a_new_folder_of_references_is_kept_out_of_git(session: LabellingSession) -> None:
    references = session.suite.references
    references.rmdir()
    finish(session, save(session))
    assert (references / ".gitignore").read_text().splitlines()[-1] == "*"
    assert (references / "d0.json").exists()


def test_a_label_may_be_changed_until_somebody_else_changes_it(session: LabellingSession) -> None:
    finish(session, save(session))
    path = session.suite.folder / "references" / "d0.json"
    finish(session, save(session, decided={**DECIDED, "totals.gross": "1.00"}))
    assert json.loads(path.read_text())["totals"]["gross"] == "1.00"
    (check,) = read_label_checks(session.suite.folder)
    assert check.changed == ("invoice_number",), "as it was when it was labelled"
    path.write_text("{}")
    version = save(session)
    with pytest.raises(Refusal, match="was changed, or taken away, since") as refused:
        finish(session, version)
    assert refused.value.status == 409
    assert path.read_text() == "{}"
    assert locate_draft(session.suite.folder, "d0").exists()


def test_a_reference_that_came_meanwhile_stays(session: LabellingSession) -> None:
    version = save(session)
    path = session.suite.folder / "references" / "d0.json"
    path.write_text("{}")
    with pytest.raises(Refusal, match="is there by now: it stays as it is"):
        finish(session, version)
    assert path.read_text() == "{}"
    assert read_label_checks(session.suite.folder) == ()
    assert not (session.suite.folder / "verified.txt").exists()


def test_a_draft_of_another_tab_is_not_written_over(session: LabellingSession) -> None:
    version = save(session)
    with pytest.raises(Refusal, match="the draft was changed") as refused:
        save(session, decided={})
    assert refused.value.details == {"stale": True}
    assert save(session, version) == version


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"decided": {"nothing.such": "1"}}, "decided: the form has no value 'nothing.such'"),
        ({"decided": {"rows[0].name": "1"}}, "the form has no value"),
        ({"decided": {"invoice_number": 3}}, "must be a text, or null"),
        ({"decided": {"invoice_number": "  "}}, "must be a text, or null"),
        ({"decided": []}, "decided must be an object"),
        ({"row_counts": {"rows": -1}}, "row_counts must be numbers from 0 to 2000"),
        ({"row_counts": {"rows": 10**9}}, "row_counts must be numbers"),
        ({"document": "none"}, "no such document"),
        ({"document": 3}, "document, version, labelled_by must be texts"),
        ({"more": 1}, "unknown keys: more"),
    ],
)
def test_what_is_no_form_is_refused(
    session: LabellingSession, form: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        save(session, **form)
    assert said in refused.value.message
    assert not (session.suite.folder / "label_drafts").exists()


def test_an_open_value_is_named(session: LabellingSession) -> None:
    version = save(session, decided={"invoice_number": "A"}, open={"totals.gross": "119.00"})
    with pytest.raises(Refusal) as refused:
        finish(session, version)
    assert refused.value.details == {"open_places": ["totals.gross"]}


def test_of_a_blind_document_nothing_leaves_before_it_is_finished(
    session: LabellingSession,
) -> None:
    assert session.describe_document("d1")["open"]["rows[1].name"] == "Lamp d1"
    assert session.describe_document("d2")["answers"]["totals.gross"] == [
        ("qwen (default)", "119.00")
    ]
    described = session.describe_document(BLIND)
    assert answer(BLIND)["invoice_number"] not in json.dumps(described)
    version = save(session, document=BLIND)
    finish(session, version, BLIND)
    assert session.describe_document(BLIND)["answers"]["invoice_number"][0][1] == "A-d4"
    (check,) = read_label_checks(session.suite.folder)
    assert (check.blind, check.kept, check.changed) == (
        *(True, ("totals.gross",)),
        ("invoice_number",),
    )


def test_what_was_agreed_when_a_draft_was_begun_is_what_counts(
    session: LabellingSession, tmp_path: Path
) -> None:
    save(session)
    other = make_labelling_session(tmp_path / "s")
    other.documents["d0"].consensus = other.documents["d9"].consensus
    version = other.describe_document("d0")["version"]
    finish(other, save(other, version, decided={**DECIDED, "invoice_number": "A-d0"}))
    (check,) = read_label_checks(session.suite.folder)
    assert check.changed == ()


def test_a_damaged_draft_is_a_sentence(session: LabellingSession) -> None:
    save(session)
    locate_draft(session.suite.folder, "d0").write_text("[")
    with pytest.raises(UserError, match=r"d0\.draft: is no draft of a label"):
        session.describe_document("d0")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a; b", ["a", "b"]),
        ("a", ["a"]),
        ('["a; b", 2]', ["a; b", 2]),
        ("[a", ["[a"]),
        ("[" * 5000, ["[" * 5000]),
    ],
)
def test_a_list_is_typed_as_text(text: str, values: list[Any]) -> None:
    assert parse_list(text) == values


@pytest.mark.parametrize("values", [["a", "b"], ["a; b"], [1, None]])
def test_a_list_is_read_as_it_is_shown(values: list[Any]) -> None:
    assert parse_list(format_value(values) or "") == values
