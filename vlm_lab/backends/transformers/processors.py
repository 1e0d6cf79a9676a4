"""A checkpoint's processor: loaded with the settings of models.yaml, without torchvision where only
videos need it, and called in the form that it takes.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vlm_lab.backends.transformers import chat_template, families


def load_pretrained(folder: Path, settings: dict[str, Any]) -> Any:
    """The processor of a checkpoint. `size` is set on it afterwards: the min_pixels and max_pixels
    of a checkpoint's own file would win over one that is handed in. Raises what transformers
    raises."""
    settings = dict(settings)
    size = settings.pop("size", None)
    processor = _load_auto_class(folder, local_files_only=True, **settings)
    if size:
        image_processor = processor.image_processor
        image_processor.size = type(image_processor.size)(**size)
    return processor


def _load_auto_class(folder: Path, **settings: Any) -> Any:
    import transformers

    library: Any = transformers
    try:
        return library.AutoProcessor.from_pretrained(folder, **settings)
    except (ImportError, ValueError) as error:
        processor_class: Any = getattr(library, families.read_processor_class(folder), None)
        if "orchvision" not in str(error) or processor_class is None:
            raise
    return make_images_only_class(processor_class).from_pretrained(folder, **settings)


def make_images_only_class(processor_class: Any) -> Any:
    """A model's own processor class without its video half, the only one that needs torchvision.

    transformers loads the parts that `get_attributes` names and hands them over in the order of
    `__init__`: the class is the model's own, one part is None (transformers #48558).
    """
    attributes = processor_class.get_attributes()
    video_index = attributes.index("video_processor")

    class ImagesOnly(processor_class):  # type: ignore[misc]
        # SmolVLM's template asks for both.
        video_processor = SimpleNamespace(num_frames=None, fps=None)

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in attributes if name != "video_processor"]

        @classmethod
        def from_args_and_dict(cls, args: Any, *more_args: Any, **kwargs: Any) -> Any:
            args = [*args[:video_index], None, *args[video_index:]]
            return super().from_args_and_dict(args, *more_args, **kwargs)

    ImagesOnly.__name__ = processor_class.__name__
    return ImagesOnly


def has_numbered_images(processor: Any) -> bool:
    """Whether it is code of Phi-3-vision's form: a placeholder of its own for each page,
    <|image_1|>, <|image_2|> ..."""
    return hasattr(processor, "img_tokens")


def find_chat_template(
    processor: Any, folder: Path, family: families.Family, variables: dict[str, Any]
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
    family: families.Family,
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
    images = list(pages) or None
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
