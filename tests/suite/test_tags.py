"""pytest tests/suite/test_tags.py: a table of tags that is none is one line."""

from pathlib import Path

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.errors import UserError
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.tags import read_tag_table


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"a.png,ACME\n", "must have a column `document`"),  # its only line is taken as its head
        (b"a.png\nb.png,ACME\n", r"must have a column `document`, .* \(got a\.png\)"),
        (b"\nlanguage,supplier\nru,ACME\n", "must have a column `document`"),
        (b"document,supplier\na.png,\xff\xfe\n", "is no CSV in UTF-8"),
    ],
)
def test_a_table_without_its_column_names_it(tmp_path: Path, table: bytes, said: str) -> None:
    suite = load_suite(write_suite(tmp_path, {"a": REFERENCE}, "tags: {file: tags.csv}"))
    (tmp_path / "tags.csv").write_bytes(table)
    with pytest.raises(UserError, match=said):
        read_tag_table(suite)


def test_rows_that_are_too_long_or_too_short_keep_what_has_a_name(tmp_path: Path) -> None:
    write_suite(tmp_path, {"a": REFERENCE, "b": REFERENCE}, "tags: {file: tags.csv}")
    (tmp_path / "tags.csv").write_text("supplier,document\nACME,a.png,more,and more\nshort\n")
    documents, _ = load_documents(load_suite(tmp_path))
    assert [document.tags for document in documents] == [{"supplier": "ACME"}, {}]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("scans/a.png\ninv_01.png\n", r"verified\.txt:2: no document 'inv_01\.png'; did you mean"),
        ("# by Anna\n\nA.PNG\n", r"verified\.txt:3: .* did you mean 'scans/a\.png'\?"),
        ("inv-001\n", r"verified\.txt:1: .* did you mean 'inv_001\.png'\?"),
        (
            "\n".join("unheard of" + "!" * n for n in range(9)),
            "and 4 more lines\nwrite a document's",
        ),
    ],
)
def test_a_verified_name_that_matches_nothing_is_an_error(
    tmp_path: Path, lines: str, said: str
) -> None:
    write_suite(tmp_path, {"scans/a": REFERENCE, "inv_001": REFERENCE})
    (tmp_path / "verified.txt").write_text(lines)
    with pytest.raises(UserError, match=said):
        load_documents(load_suite(tmp_path))


def test_other_documents_are_not_asked_for_the_suites_verified_names(tmp_path: Path) -> None:
    write_suite(tmp_path / "s", {"a": REFERENCE, "b": REFERENCE})
    (tmp_path / "s" / "verified.txt").write_text("a.png\nb\n")
    only = tmp_path / "s" / "documents" / "a.png"
    (document,), _ = load_documents(load_suite(tmp_path / "s", documents=only))
    assert document.verified
