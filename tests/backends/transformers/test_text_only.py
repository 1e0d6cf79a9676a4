"""pytest tests/backends/transformers/test_text_only.py: text alone is sent to a model without eyes
and to one that could see."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import checkpoints
from tests.backends.transformers.test_families import job, request_of
from vlm_lab.backends.transformers import batch
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.backends.transformers.text_only import TextProcessor
from vlm_lab.backends.transformers.worker_error import WorkerError

TEXTS = ("Total 119.00", "Total 7.00 EUR, two pages of it", "x")
# Makers of language models write templates for text, some of them for parts as well.
PLAIN_CHAT = checkpoints.CHAT.replace(
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}",
    "{{ message['content'] + '' }}",
)


def build_text_model(folder: Path, template: str) -> Path:
    """A tiny Llama of random weights, as a hub has it: no file of it speaks of images."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir()
    tokenizer = checkpoints.tokenizer(folder, [])
    if template:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    torch.manual_seed(0)
    config = LlamaConfig(
        **{**checkpoints.TEXT, "num_hidden_layers": 1},
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["plain", "parts", "none"])
def text_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    templates = {
        "plain": PLAIN_CHAT,
        "parts": checkpoints.CHAT.replace("IMAGE", "<image>"),
        "none": "",
    }
    folder = tmp_path_factory.mktemp("text") / request.param
    build_text_model(folder, templates[request.param])
    return LoadedModel(job(folder, image=False))


def test_a_model_without_eyes_loads_and_is_asked_in_its_own_form(text_model: LoadedModel) -> None:
    assert text_model.environment["model_class"] == "LlamaForCausalLM"
    assert isinstance(text_model.processor, TextProcessor)
    sent = text_model.build_chat_prompt("Total 119.00", 0)
    if text_model.chat_template:
        assert sent == "<|im_start|>user\nTotal 119.00<|im_end|>\n<|im_start|>assistant\n"
    else:
        assert sent == "Total 119.00"
    reply = text_model.generate_reply(request_of(text="Total 119.00"))
    assert reply["output_tokens"] in range(1, 5)
    assert reply["visual_tokens"] is None
    assert reply["image_sizes"] == []


def test_a_model_without_eyes_is_not_shown_pages(text_model: LoadedModel) -> None:
    with pytest.raises(WorkerError, match="sees no pages: set image: false in models.yaml"):
        LoadedModel(job(text_model.folder))


def test_a_padded_batch_of_texts_says_what_single_texts_say(text_model: LoadedModel) -> None:
    text_model.processor.tokenizer.pad_token = text_model.processor.tokenizer.eos_token
    request = {**request_of(), "batch_prompts": [(text, 0) for text in TEXTS]}
    rows = batch.generate_replies(text_model, request)["replies"]
    singles = [text_model.generate_reply(request_of(text=text)) for text in TEXTS]
    for row, single in zip(rows, singles, strict=True):
        assert row["text"] == single["text"]
        assert row["prompt_tokens"] == single["prompt_tokens"]


def test_a_model_that_could_see_is_asked_without_pages(
    checkpoint: Callable[[str], Path],
) -> None:
    seeing = LoadedModel(job(checkpoint("qwen2_vl"), image=False))
    assert seeing.environment["model_class"] == "Qwen2VLForConditionalGeneration"
    assert "image_pad" not in seeing.build_chat_prompt("Total 119.00", 0)
    singles = [seeing.generate_reply(request_of(text=text)) for text in TEXTS]
    request = {**request_of(), "batch_prompts": [(text, 0) for text in TEXTS]}
    rows = batch.generate_replies(seeing, request)["replies"]
    assert [row["text"] for row in rows] == [single["text"] for single in singles]
