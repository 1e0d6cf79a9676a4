"""What really differs between families of vision-language models, by config.json's `model_type`.

transformers' chat templates and processors do most of the work; an entry here says only what they
do not: how many images a model takes, which processor setting is its pixel budget, which token
stands for a piece of an image and how many of them a page becomes. A new quirk is an entry of about
ten lines.

The dry run uses the arithmetic, the worker the rest, perhaps in another interpreter: this module is
valid on Python 3.9 and needs neither torch nor transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.visual_tokens import (
    Config,
    Size,
    build_edge_budget,
    build_glm_budget,
    build_grids_budget,
    build_idefics2_budget,
    build_mllama_budget,
    build_pixtral_budget,
    build_qwen_budget,
    build_tiles_budget,
    count_gemma3_tokens,
    count_glm_tokens,
    count_idefics2_tokens,
    count_llava_next_tokens,
    count_llava_tokens,
    count_mllama_tokens,
    count_paligemma_tokens,
    count_pixtral_tokens,
    count_qwen_tokens,
    count_square_tokens,
    rename_qwen_settings,
    resize_mllama_page,
)
from vlm_lab.files import read_json_object

TokenCounter = Callable[[Config, Config, Size], int]
BudgetRule = Callable[[Config, Config, int], dict[str, Any]]
ResizeRule = Callable[[Config, Config, int, Size], Size]


@dataclass(frozen=True)
class Family:
    """One entry. `count_tokens(config, preprocessor, size)` is the visual tokens of one page;
    `build_budget(config, preprocessor, n)` the processor settings that keep a page within n of
    them, `resize` the size to which a page is shrunk beforehand where no setting can;
    `shared_config_keys` names settings that the model's own config must have as well;
    `rename_settings` turns users' settings into today's names.

    `image_placeholder` stands for a page in a prompt, `prompt_format` is the form of one where a
    checkpoint has no chat template; `multi_image` is False where a prompt takes one image;
    `postprocess_method` is the processor's method that makes JSON of a reply in tags of its own;
    `visual_token_keys` name the visual token in config.json; `is_chat` is False where no chat
    template belongs to it; `decodes_as_made` is True where its checkpoints' generation settings are
    a part of what was trained (generation_settings.py)."""

    count_tokens: TokenCounter | None = None
    build_budget: BudgetRule | None = None
    rename_settings: Callable[[Config, Config], dict[str, Any]] | None = None
    image_placeholder: str = "<image>"
    prompt_format: str = "{images}{text}"
    multi_image: bool = True
    postprocess_method: str = ""
    visual_token_keys: tuple[str, ...] = ("image_token_id", "image_token_index")
    resize: ResizeRule | None = None
    shared_config_keys: tuple[str, ...] = ()
    is_chat: bool = True
    decodes_as_made: bool = False


QWEN = Family(
    count_qwen_tokens,
    build_qwen_budget,
    rename_qwen_settings,
    image_placeholder="<|vision_start|><|image_pad|><|vision_end|>",
)
GLM = Family(
    count_glm_tokens,
    build_glm_budget,
    image_placeholder="<|begin_of_image|><|image|><|end_of_image|>",
)
GOT_PROMPT = (
    "<|im_start|>system\n"
    "        You should follow the instructions carefully and help me with my tasks.<|im_end|>"
    "<|im_start|>user\n{images}\n{text}<|im_end|><|im_start|>assistant\n"
)
FAMILIES = {
    "aya_vision": Family(build_budget=build_tiles_budget, visual_token_keys=("image_token_index",)),
    "deepseek_vl": Family(count_square_tokens, image_placeholder="<image_placeholder>"),
    # Florence 2 is asked by a task token alone: <OCR>
    "florence2": Family(
        image_placeholder="",
        prompt_format="{text}",
        multi_image=False,
        is_chat=False,
        decodes_as_made=True,
    ),
    "gemma3": Family(count_gemma3_tokens, image_placeholder="<start_of_image>"),
    "glm46v": GLM,
    "glm4v": GLM,
    "glm_ocr": GLM,
    "got_ocr2": Family(
        image_placeholder="<img><imgpad></img>",
        prompt_format=GOT_PROMPT,
        multi_image=False,
        is_chat=False,
    ),
    "idefics2": Family(count_idefics2_tokens, build_idefics2_budget),
    "idefics3": Family(build_budget=build_edge_budget),
    "internvl": Family(build_budget=build_tiles_budget, image_placeholder="<IMG_CONTEXT>"),
    "lighton_ocr": Family(
        count_pixtral_tokens, build_pixtral_budget, image_placeholder="<|image_pad|>"
    ),
    "llava": Family(count_llava_tokens, prompt_format="USER: {images}\n{text} ASSISTANT:"),
    "llava_next": Family(
        count_llava_next_tokens,
        build_grids_budget,
        prompt_format="[INST] {images}\n{text} [/INST]",
        shared_config_keys=("image_grid_pinpoints",),
    ),
    "llava_onevision": Family(
        build_budget=build_grids_budget, shared_config_keys=("image_grid_pinpoints",)
    ),
    "mllama": Family(
        count_mllama_tokens,
        build_mllama_budget,
        image_placeholder="<|image|>",
        resize=resize_mllama_page,
    ),
    "ovis2": Family(build_budget=build_tiles_budget),
    "paddleocr_vl": Family(
        count_qwen_tokens,
        build_qwen_budget,
        rename_qwen_settings,
        "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>",
    ),
    "paligemma": Family(count_paligemma_tokens, is_chat=False),
    "qwen2_vl": QWEN,
    "qwen2_5_vl": QWEN,
    "qwen3_vl": QWEN,
    "smolvlm": Family(build_budget=build_edge_budget),
    "vipllava": Family(count_square_tokens),
    # Donut: <s_cord-v2>
    "vision-encoder-decoder": Family(
        image_placeholder="",
        prompt_format="{text}",
        multi_image=False,
        postprocess_method="token2json",
        is_chat=False,
        decodes_as_made=True,
    ),
}
UNKNOWN_FAMILY = Family()  # what holds for most
# Native in transformers 5, but the class named here needs torchvision, which the suite does
# without.
NEED_TORCHVISION = {
    "cohere2_vision": "Cohere2VisionImageProcessor",
    "lfm2_vl": "Lfm2VlImageProcessor",
    "mistral3": "PixtralProcessor",
    "pixtral": "PixtralProcessor",
}


def get_family(config: Config) -> Family:
    """The entry of a config.json; a family without one gets what holds for most."""
    return FAMILIES.get(str(config.get("model_type")), UNKNOWN_FAMILY)


def read_preprocessor(folder: Path) -> dict[str, Any]:
    """The image processor's settings: preprocessor_config.json, or the part of
    processor_config.json that has them."""
    settings = read_json_object(folder / "preprocessor_config.json")
    nested_settings = read_json_object(folder / "processor_config.json").get("image_processor")
    return {**settings, **nested_settings} if isinstance(nested_settings, dict) else settings


def resolve_processor_kwargs(
    family: Family, config: Config, preprocessor: Config, processor_kwargs: Config
) -> dict[str, Any]:
    """models.yaml's processor_kwargs with `max_visual_tokens` put into the family's own settings.

    ValueError where the family has no budget to set.
    """
    resolved_kwargs = dict(processor_kwargs)
    max_tokens = resolved_kwargs.pop("max_visual_tokens", None)
    if max_tokens is not None:
        if family.build_budget is None:
            raise ValueError(
                "processor_kwargs: max_visual_tokens: this family of models has no pixel budget; "
                "remove it"
            )
        budget = family.build_budget(config, preprocessor, int(max_tokens))
        resolved_kwargs = {**budget, **resolved_kwargs}
    if family.rename_settings:
        return family.rename_settings(preprocessor, resolved_kwargs)
    return resolved_kwargs


def compute_page_size(
    family: Family, config: Config, preprocessor: Config, processor_kwargs: Config, size: Size
) -> Size:
    """The size at which a page is handed to the processor: its own, but for families that have
    `resize`."""
    max_tokens = processor_kwargs.get("max_visual_tokens")
    if family.resize is None or max_tokens is None:
        return size
    return family.resize(config, preprocessor, int(max_tokens), size)


def predict_visual_tokens(folder: Path, model: Any, sizes: Sequence[Size]) -> int | None:
    """Visual tokens of pages of these sizes (width, height), from JSON files alone; None where
    nobody knows."""
    config, preprocessor = read_json_object(folder / "config.json"), read_preprocessor(folder)
    processor_kwargs = model.processor_kwargs
    family = get_family(config)
    if family.count_tokens is None:
        return None
    token_count = 0
    try:
        resolved_kwargs = resolve_processor_kwargs(family, config, preprocessor, processor_kwargs)
        # A size that was set wins over the limits in the checkpoint's own file.
        unset = ("min_pixels", "max_pixels") if "size" in resolved_kwargs else ()
        effective_preprocessor = {**preprocessor, **dict.fromkeys(unset), **resolved_kwargs}
        for size in sizes:
            page_size = compute_page_size(family, config, preprocessor, processor_kwargs, size)
            token_count += family.count_tokens(config, effective_preprocessor, page_size)
        return token_count
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def read_processor_class(folder: Path) -> str:
    """The name of the processor's class, from the first of a checkpoint's files that says it; ""
    where none does."""
    for name in (
        "processor_config.json",
        "preprocessor_config.json",
        "tokenizer_config.json",
        "config.json",
    ):
        if class_name := read_json_object(folder / name).get("processor_class"):
            return str(class_name)
    return ""
