"""pytest tests/suite/test_document_ids.py: ids that a shell, a file system and `-k` can take."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_lab.messages import in_english
from vlm_lab.suite.document_ids import MAX_LENGTH, make_slug, make_unique_slugs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2024-03/inv_001", "2024-03-inv_001"),
        ("Счета/Счёт № 17", "scheta-schet-no-17"),
        (unicodedata.normalize("NFD", "Счёт й"), "schet-y"),
        ("Rechnung Müller & Söhne", "rechnung-muller-sohne"),
        ("../x", "x"),
        ("🧾", "receipt"),
        ("...", "document"),
        ("a" * 300, "a" * MAX_LENGTH),
    ],
)
def test_slug(name: str, expected: str) -> None:
    assert make_slug(name) == expected


@given(st.lists(st.text(min_size=1).filter(lambda text: "/" not in text), unique=True))
def test_ids_are_safe_and_unique_whatever_the_names(names: list[str]) -> None:
    ids, _ = make_unique_slugs(names)
    assert len(ids) == len(set(ids)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", identity) for identity in ids)


def test_two_documents_of_one_stem_keep_their_suffixes_and_it_is_said() -> None:
    ids, notes = make_unique_slugs(["a.jpg", "a.pdf", "b.pdf"])
    assert ids == ["a.jpg", "a.pdf", "b"]
    assert [*map(in_english, notes)] == [
        "a.jpg: another document is called 'a' too; this one is 'a.jpg'",
        "a.pdf: another document is called 'a' too; this one is 'a.pdf'",
    ]


def test_names_that_differ_only_in_script_are_numbered() -> None:
    assert make_unique_slugs(["Счёт.pdf", "Счет.pdf"])[0] == ["schet.pdf", "schet.pdf-2"]
