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
    processor settings that keep a page within n of them; `spelling` turns users' settings into today's names. `image`
    stands for a page in a prompt, `prompt` is the form of one where a checkpoint has no chat template; `many` is False
    where a prompt takes one image; `token_keys` name the visual token in config.json."""

    tokens: Count | None = None
    budget: Budget | None = None
    spelling: Callable[[Config, Config], dict[str, Any]] | None = None
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
    return int(width // side) * int(height // side)


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


def qwen_spelling(preprocessor: Config, wanted: Config) -> dict[str, Any]:
    """`min_pixels` and `max_pixels`, as models.yaml and the hub have them, are a `size` since transformers 5."""
    settings = dict(wanted)
    _, low, high = _qwen_sizes({**preprocessor, **settings})
    if {"min_pixels", "max_pixels"} & settings.keys():
        settings["size"] = {
            "shortest_edge": settings.pop("min_pixels", low),
            "longest_edge": settings.pop("max_pixels", high),
        }
    return settings


def llava_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """LLaVA 1.5: every page is one square of the vision tower's size; "default" leaves out its CLS token."""
    vision = config.get("vision_config") or {}
    side: int = vision.get("image_size", 336) // vision.get("patch_size", 14)
    return side * side + (config.get("vision_feature_select_strategy") == "full")


def llava_next_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """LLaVA-NeXT (AnyRes): the page as a whole, and the tiles of the grid that suits its shape best without the rows
    or columns of patches that are padding, with a line break after each row of patches."""
    vision = config.get("vision_config") or {}
    tile: int = vision.get("image_size", 336)
    patches: int = tile // vision.get("patch_size", 14)
    grid = preprocessor.get("image_grid_pinpoints") or config.get("image_grid_pinpoints") or LLAVA_NEXT_GRID
    best_height, best_width = best_grid(size, grid)
    columns, rows = patches * (best_width // tile), patches * (best_height // tile)
    width, height = size
    if width / height > columns / rows:
        rows -= (rows - int(round(height * columns / width, 7))) // 2 * 2
    else:
        columns -= (columns - int(round(width * rows / height, 7))) // 2 * 2
    return llava_tokens(config, preprocessor, size) + rows * columns + rows


def best_grid(size: Size, grid: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The (height, width) that keeps most of the page's pixels; of equals the one that wastes least. First wins."""

    def worth(resolution: Sequence[int]) -> tuple[int, int]:
        height, width = resolution
        scale = min(width / size[0], height / size[1])
        kept = min(int(size[0] * scale) * int(size[1] * scale), size[0] * size[1])
        return kept, kept - width * height

    height, width = max(grid, key=worth)
    return height, width


def gemma3_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Gemma 3 (pan and scan is off unless asked for): the same number for every page."""
    return int(config.get("mm_tokens_per_image", 256))


def paligemma_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """PaliGemma: every page is one square."""
    vision = config.get("vision_config") or {}
    return int(vision.get("num_image_tokens") or preprocessor["image_seq_length"])


LLAVA_NEXT_GRID = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))
QWEN = Family(qwen_tokens, qwen_budget, qwen_spelling, image="<|vision_start|><|image_pad|><|vision_end|>")
FAMILIES = {
    "gemma3": Family(gemma3_tokens, image="<start_of_image>"),
    "internvl": Family(image="<IMG_CONTEXT>"),
    "llava": Family(llava_tokens, prompt="USER: {images}\n{text} ASSISTANT:"),
    "llava_next": Family(llava_next_tokens, prompt="[INST] {images}\n{text} [/INST]"),
    "paligemma": Family(paligemma_tokens, image="<image>", prompt="{images}{text}"),
    "qwen2_vl": QWEN,
    "qwen2_5_vl": QWEN,
    "qwen3_vl": QWEN,
}


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
    if tokens is not None:
        if entry.budget is None:
            raise ValueError(
                "processor_kwargs: max_visual_tokens: this family of models has no pixel budget; remove it"
            )
        wanted = {**entry.budget(preprocessor, int(tokens)), **wanted}
    return entry.spelling(preprocessor, wanted) if entry.spelling else wanted


def predict_visual_tokens(folder: Path, model: Any, sizes: Sequence[Size]) -> int | None:
    """Visual tokens of pages of these sizes (width, height), from JSON files alone; None where nobody knows."""
    config, files = read_json(folder / "config.json"), preprocessor(folder)
    entry = family(config)
    if entry.tokens is None:
        return None
    try:
        wanted = settings(entry, files, model.processor_kwargs)
        now = {**files, **({"min_pixels": None, "max_pixels": None} if "size" in wanted else {}), **wanted}
        return sum(entry.tokens(config, now, size) for size in sizes)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def processor_class(folder: Path) -> str:
    """The name of the processor's class, from the first of a checkpoint's files that says it; "" where none does."""
    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json", "config.json"):
        if found := read_json(folder / name).get("processor_class"):
            return str(found)
    return ""
