"""pytest tests/suite/test_holdout.py: which documents are kept apart for the decision."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_lab.suite.holdout import split_holdout
from vlm_lab.types import Document, Suite

SUITE = Suite(name="s", folder=Path("s"), documents=Path("d"), references=Path("r"))


def document(name: str, **tags: str) -> Document:
    return Document(id=name, name=f"{name}.pdf", path=Path(name), suite=SUITE, tags=tags)


def test_every_kind_keeps_its_share_and_every_document_is_on_one_side() -> None:
    documents = [
        document(f"{language}{number}", language=language)
        for language in ("de", "ru")
        for number in range(20)
    ]
    tuned_on, held_out = split_holdout(documents, 0.5, "")
    assert sorted(each.id for each in (*tuned_on, *held_out)) == sorted(
        each.id for each in documents
    )
    languages = [each.tags["language"] for each in held_out]
    assert (languages.count("de"), languages.count("ru")) == (10, 10)


def test_a_supplier_is_on_one_side() -> None:
    documents = [document(f"d{number}", supplier=f"S{number % 10}") for number in range(60)]
    tuned_on, held_out = split_holdout(documents, 0.5, "supplier")
    suppliers = [{each.tags["supplier"] for each in part} for part in (tuned_on, held_out)]
    assert not suppliers[0] & suppliers[1]
    assert abs(len(held_out) - 30) <= 3


@given(st.integers(0, 200), st.floats(0.05, 0.95), st.randoms())
def test_the_share_is_kept_and_the_order_of_the_files_decides_nothing(
    count: int, share: float, random: object
) -> None:
    documents = [document(f"d{number}") for number in range(count)]
    held_out = {each.id for each in split_holdout(documents, share, "")[1]}
    assert len(held_out) == pytest.approx(share * count, abs=1)
    shuffled = list(documents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {each.id for each in split_holdout(shuffled, share, "")[1]} == held_out
