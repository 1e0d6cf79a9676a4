"""How many tokens a page becomes, and which processor settings keep it within a number of them: arithmetic alone.

Used by the dry run and inside the worker, perhaps in another interpreter: imports nothing of ours, valid on Python 3.9.
`config` is config.json, `preprocessor` the image processor's settings, `size` a page's width and height in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Config = Mapping[str, Any]
Size = tuple[int, int]
LLAVA_NEXT_GRID = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))


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


def qwen_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
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
    """LLaVA 1.5: every page is one square of the vision tower's size. CLIP adds a CLS token, SigLIP (Granite Vision)
    none; "default" leaves one out."""
    vision = config.get("vision_config") or {}
    cls = "siglip" not in str(vision.get("model_type"))
    return square_tokens(config, preprocessor, size) + cls - (config.get("vision_feature_select_strategy") != "full")


def square_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Every page is one square of the vision tower's size, one token a patch."""
    vision = config.get("vision_config") or {}
    side: int = vision.get("image_size", 336) // vision.get("patch_size", 14)
    return int(side * side)


def glm_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """GLM-4V: Qwen's arithmetic, but a page is two frames of a film, and both count against the budget."""
    low, high = ((preprocessor.get("size") or {}).get(edge) for edge in ("shortest_edge", "longest_edge"))
    halves = {"shortest_edge": (low or 112 * 112) / 2, "longest_edge": (high or 28 * 28 * 15000) / 2}
    return qwen_tokens(config, {**preprocessor, "size": halves}, size)


def glm_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    pixels = 2 * tokens * _qwen_sizes(preprocessor)[0] ** 2
    low = (preprocessor.get("size") or {}).get("shortest_edge", 112 * 112)
    return {"size": {"shortest_edge": min(low, pixels), "longest_edge": pixels}}


def pixtral_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Pixtral's tower (LightOnOCR): the page shrunk until its longer side fits, patches merged by squares."""
    scale = max(1.0, max(size) / preprocessor["size"]["longest_edge"])
    patch, merge = _pixtral_patch(preprocessor), config.get("spatial_merge_size", 1)
    columns, rows = (math.ceil(math.floor(length / scale) / patch) // merge for length in size)
    return int(columns * rows)


def pixtral_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    side = _pixtral_patch(preprocessor) * config.get("spatial_merge_size", 1)
    return {"size": {"longest_edge": math.isqrt(tokens) * side}}


def _pixtral_patch(preprocessor: Config) -> int:
    patch = preprocessor.get("patch_size", 14)
    return int(patch["height"] if isinstance(patch, dict) else patch)


def tile_tokens(config: Config) -> int:
    """Tokens of one tile: patches of the vision tower, several merged to one."""
    vision = config.get("vision_config") or {}
    side, patch = (v[0] if isinstance(v, list) else v for v in (vision["image_size"], vision["patch_size"]))
    shrink = config.get("scale_factor") or config.get("downsample_factor") or vision.get("hidden_stride")
    shrink = shrink or round(1 / config.get("downsample_ratio", 0.5))
    return (int(side // patch) // int(shrink)) ** 2


def tiles_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    """As many tiles as fit, one place kept for the page as a whole."""
    each = tile_tokens(config)
    if tokens < each:
        raise ValueError(f"processor_kwargs: max_visual_tokens: one tile of this model has {each} (got {tokens})")
    return {"min_patches": 1, "max_patches": max(1, tokens // each - 1)}


def edge_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    """Idefics 3: the longest edge in whole tiles, one place kept for the page as a whole."""
    each = tile_tokens(config)
    if tokens < 2 * each:
        raise ValueError(f"processor_kwargs: max_visual_tokens: this model needs {2 * each} at least (got {tokens})")
    tile = (preprocessor.get("max_image_size") or {}).get("longest_edge") or config["vision_config"]["image_size"]
    return {"size": {"longest_edge": math.isqrt(tokens // each - 1) * tile}}


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
