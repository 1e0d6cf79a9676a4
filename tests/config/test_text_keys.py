"""pytest tests/config/test_text_keys.py: what `image` and `reader` cannot be is refused."""

from pathlib import Path

import pytest

from vlm_lab.config.models_file import load_candidates
from vlm_lab.config.text_keys import check_shown_text
from vlm_lab.errors import UserError
from vlm_lab.suite.prompts import shows_page_text

TEMPLATES = {"plain": "Read it. {{ schema }}", "text": "{% if ocr_text %}{{ ocr_text }}{% endif %}"}


def load(folder: Path, *entries: str):  # type: ignore[no-untyped-def]
    path = folder / "models.yaml"
    path.write_text("models:\n" + "".join(f"  - {{model_id: x, {entry}}}\n" for entry in entries))
    return load_candidates([path])


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (["name: a, reader: b"], "models.yaml:2: a: reader: no model 'b'; known: a, ocr"),
        (["name: a, reader: orc"], "reader: no model 'orc'; did you mean 'ocr'?"),
        (["name: a, reader: a"], "a <- a goes round in a circle"),
        (["name: a, reader: b", "name: b, reader: c", "name: c, reader: b"], "a <- b <- c <- b"),
        ([f"name: m{n}, reader: m{n + 1}" for n in range(5)] + ["name: m5"], "4 is most"),
        (["name: a, backend: ocr, image: false"], "a: image: false is for a model"),
        (["name: a, image: 'sometimes'"], "models.yaml:2: models[0].image"),
    ],
)
def test_a_reader_that_cannot_read_is_refused_with_its_line(
    tmp_path: Path, entries: list[str], sentence: str
) -> None:
    with pytest.raises(UserError) as refused:
        load(tmp_path, *entries)
    assert sentence in str(refused.value)


def test_a_reader_may_have_a_reader_and_the_ocr_needs_no_entry(tmp_path: Path) -> None:
    chain = [f"name: m{n}, reader: m{n + 1}" for n in range(4)]
    candidates = load(tmp_path, *chain, "name: m4, reader: ocr")
    assert [model.reader for model in candidates.models] == ["m1", "m2", "m3", "m4", "ocr"]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            "name: a, prompts: [text, plain], image: false",
            "image: false sends text alone, and prompt 'plain' shows nothing of a document: put "
            "{{ ocr_text }} into it",
        ),
        ("name: a, prompts: [plain], reader: ocr", "reader: ocr would read for nothing"),
        ("name: a, prompts: [text], image: false", ""),
        ("name: a, prompts: [plain, text], reader: ocr", ""),
    ],
)
def test_a_model_that_would_be_shown_nothing_is_refused(
    tmp_path: Path, entry: str, sentence: str
) -> None:
    candidates = load(tmp_path, entry)
    said = ""
    try:
        check_shown_text(candidates.models, TEMPLATES, candidates.locations, shows_page_text)
    except UserError as refused:
        said = str(refused)
    assert sentence in said
    assert bool(said) == bool(sentence)
    assert not said or said.startswith(f"{tmp_path / 'models.yaml'}:2: a: ")
