"""pytest tests/suite/test_documents.py: documents find references, misfits are named."""

import unicodedata
from pathlib import Path

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.errors import UserError
from vlm_lab.messages import in_english
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.label_draws import LabelDraw, write_label_draws


def load(folder: Path, **paths: Path):  # type: ignore[no-untyped-def]
    documents, notes = load_documents(load_suite(folder, **paths))
    return documents, tuple(map(in_english, notes))


def test_a_reference_beside_the_documents_own_path_wins(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a": {"invoice_number": "outer"}, "sub/a": {"invoice_number": "inner"}})
    documents, notes = load(tmp_path)
    assert {document.name: document.reference["invoice_number"] for document in documents} == {
        "a.png": "outer",
        "sub/a.png": "inner",
    }
    assert notes == ()


def test_one_file_of_that_name_anywhere_is_found(tmp_path: Path) -> None:
    write_suite(tmp_path, {"2024/x": REFERENCE}, documents=("scans/y",))
    (tmp_path / "references/2024/x.json").rename(tmp_path / "references/y.json")
    documents, _ = load(tmp_path)
    assert [document.reference is not None for document in documents] == [False, True]


def test_a_document_knows_how_probably_it_was_drawn_for_its_label(tmp_path: Path) -> None:
    folder = write_suite(tmp_path, {"a": REFERENCE}, documents=("b", "c"))
    write_label_draws(folder, [LabelDraw("a", 0.25, drawn_at="2026"), LabelDraw("b", 0.5)])
    documents, _ = load(folder)
    assert [document.inclusion_probability for document in documents] == [0.25, None, None]


def test_composed_and_decomposed_names_are_the_same_name(tmp_path: Path) -> None:
    write_suite(tmp_path, {}, documents=(unicodedata.normalize("NFD", "Счёт й"),))
    reference = tmp_path / "references" / (unicodedata.normalize("NFC", "Счёт й") + ".json")
    reference.write_text('{"invoice_number": "1"}')
    ((document,), notes) = load(tmp_path)
    assert (document.id, document.reference, notes) == ("schet-y", {"invoice_number": "1"}, ())


@pytest.mark.parametrize(
    ("match", "name"), [("{name}.json", "a.png.json"), ("{stem}_result.json", "a_result.json")]
)
def test_match_patterns(tmp_path: Path, match: str, name: str) -> None:
    write_suite(tmp_path, {}, f"match: '{match}'", documents=("a",))
    (tmp_path / "references" / name).write_text('{"invoice_number": "1"}')
    assert load(tmp_path)[0][0].reference == {"invoice_number": "1"}


def test_what_has_no_partner_is_said_and_runs_unscored(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a": REFERENCE}, documents=("b",))
    (tmp_path / "references/c.json").write_text("{}")
    documents, notes = load(tmp_path)
    assert [document.reference for document in documents] == [REFERENCE, None]
    assert notes == (
        "1 document without reference: b.png; they run unscored",
        "1 reference without document: c.json",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{not json", "a.json: is not readable JSON"),
        ("[1, 2]", "a.json: holds no object (got list)"),
        (
            '{"invoice_nr": "1", "totals": {"gross": "2"}}',
            "a.json: the schema has no field invoice_nr; not scored",
        ),
        ("[" * 100_000, "a.json: is not readable JSON"),
    ],
)
def test_a_bad_reference_costs_only_its_own_document(
    tmp_path: Path, content: str, said: str
) -> None:
    write_suite(tmp_path, {"a": content, "b": REFERENCE})
    documents, notes = load(tmp_path)
    assert len(documents) == 2
    assert documents[1].reference == REFERENCE
    assert any(note.startswith(said) for note in notes), notes


def test_envelope_map_and_technical_keys(tmp_path: Path) -> None:
    reference = {
        "status": "done",
        "result": {
            "data": {"Номер": "7", "Итого": {"Всего": "10,00", "confidence": 0.9}, "bbox": [1, 2]}
        },
    }
    rules = "unwrap: result.data\nignore: [confidence, '*.bbox', bbox]\n"
    rules += "map: {invoice_number: Номер, totals.gross: Итого.Всего}"
    write_suite(tmp_path, {"a": reference}, rules)
    assert load(tmp_path)[0][0].reference == {"invoice_number": "7", "totals": {"gross": "10,00"}}


def test_tags_from_folder_reference_and_table(tmp_path: Path) -> None:
    rules = "tags: {folder: parent, supplier: seller.name, file: tags.csv}"
    write_suite(tmp_path, {"march/a": {"seller": {"name": "ООО Ромашка"}}}, rules)
    (tmp_path / "tags.csv").write_text("document,language\nmarch/a.png,ru\n")
    assert load(tmp_path)[0][0].tags == {
        "language": "ru",
        "folder": "march",
        "supplier": "ООО Ромашка",
    }


def test_folders_that_are_not_there_or_empty_say_what_to_type(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a": REFERENCE})
    (tmp_path / "empty").mkdir()
    for folder, said in (
        ("nowhere", "no such folder of documents"),
        ("empty", "holds no document"),
    ):
        with pytest.raises(UserError, match=f"{said}.*--documents=PATH"):
            load(tmp_path, documents=tmp_path / folder)
    with pytest.raises(UserError, match="no such suite"):
        load_suite(tmp_path / "nowhere")


def test_one_file_is_a_suite_of_one_document(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a": REFERENCE, "b": REFERENCE})
    paths = {
        "documents": tmp_path / "documents/b.png",
        "references": tmp_path / "references/b.json",
    }
    documents, notes = load(tmp_path, **paths)
    assert [document.name for document in documents] == ["b.png"]
    assert documents[0].reference == REFERENCE
    assert notes == ()
