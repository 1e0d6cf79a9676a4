"""How many tokens a page becomes, and which processor settings keep it within a number of them:
arithmetic alone.

Used by the dry run and inside the worker, perhaps in another interpreter: imports nothing of ours,
valid on Python 3.9. `config` is config.json, `preprocessor` the image processor's settings, `size`
a page's width and height in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Config = Mapping[str, Any]
Size = tuple[int, int]
MLLAMA_MAX_TILES = 4
ANYRES_MAX_AREA = (
    9 * 1.1**2
)  # OneVision's `anyres_max_9` shrinks what is more than 1.1 times too long in each direction
LLAVA_NEXT_RESOLUTIONS = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))


def count_qwen_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Sides rounded to whole tokens, then scaled into the pixel budget (Qwen2-VL's technical
    report, section 2.1)."""
    side, low, high = _get_qwen_pixel_limits(preprocessor)
    width, height = (max(side, round(length / side) * side) for length in size)
    if width * height > high:
        scale = math.sqrt(size[0] * size[1] / high)
        width, height = (max(side, math.floor(length / scale / side) * side) for length in size)
    elif width * height < low:
        scale = math.sqrt(low / (size[0] * size[1]))
        width, height = (math.ceil(length * scale / side) * side for length in size)
    return int(width // side) * int(height // side)


def _get_qwen_pixel_limits(preprocessor: Config) -> tuple[int, int, int]:
    """Pixels: a token's side, the least and the most of an image."""
    size = preprocessor.get("size") or {}
    side = preprocessor.get("patch_size", 14) * preprocessor.get("merge_size", 2)
    low = preprocessor.get("min_pixels") or size.get("shortest_edge") or 56 * 56
    high = preprocessor.get("max_pixels") or size.get("longest_edge") or 28 * 28 * 1280
    return side, low, high


def build_qwen_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    side, low, _ = _get_qwen_pixel_limits(preprocessor)
    return {"min_pixels": min(low, tokens * side * side), "max_pixels": tokens * side * side}


def rename_qwen_settings(preprocessor: Config, wanted: Config) -> dict[str, Any]:
    """`min_pixels` and `max_pixels`, as models.yaml and the hub have them, are a `size` since
    transformers 5."""
    settings = dict(wanted)
    _, low, high = _get_qwen_pixel_limits({**preprocessor, **settings})
    if {"min_pixels", "max_pixels"} & settings.keys():
        settings["size"] = {
            "shortest_edge": settings.pop("min_pixels", low),
            "longest_edge": settings.pop("max_pixels", high),
        }
    return settings


def count_llava_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """LLaVA 1.5: every page is one square of the vision tower's size. CLIP adds a CLS token, SigLIP
    (Granite Vision) none; "default" leaves one out."""
    vision = config.get("vision_config") or {}
    cls = "siglip" not in str(vision.get("model_type"))
    return (
        count_square_tokens(config, preprocessor, size)
        + cls
        - (config.get("vision_feature_select_strategy") != "full")
    )


def count_square_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Every page is one square of the vision tower's size, one token a patch."""
    vision = config.get("vision_config") or {}
    side: int = vision.get("image_size", 336) // vision.get("patch_size", 14)
    return int(side * side)


def count_glm_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """GLM-4V: Qwen's arithmetic, but a page is two frames of a film, and both count against the
    budget."""
    low, high = (
        (preprocessor.get("size") or {}).get(edge) for edge in ("shortest_edge", "longest_edge")
    )
    halves = {
        "shortest_edge": (low or 112 * 112) / 2,
        "longest_edge": (high or 28 * 28 * 15000) / 2,
    }
    return count_qwen_tokens(config, {**preprocessor, "size": halves}, size)


def build_glm_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    pixels = 2 * tokens * _get_qwen_pixel_limits(preprocessor)[0] ** 2
    low = (preprocessor.get("size") or {}).get("shortest_edge", 112 * 112)
    return {"size": {"shortest_edge": min(low, pixels), "longest_edge": pixels}}


def count_pixtral_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Pixtral's tower (LightOnOCR): the page shrunk until its longer side fits, patches merged by
    squares."""
    scale = max(1.0, max(size) / preprocessor["size"]["longest_edge"])
    patch, merge = _get_pixtral_patch_size(preprocessor), config.get("spatial_merge_size", 1)
    columns, rows = (math.ceil(math.floor(length / scale) / patch) // merge for length in size)
    return int(columns * rows)


def build_pixtral_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    side = _get_pixtral_patch_size(preprocessor) * config.get("spatial_merge_size", 1)
    return {"size": {"longest_edge": math.isqrt(tokens) * side}}


def _get_pixtral_patch_size(preprocessor: Config) -> int:
    patch = preprocessor.get("patch_size", 14)
    return int(patch["height"] if isinstance(patch, dict) else patch)


def _check_budget(tokens: int, least: int) -> None:
    if tokens < least:
        raise ValueError(
            f"processor_kwargs: max_visual_tokens: this model needs {least} at least (got {tokens})"
        )


def count_tile_tokens(config: Config) -> int:
    """Tokens of one tile: patches of the vision tower, several merged to one."""
    vision = config.get("vision_config") or {}
    side, patch = (
        v[0] if isinstance(v, list) else v for v in (vision["image_size"], vision["patch_size"])
    )
    shrink = (
        config.get("scale_factor") or config.get("downsample_factor") or vision.get("hidden_stride")
    )
    shrink = shrink or round(1 / config.get("downsample_ratio", 0.5))
    return (int(side // patch) // int(shrink)) ** 2


def build_tiles_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    """As many tiles as fit, one place kept for the page as a whole."""
    each = count_tile_tokens(config)
    _check_budget(tokens, each)
    return {"min_patches": 1, "max_patches": max(1, tokens // each - 1)}


def build_edge_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    """Idefics 3: the longest edge in whole tiles, one place kept for the page as a whole."""
    each = count_tile_tokens(config)
    _check_budget(tokens, 2 * each)
    tile = (preprocessor.get("max_image_size") or {}).get("longest_edge") or config[
        "vision_config"
    ]["image_size"]
    return {"size": {"longest_edge": math.isqrt(tokens // each - 1) * tile}}


def count_llava_next_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """LLaVA-NeXT (AnyRes): the page as a whole, and the tiles of the grid that suits its shape best
    without the rows or columns of patches that are padding, with a line break after each row of
    patches."""
    rows, columns = _count_patches(
        config, select_best_resolution(size, _get_grid_resolutions(config, preprocessor))
    )
    width, height = size
    if width / height > columns / rows:
        rows -= (rows - int(round(height * columns / width, 7))) // 2 * 2
    else:
        columns -= (columns - int(round(width * rows / height, 7))) // 2 * 2
    return count_llava_tokens(config, preprocessor, size) + rows * columns + rows


def _get_grid_resolutions(config: Config, preprocessor: Config) -> Sequence[Sequence[int]]:
    """Height and width in pixels of each arrangement of tiles that a checkpoint knows."""
    return (
        preprocessor.get("image_grid_pinpoints")
        or config.get("image_grid_pinpoints")
        or LLAVA_NEXT_RESOLUTIONS
    )


def _count_patches(config: Config, resolution: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of patches in an arrangement of tiles."""
    vision = config.get("vision_config") or {}
    tile: int = vision.get("image_size", 336)
    patches: int = tile // vision.get("patch_size", 14)
    return patches * (resolution[0] // tile), patches * (resolution[1] // tile)


def build_grids_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    """LLaVA-NeXT and OneVision: the arrangements of tiles that fit for a page of whatever shape.
    One that OneVision would shrink afterwards (`anyres_max_9`) counts as what is left of it."""
    grids, base, most = (
        _get_grid_resolutions(config, preprocessor),
        count_llava_tokens(config, preprocessor, (0, 0)),
        math.inf,
    )
    if config.get("model_type") == "llava_onevision":
        base = count_square_tokens(config, preprocessor, (0, 0))
        most = math.floor(ANYRES_MAX_AREA * base)

    def needs(resolution: Sequence[int]) -> int:
        rows, columns = _count_patches(config, resolution)
        return int(min(rows * columns, most)) + rows + base

    _check_budget(tokens, min(map(needs, grids)))
    return {"image_grid_pinpoints": [list(each) for each in grids if needs(each) <= tokens]}


def count_mllama_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Llama 3.2 Vision: what its cross attention looks at, tiles of patches with a CLS token
    each."""
    columns, rows = _choose_tile_grid(
        config, size, preprocessor.get("max_image_tiles", MLLAMA_MAX_TILES)
    )
    return columns * rows * count_mllama_tile_tokens(config)


def count_mllama_tile_tokens(config: Config) -> int:
    """Tokens of one tile."""
    return count_square_tokens(config, {}, (0, 0)) + 1


def build_mllama_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    """No setting: the model has positions for its own number of tiles alone, another
    `max_image_tiles` breaks it."""
    _check_budget(tokens, count_mllama_tile_tokens(config))
    return {}


def resize_mllama_page(config: Config, preprocessor: Config, tokens: int, size: Size) -> Size:
    """The size at which a page takes as many tiles as the budget allows; its own where that is
    enough already."""
    if count_mllama_tokens(config, preprocessor, size) <= tokens:
        return size
    columns, rows = _choose_tile_grid(config, size, tokens // count_mllama_tile_tokens(config))
    tile = config["vision_config"]["image_size"]
    scale = min(columns * tile / size[0], rows * tile / size[1])
    return max(1, math.floor(size[0] * scale)), max(1, math.floor(size[1] * scale))


def _choose_tile_grid(config: Config, size: Size, most: int) -> tuple[int, int]:
    """Columns and rows of at most `most` tiles: those that a page fits into with the least
    enlargement, else those that shrink it least; of equals the fewest."""
    tile = config["vision_config"]["image_size"]

    def worth(grid: Size) -> tuple[bool, float, int]:
        scale = min(grid[0] * tile / size[0], grid[1] * tile / size[1])
        return scale >= 1, -scale if scale >= 1 else scale, -grid[0] * grid[1]

    sides = range(1, most + 1)
    return max(
        ((columns, rows) for columns in sides for rows in sides if columns * rows <= most),
        key=worth,
    )


def select_best_resolution(size: Size, grid: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The (height, width) that keeps most of the page's pixels; of equals the one that wastes
    least. First wins."""

    def worth(resolution: Sequence[int]) -> tuple[int, int]:
        height, width = resolution
        scale = min(width / size[0], height / size[1])
        kept = min(int(size[0] * scale) * int(size[1] * scale), size[0] * size[1])
        return kept, kept - width * height

    height, width = max(grid, key=worth)
    return height, width


def count_idefics2_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Idefics 2: a fixed number for the page, and for each quarter of it where it is split."""
    each: int = (config.get("perceiver_config") or {}).get("resampler_n_latents", 64)
    return each * (5 if preprocessor.get("do_image_splitting") else 1)


def build_idefics2_budget(config: Config, preprocessor: Config, tokens: int) -> dict[str, Any]:
    each = count_idefics2_tokens(config, {}, (0, 0))
    _check_budget(tokens, each)
    return {
        "do_image_splitting": bool(preprocessor.get("do_image_splitting")) and tokens >= 5 * each
    }


def count_gemma3_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Gemma 3 (pan and scan is off unless asked for): the same number for every page."""
    return int(config.get("mm_tokens_per_image", 256))


def count_paligemma_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """PaliGemma: every page is one square."""
    vision = config.get("vision_config") or {}
    return int(vision.get("num_image_tokens") or preprocessor["image_seq_length"])
