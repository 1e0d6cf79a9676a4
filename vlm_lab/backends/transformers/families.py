"""The family of a checkpoint, and what follows from it: processor settings, the size at which a
page is handed over, and how many tokens its pages become.

The dry run uses the arithmetic, the worker the rest, perhaps in another interpreter: this module is
valid on Python 3.9 and needs neither torch nor transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.family import Family
from vlm_lab.backends.transformers.family_table import FAMILIES, UNKNOWN_FAMILY
from vlm_lab.backends.transformers.visual_tokens.sizes import Config, Size
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message


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

    ValueError of a Message where the family has no budget to set.
    """
    resolved_kwargs = dict(processor_kwargs)
    max_tokens = resolved_kwargs.pop("max_visual_tokens", None)
    if max_tokens is not None:
        if family.build_budget is None:
            raise ValueError(Message("no_pixel_budget"))
        settings = {**preprocessor, **family.processor_settings, **resolved_kwargs}
        budget = family.build_budget(config, settings, int(max_tokens))
        resolved_kwargs = {**resolved_kwargs, **budget}
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
    settings = compute_settings(family, config, preprocessor, processor_kwargs)
    return family.resize(config, settings, int(max_tokens), size)


def compute_settings(
    family: Family, config: Config, preprocessor: Config, processor_kwargs: Config
) -> dict[str, Any]:
    """The image processor's settings with those of models.yaml in them. ValueError as above."""
    resolved_kwargs = resolve_processor_kwargs(family, config, preprocessor, processor_kwargs)
    # A size that was set wins over the limits in the checkpoint's own file.
    unset = ("min_pixels", "max_pixels") if "size" in resolved_kwargs else ()
    return {
        **preprocessor,
        **family.processor_settings,
        **dict.fromkeys(unset),
        **resolved_kwargs,
    }


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
        settings = compute_settings(family, config, preprocessor, processor_kwargs)
        for size in sizes:
            page_size = compute_page_size(family, config, preprocessor, processor_kwargs, size)
            token_count += family.count_tokens(config, settings, page_size)
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
