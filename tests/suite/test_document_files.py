"""pytest tests/suite/test_document_files.py: what lies in a folder is a document, or is named."""

from pathlib import Path

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.messages import in_english
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.document_files import explain_no_document, is_document


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("scan.HEIC", b"", True),
        ("x", b"\0\0\0\x18ftypavif", True),
        ("film.bin", b"\0\0\0\x18ftypisom", False),
        ("x", b"GIF89a", True),
        ("x", b"\x00\x00\x00\x0cjP  \r\n\x87\n", True),
        ("mail.eml", b"From: a", False),
    ],
)
def test_documents_are_told_by_name_or_first_bytes(
    tmp_path: Path, name: str, data: bytes, expected: bool
) -> None:
    (tmp_path / name).write_bytes(data)
    assert is_document(tmp_path / name) is expected


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"PK", "an office file"),
        ("a.MSG", b"x", "an e-mail, its attachments are not read"),
        ("a.zip", b"PK", "an archive"),
        ("a.dat", b"", "empty"),
        ("a", b"hello", "neither PDF, JPEG"),
        ("gone", None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_document_says_what_it_is(
    tmp_path: Path, name: str, data: bytes | None, reason: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert explain_no_document(tmp_path / name).startswith(reason)


def test_what_lies_among_documents_is_named_and_the_suites_own_files_are_not(
    tmp_path: Path,
) -> None:
    write_suite(tmp_path, {"a": REFERENCE}, "references: documents/labels")
    documents = tmp_path / "documents"
    (tmp_path / "references").rename(documents / "labels")
    for name in ("sub/b.xlsx", "c.eml", "d.docx", "Thumbs.db", ".hidden.zip", "labels/e.txt"):
        (documents / name).parent.mkdir(exist_ok=True)
        (documents / name).write_text("x")
    loaded, notes = load_documents(load_suite(tmp_path))
    assert [document.name for document in loaded] == ["a.png"]
    assert sorted(map(in_english, notes)) == [
        "1 file is no document (a text without pages): labels/e.txt",
        "1 file is no document (an e-mail, its attachments are not read): c.eml",
        "2 files are no documents (an office file): d.docx, sub/b.xlsx",
    ]


def test_a_suite_whose_documents_lie_beside_suite_yaml_names_none_of_its_own_files(
    tmp_path: Path,
) -> None:
    write_suite(tmp_path, {"a": REFERENCE}, "documents: .")
    _, notes = load_documents(load_suite(tmp_path))
    assert notes == ()
