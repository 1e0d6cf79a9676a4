"""What really differs between families of vision-language models, by config.json's `model_type`.

transformers' chat templates and processors do most of the work; an entry here says only what they do not: how many
images a model takes, which processor setting is its pixel budget, which token stands for a piece of an image and how
many of them a page becomes. A new quirk is an entry of about ten lines.

The dry run uses the arithmetic, the worker the rest, perhaps in another interpreter: this module imports nothing of
ours, is valid on Python 3.9, and needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Config = Mapping[str, Any]
Size = tuple[int, int]  # width, height in pixels
Count = Callable[[Config, Config, Size], int]
Budget = Callable[[Config, int], dict[str, Any]]


@dataclass(frozen=True)
class Family:
    """One entry. `tokens(config, preprocessor, size)` is the visual tokens of one page; `budget(preprocessor, n)` the
    processor settings that keep a page within n of them; `image` and `prompt` are for checkpoints that have no chat
    template; `many` is False where a prompt takes one image."""

    tokens: Count | None = None
    budget: Budget | None = None
    image: str = "<image>"
    prompt: str = "{images}{text}"
    many: bool = True
    token_keys: tuple[str, ...] = ("image_token_id", "image_token_index")


def qwen_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Sides rounded to whole tokens, then scaled into the pixel budget (Qwen2-VL's technical report, section 2.1)."""
    side, low, high = _qwen_sizes(preprocessor)
    width, height = (max(side, round(length / side) * side) for length in size)
    if width * height > high:
        scale = math.sqrt(size[0] * size[1] / high)
        width, height = (max(side, math.floor(length / scale / side) * side) for length in size)
    elif width * height < low:
        scale = math.sqrt(low / (size[0] * size[1]))
        width, height = (math.ceil(length * scale / side) * side for length in size)
    return (width // side) * (height // side)


def _qwen_sizes(preprocessor: Config) -> tuple[int, int, int]:
    """Pixels: a token's side, the least and the most of an image."""
    size = preprocessor.get("size") or {}
    side = preprocessor.get("patch_size", 14) * preprocessor.get("merge_size", 2)
    low = preprocessor.get("min_pixels") or size.get("shortest_edge") or 56 * 56
    high = preprocessor.get("max_pixels") or size.get("longest_edge") or 28 * 28 * 1280
    return side, low, high


def qwen_budget(preprocessor: Config, tokens: int) -> dict[str, Any]:
    side, low, _ = _qwen_sizes(preprocessor)
    return {"min_pixels": min(low, tokens * side * side), "max_pixels": tokens * side * side}


FAMILIES = {
    "qwen2_vl": Family(qwen_tokens, qwen_budget, "<|vision_start|><|image_pad|><|vision_end|>"),
}
FAMILIES["qwen2_5_vl"] = FAMILIES["qwen2_vl"]
FAMILIES["qwen3_vl"] = FAMILIES["qwen2_vl"]


def family(config: Config) -> Family:
    """The entry of a config.json; a family without one gets what holds for most."""
    return FAMILIES.get(str(config.get("model_type")), Family())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; {} where there is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def preprocessor(folder: Path) -> dict[str, Any]:
    """The image processor's settings: preprocessor_config.json, or the part of processor_config.json that has them."""
    nested = read_json(folder / "processor_config.json").get("image_processor")
    return {**read_json(folder / "preprocessor_config.json"), **(nested if isinstance(nested, dict) else {})}


def settings(entry: Family, preprocessor: Config, processor_kwargs: Config) -> dict[str, Any]:
    """models.yaml's processor_kwargs with `max_visual_tokens` put into the family's own words.

    ValueError where the family has no budget to set.
    """
    wanted = dict(processor_kwargs)
    tokens = wanted.pop("max_visual_tokens", None)
    if tokens is None:
        return wanted
    if entry.budget is None:
        raise ValueError("processor_kwargs: max_visual_tokens: this family of models has no pixel budget; remove it")
    return {**entry.budget(preprocessor, int(tokens)), **wanted}


def predict_visual_tokens(folder: Path, model: Any, sizes: Sequence[Size]) -> int | None:
    """Visual tokens of pages of these sizes (width, height), from JSON files alone; None where nobody knows."""
    config, files = read_json(folder / "config.json"), preprocessor(folder)
    entry = family(config)
    if entry.tokens is None:
        return None
    try:
        now = {**files, **settings(entry, files, model.processor_kwargs)}
        return sum(entry.tokens(config, now, size) for size in sizes)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def processor_class(folder: Path) -> str:
    """The name of the processor's class, from the first of a checkpoint's files that says it; "" where none does."""
    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json", "config.json"):
        if found := read_json(folder / name).get("processor_class"):
            return str(found)
    return ""
