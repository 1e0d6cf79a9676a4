"""A checkpoint's processor: loaded with the settings of models.yaml and called in the form that it
takes.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import chat_template, families
from vlm_lab.backends.transformers.family import Family
from vlm_lab.backends.transformers.images_only import load_processor


def load_pretrained(folder: Path, settings: dict[str, Any]) -> Any:
    """The processor of a checkpoint. `size` is set on it afterwards: the min_pixels and max_pixels
    of a checkpoint's own file would win over one that is handed in. Raises what transformers
    raises."""
    settings = dict(settings)
    size = settings.pop("size", None)
    class_name = families.read_processor_class(folder)
    processor = load_processor(folder, class_name, local_files_only=True, **settings)
    if size:
        image_processor = processor.image_processor
        image_processor.size = type(image_processor.size)(**size)
    return processor


def has_numbered_images(processor: Any) -> bool:
    """Whether it is code of Phi-3-vision's form: a placeholder of its own for each page,
    <|image_1|>, <|image_2|> ..."""
    return hasattr(processor, "img_tokens")


def find_chat_template(
    processor: Any, folder: Path, family: Family, variables: dict[str, Any]
) -> chat_template.ChatTemplate | None:
    """The template that this checkpoint's prompts are made with, and how; None where it has
    none."""
    template = chat_template.find_chat_template(processor, folder, variables)
    if template is None:
        return None
    if has_numbered_images(processor):  # its template is its tokenizer's and takes plain text
        return replace(template, takes_parts=False)
    return chat_template.choose_content(template, processor, family)


def build_chat_prompt(
    processor: Any,
    family: Family,
    template: chat_template.ChatTemplate | None,
    text: str,
    image_count: int,
) -> str:
    """The prompt in the form that this checkpoint was trained with; without a chat template in the
    form of its family."""
    if template is None:
        return family.prompt_format.format(images=family.image_placeholder * image_count, text=text)
    if has_numbered_images(processor):
        image_tokens = "".join(f"{token}\n" for token in processor.img_tokens[:image_count])
        return chat_template.apply(template, processor, image_tokens + text)
    return chat_template.render(template, processor, family, text, image_count)


def encode_prompt(processor: Any, text: str, pages: Sequence[Any]) -> Any:
    """Ids and pixels of one prompt. A template that writes the start of a text itself must not get
    a second one."""
    texts = text if has_numbered_images(processor) else [text]
    return processor(
        images=pages or None, text=texts, return_tensors="pt", **_make_bos_kwargs(processor, text)
    )


def encode_batch(processor: Any, texts: Sequence[str], pages: Sequence[Any]) -> Any:
    """Ids and pixels of several prompts; shorter ones are padded on the left, where generation does
    not go on. `pages` has a list of them for each prompt, or one for each."""
    bos_kwargs, tokenizer = _make_bos_kwargs(processor, texts[0]), processor.tokenizer
    images = list(pages) if any(pages) else None
    padding_side, tokenizer.padding_side = tokenizer.padding_side, "left"
    try:
        return processor(
            images=images, text=list(texts), return_tensors="pt", padding=True, **bos_kwargs
        )
    finally:
        tokenizer.padding_side = padding_side


def _make_bos_kwargs(processor: Any, text: str) -> dict[str, Any]:
    bos_token = getattr(getattr(processor, "tokenizer", None), "bos_token", None)
    return {"add_special_tokens": False} if bos_token and text.startswith(bos_token) else {}
