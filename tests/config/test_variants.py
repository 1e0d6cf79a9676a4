"""pytest tests/config/test_variants.py: one entry of models.yaml, asked in several ways."""

from pathlib import Path

import pytest

from vlm_lab.config.models_file import load_candidates
from vlm_lab.config.variants import find_base
from vlm_lab.errors import UserError

ENTRY = """\
defaults:
  generation_kwargs: {max_new_tokens: 1024}
models:
  - name: a
    model_id: hub/a
    incumbent: true
    generation_kwargs: {temperature: 0.2, top_p: 0.5}
    variants:
VARIANTS
  - name: b
    model_id: hub/b
"""


def load(folder: Path, *variants: str) -> Path:
    path = folder / "models.yaml"
    path.write_text(ENTRY.replace("VARIANTS", "\n".join(f"      {line}" for line in variants)))
    return path


def test_a_variant_is_the_model_with_what_it_changes(tmp_path: Path) -> None:
    path = load(tmp_path, "cold: {generation_kwargs: {temperature: 0.0}}", "fine: {dpi: 200}")
    candidates = load_candidates([path])
    as_it_is, cold, fine, other = candidates.models
    assert [each.name for each in candidates.models] == ["a", "a+cold", "a+fine", "b"]
    assert cold.generation_kwargs == {"max_new_tokens": 1024, "temperature": 0.0, "top_p": 0.5}
    assert fine.generation_kwargs == as_it_is.generation_kwargs
    assert (as_it_is.dpi, fine.dpi, other.dpi) == (None, 200, None)
    assert [each.incumbent for each in candidates.models] == [True, False, False, False]
    assert candidates.locations["a+cold"] == candidates.locations["a"] == f"{path}:4"


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("x: {generation_kwarg: {top_k: 1}}", "models[0].variants.x.generation_kwarg"),
        ("x: {name: c}", "models[0].variants.x.name"),
        ("x: {incumbent: true}", "models[0].variants.x.incumbent"),
        ("x: {}", "changes nothing"),
        ("Big One: {dpi: 200}", "a variant's name must match"),
        ("x+y: {dpi: 200}", "a variant's name must match"),
        ("x.json: {dpi: 200}", "a variant's name must match"),
        (f"{'x' * 61}: {{dpi: 200}}", "a variant's name must match"),
        ("x: {dpi: 0}", "models[0].variants.x.dpi: must be 1 or more"),
        ("x: 7", "models[0].variants"),
        ("x: {trust_remote_code: perhaps}", "models[0].variants.x.trust_remote_code"),
    ],
)
def test_a_mistake_says_where_it_stands(tmp_path: Path, variant: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        load_candidates([load(tmp_path, variant)])
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "base"), [("a", ""), ("a+int4", "a"), ("a-b.c+max_visual_tokens-256", "a-b.c")]
)
def test_a_variants_base_is_known_by_its_name(name: str, base: str) -> None:
    assert find_base(name) == base
