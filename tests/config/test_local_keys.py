"""pytest tests/config/test_local_keys.py: what is done to weights that are loaded here."""

from pathlib import Path

import pytest

from vlm_lab.config.models_file import load_candidates
from vlm_lab.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def load(folder: Path, line: str, defaults: str = "{}") -> Path:
    path = folder / "models.yaml"
    path.write_text(f"defaults: {defaults}\nmodels:\n  - {{name: a, model_id: acme/a, {line}}}\n")
    return path


@pytest.mark.parametrize(
    ("line", "adapter", "quantization"),
    [
        ("adapter: ../lora", "../lora", None),
        (f"adapter: acme/lora@{COMMIT}", f"acme/lora@{COMMIT}", None),
        ("quantization: int8, adapter: lora", "lora", "int8"),
        ('backend: "mine:Mine", quantization: int4', None, "int4"),
    ],
)
def test_both_are_keys_of_a_model(
    tmp_path: Path, line: str, adapter: str | None, quantization: str | None
) -> None:
    (model,) = load_candidates([load(tmp_path, line)]).models
    assert (model.adapter, model.quantization) == (adapter, quantization)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("quantization: in8", "quantization: no quantization 'in8'; did you mean 'int8'?"),
        ("quantization: 4", "models[0].quantization"),
        (
            "quantization: int4, load_kwargs: {quantization_config: {load_in_8bit: true}}",
            "quantization: stands beside load_kwargs: quantization_config; keep one",
        ),
        ("load_in_4bit: true", "the key 'load_in_4bit' is spelt `quantization: int4`"),
        ("load_in_8bit: true", "the key 'load_in_8bit' is spelt `quantization: int8`"),
        ("adapter: acme/lora@main", "adapter: must be a folder or owner/name@<commit of 40"),
        (f"adapter: lora@{COMMIT}", "adapter: must be a folder or owner/name@<commit of 40"),
        ('adapter: "a\\0b"', "models[0].adapter"),
        ("backend: openai, adapter: lora", "adapter: is for backend transformers, not for openai"),
        ("backend: openai, quantization: int4", "serve_args: [--quantization, NAME]"),
        ("backend: ocr, quantization: int4", "not for ocr; remove it"),
        ("backend: replay, adapter: lora", "not for replay; remove it"),
    ],
)
def test_what_cannot_be_done_is_said_where_the_file_is_read(
    tmp_path: Path, line: str, words: str
) -> None:
    with pytest.raises(UserError) as error:
        load_candidates([load(tmp_path, line)])
    assert words in str(error.value)


def test_what_defaults_say_is_for_models_that_are_loaded_here(tmp_path: Path) -> None:
    """A server would answer without it, under a name that says otherwise; OCR has no weights."""
    defaults = "{quantization: int4}"
    assert load_candidates([load(tmp_path, "backend: ocr", defaults)]).models
    with pytest.raises(UserError, match="not for openai"):
        load_candidates([load(tmp_path, "backend: openai", defaults)])
