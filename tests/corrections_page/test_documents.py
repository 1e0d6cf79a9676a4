"""pytest tests/corrections_page/test_documents.py: any value of any document can be corrected."""

from pathlib import Path

from tests.corrections_page.sessions import make_session


def test_every_value_has_a_row_and_each_candidates_answer(tmp_path: Path) -> None:
    reviewed = make_session(tmp_path / "s").documents["a"]
    assert list(reviewed.rows) == ["invoice_number", "totals.gross", "rows[0].name", "rows[1].name"]
    gross = reviewed.rows["totals.gross"]
    answers = [(answer.candidate, answer.value, answer.outcome) for answer in gross.answers]
    assert answers == [
        ("qwen (default)", "120.00", "wrong"),
        ("phi (default)", "120,00", "wrong"),
    ]
    assert (gross.reference, gross.doubt is not None) == ("119.00", True)
    assert [answer.value for answer in reviewed.rows["rows[1].name"].answers] == [None, "Lamps"]
    assert reviewed.extra_rows == {"phi (default)": 2}
    assert reviewed.failures == {"llava (default)": ("error", "needs 9 GB")}


def test_a_value_that_neither_reference_nor_candidate_has(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    described = session.describe_document("b")
    assert [row["path"] for row in described["rows"]] == ["invoice_number", "totals.gross"]
    (tmp_path / "s" / "references" / "b.json").write_text("{}")
    described = make_session(tmp_path / "t").describe_document("b")
    assert [row["path"] for row in described["rows"]] == ["invoice_number", "totals.gross"]


def test_a_document_without_reference_shows_what_was_said(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    (document_id,) = [name for name in session.documents if name.startswith("c")]
    (number, *_) = session.describe_document(document_id)["rows"]
    assert number["reference"] is None
    assert number["answers"] == [["phi (default)", "C-19", ""]]


def test_only_what_two_families_say_is_to_be_prefilled(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    agreed = {
        (name, row["path"]): row["agreed"]
        for name in session.documents
        for row in session.describe_document(name)["rows"]
        if row["agreed"] is not None
    }
    assert agreed == {("a", "totals.gross"): "120.00"}
