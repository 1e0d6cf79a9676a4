"""pytest tests/suite/test_sampling.py: fewer documents that still look like all of them."""

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vlm_lab.suite.sampling import sample_documents
from vlm_lab.types import Document, Suite

SUITE = Suite(name="s", folder=Path(), documents=Path(), references=Path())


def documents(languages: list[str]) -> list[Document]:
    return [
        Document(id=f"d{n}", name=f"d{n}", path=Path(), suite=SUITE, tags={"language": language})
        for n, language in enumerate(languages)
    ]


@given(
    st.lists(st.sampled_from(["de", "en", "ru"]), min_size=1, max_size=60),
    st.integers(1, 80),
    st.integers(0, 9),
)
def test_every_tag_keeps_its_share_to_within_one_document(
    languages: list[str], count: int, seed: int
) -> None:
    pool = documents(languages)
    taken = sample_documents(pool, count, seed)
    assert len(taken) == min(count, len(pool))
    assert list(taken) == [document for document in pool if document in taken], (
        "in their old order, each once"
    )
    shares = Counter(document.tags["language"] for document in taken)
    for language, number in Counter(languages).items():
        assert abs(shares[language] - number * len(taken) / len(pool)) < 1 + 1e-9


def test_the_seed_decides() -> None:
    pool = documents(["de"] * 50)
    first, again, other = (sample_documents(pool, 10, seed) for seed in (0, 0, 1))
    assert first == again != other


def test_all_is_all() -> None:
    pool = documents(["de", "en"])
    assert sample_documents(pool, None, 0) == tuple(pool)
