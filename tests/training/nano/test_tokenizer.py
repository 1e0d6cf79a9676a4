"""The tokenizer: values letter by letter, keys and the prompts' words in one piece, and everything
comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.nano.tokenizer import LETTERS, prompt_words, tokenizer

TOKENIZER = tokenizer(prompt_words(["Read this document and answer with one JSON object."]))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ('{"net": "12.30"}', ["{", '"net": ', '"', "1", "2", ".", "3", "0", '"', "}"]),
        ('"EUR"', ['"EUR"']),
        ("Read document", ["Read", " ", "document"]),
        ("Reader", list("Reader")),  # a word of the prompt inside another one is letters
        ("Zürich", list("Zürich")),
    ],
)
def test_pieces(text: str, pieces: list[str]) -> None:
    assert TOKENIZER.tokenize(text) == pieces


@given(st.text(LETTERS, max_size=40))
def test_what_is_encoded_is_decoded(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER(text).input_ids) == text
