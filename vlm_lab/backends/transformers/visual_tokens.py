"""How many tokens a page becomes, and which processor settings keep it within a budget of them.

Arithmetic alone: a model's config and a page's size come in, a number or processor settings go out.

Used by the dry run and inside the worker, perhaps in another interpreter: imports nothing of ours,
valid on Python 3.9. `config` is config.json, `preprocessor` the image processor's settings, `size`
a page's width and height in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

Config = Mapping[str, Any]
Size = tuple[int, int]
MLLAMA_MAX_TILES = 4
# OneVision's `anyres_max_9` shrinks what is more than 1.1 times too long in each direction.
ANYRES_MAX_AREA = 9 * 1.1**2
LLAVA_NEXT_RESOLUTIONS = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))


def count_qwen_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Sides rounded to whole tokens, then scaled into the pixel budget (Qwen2-VL's technical
    report, section 2.1)."""
    token_side, min_pixels, max_pixels = _get_qwen_pixel_limits(preprocessor)
    columns, rows = (max(1, round(length / token_side)) for length in size)
    if columns * rows * token_side**2 > max_pixels:
        scale = math.sqrt(size[0] * size[1] / max_pixels)
        columns, rows = (max(1, math.floor(length / scale / token_side)) for length in size)
    elif columns * rows * token_side**2 < min_pixels:
        scale = math.sqrt(min_pixels / (size[0] * size[1]))
        columns, rows = (math.ceil(length * scale / token_side) for length in size)
    return int(columns * rows)


def _get_qwen_pixel_limits(preprocessor: Config) -> tuple[int, int, int]:
    """Pixels: a token's side, the least and the most of an image."""
    size = preprocessor.get("size") or {}
    token_side = preprocessor.get("patch_size", 14) * preprocessor.get("merge_size", 2)
    min_pixels = preprocessor.get("min_pixels") or size.get("shortest_edge") or 56 * 56
    max_pixels = preprocessor.get("max_pixels") or size.get("longest_edge") or 28 * 28 * 1280
    return token_side, min_pixels, max_pixels


def build_qwen_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    token_side, min_pixels, _ = _get_qwen_pixel_limits(preprocessor)
    max_pixels = max_tokens * token_side**2
    return {"min_pixels": min(min_pixels, max_pixels), "max_pixels": max_pixels}


def rename_qwen_settings(preprocessor: Config, processor_kwargs: Config) -> dict[str, Any]:
    """`min_pixels` and `max_pixels`, as models.yaml and the hub have them, are a `size` since
    transformers 5."""
    settings = dict(processor_kwargs)
    _, min_pixels, max_pixels = _get_qwen_pixel_limits({**preprocessor, **settings})
    if {"min_pixels", "max_pixels"} & settings.keys():
        settings["size"] = {
            "shortest_edge": settings.pop("min_pixels", min_pixels),
            "longest_edge": settings.pop("max_pixels", max_pixels),
        }
    return settings


def count_llava_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """LLaVA 1.5: every page is one square of the vision tower's size. CLIP adds a CLS token, SigLIP
    (Granite Vision) none; "default" leaves one out."""
    vision_config = config.get("vision_config") or {}
    token_count = count_square_tokens(config, preprocessor, size)
    if "siglip" not in str(vision_config.get("model_type")):
        token_count += 1
    if config.get("vision_feature_select_strategy") != "full":
        token_count -= 1
    return token_count


def count_square_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Every page is one square of the vision tower's size, one token a patch."""
    vision_config = config.get("vision_config") or {}
    patches_per_side = vision_config.get("image_size", 336) // vision_config.get("patch_size", 14)
    return int(patches_per_side**2)


def count_glm_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """GLM-4V: Qwen's arithmetic, but a page is two frames of a film, and both count against the
    budget."""
    limits = preprocessor.get("size") or {}
    frame_limits = {
        "shortest_edge": (limits.get("shortest_edge") or 112 * 112) / 2,
        "longest_edge": (limits.get("longest_edge") or 28 * 28 * 15000) / 2,
    }
    return count_qwen_tokens(config, {**preprocessor, "size": frame_limits}, size)


def build_glm_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    token_side, _, _ = _get_qwen_pixel_limits(preprocessor)
    max_pixels = 2 * max_tokens * token_side**2
    min_pixels = (preprocessor.get("size") or {}).get("shortest_edge", 112 * 112)
    return {"size": {"shortest_edge": min(min_pixels, max_pixels), "longest_edge": max_pixels}}


def count_pixtral_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Pixtral's tower (LightOnOCR): the page shrunk until its longer side fits, patches merged by
    squares."""
    scale = max(1.0, max(size) / preprocessor["size"]["longest_edge"])
    patch_size, merge_size = _get_pixtral_patch_size(preprocessor), _get_pixtral_merge_size(config)
    lengths = (math.floor(length / scale) for length in size)
    columns, rows = (math.ceil(length / patch_size) // merge_size for length in lengths)
    return int(columns * rows)


def build_pixtral_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    token_side = _get_pixtral_patch_size(preprocessor) * _get_pixtral_merge_size(config)
    return {"size": {"longest_edge": math.isqrt(max_tokens) * token_side}}


def _get_pixtral_patch_size(preprocessor: Config) -> int:
    patch_size = preprocessor.get("patch_size", 14)
    return int(patch_size["height"] if isinstance(patch_size, dict) else patch_size)


def _get_pixtral_merge_size(config: Config) -> int:
    return int(config.get("spatial_merge_size", 1))


def _check_budget(max_tokens: int, minimum: int) -> None:
    if max_tokens < minimum:
        raise ValueError(
            f"processor_kwargs: max_visual_tokens: this model needs {minimum} at least "
            f"(got {max_tokens})"
        )


def count_tile_tokens(config: Config) -> int:
    """Tokens of one tile: patches of the vision tower, several merged to one."""
    vision_config = config.get("vision_config") or {}
    image_size = _get_first_side(vision_config["image_size"])
    patch_size = _get_first_side(vision_config["patch_size"])
    downsampling = (
        config.get("scale_factor")
        or config.get("downsample_factor")
        or vision_config.get("hidden_stride")
        or round(1 / config.get("downsample_ratio", 0.5))
    )
    return (int(image_size // patch_size) // int(downsampling)) ** 2


def _get_first_side(setting: Any) -> Any:
    """A side that some configs give as [height, width]."""
    return setting[0] if isinstance(setting, list) else setting


def build_tiles_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """As many tiles as fit, one kept free for the page as a whole."""
    tokens_per_tile = count_tile_tokens(config)
    _check_budget(max_tokens, tokens_per_tile)
    return {"min_patches": 1, "max_patches": max(1, max_tokens // tokens_per_tile - 1)}


def build_edge_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """Idefics 3: the longest edge in whole tiles, one kept free for the page as a whole."""
    tokens_per_tile = count_tile_tokens(config)
    _check_budget(max_tokens, 2 * tokens_per_tile)
    tile_side = (preprocessor.get("max_image_size") or {}).get("longest_edge")
    tile_side = tile_side or config["vision_config"]["image_size"]
    tiles_per_side = math.isqrt(max_tokens // tokens_per_tile - 1)
    return {"size": {"longest_edge": tiles_per_side * tile_side}}


def count_llava_next_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """LLaVA-NeXT (AnyRes): the page as a whole, and the tiles of the grid that suits its shape best
    without the rows or columns of patches that are padding, with a line break after each row of
    patches."""
    resolution = select_best_resolution(size, _get_grid_resolutions(config, preprocessor))
    rows, columns = _count_patches(config, resolution)
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
    vision_config = config.get("vision_config") or {}
    tile_side: int = vision_config.get("image_size", 336)
    patches_per_tile: int = tile_side // vision_config.get("patch_size", 14)
    height, width = resolution
    return patches_per_tile * (height // tile_side), patches_per_tile * (width // tile_side)


def build_grids_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """LLaVA-NeXT and OneVision: the arrangements of tiles that fit for a page of whatever shape.
    One that OneVision would shrink afterwards (`anyres_max_9`) counts as what is left of it."""
    base_tokens, max_patches = count_llava_tokens(config, preprocessor, (0, 0)), math.inf
    if config.get("model_type") == "llava_onevision":
        base_tokens = count_square_tokens(config, preprocessor, (0, 0))
        max_patches = math.floor(ANYRES_MAX_AREA * base_tokens)

    def count_grid_tokens(resolution: Sequence[int]) -> int:
        rows, columns = _count_patches(config, resolution)
        return int(min(rows * columns, max_patches)) + rows + base_tokens

    resolutions = _get_grid_resolutions(config, preprocessor)
    _check_budget(max_tokens, min(map(count_grid_tokens, resolutions)))
    fitting = [list(grid) for grid in resolutions if count_grid_tokens(grid) <= max_tokens]
    return {"image_grid_pinpoints": fitting}


def count_mllama_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Llama 3.2 Vision: what its cross attention looks at, tiles of patches with a CLS token
    each."""
    max_tiles = preprocessor.get("max_image_tiles", MLLAMA_MAX_TILES)
    columns, rows = _choose_tile_grid(config, size, max_tiles)
    return columns * rows * count_mllama_tile_tokens(config)


def count_mllama_tile_tokens(config: Config) -> int:
    """Tokens of one tile."""
    return count_square_tokens(config, {}, (0, 0)) + 1


def build_mllama_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """No setting: the model has positions for its own number of tiles alone, another
    `max_image_tiles` breaks it."""
    _check_budget(max_tokens, count_mllama_tile_tokens(config))
    return {}


def resize_mllama_page(config: Config, preprocessor: Config, max_tokens: int, size: Size) -> Size:
    """The size at which a page takes as many tiles as the budget allows; its own where that is
    enough already."""
    if count_mllama_tokens(config, preprocessor, size) <= max_tokens:
        return size
    columns, rows = _choose_tile_grid(config, size, max_tokens // count_mllama_tile_tokens(config))
    tile_side = config["vision_config"]["image_size"]
    scale = min(columns * tile_side / size[0], rows * tile_side / size[1])
    return max(1, math.floor(size[0] * scale)), max(1, math.floor(size[1] * scale))


def _choose_tile_grid(config: Config, size: Size, max_tiles: int) -> tuple[int, int]:
    """Columns and rows of at most `max_tiles` tiles: those that a page fits into with the least
    enlargement, else those that shrink it least; of equals the fewest."""
    tile_side = config["vision_config"]["image_size"]

    def rank_grid(grid: Size) -> tuple[bool, float, int]:
        columns, rows = grid
        scale = min(columns * tile_side / size[0], rows * tile_side / size[1])
        return scale >= 1, -scale if scale >= 1 else scale, -columns * rows

    tile_counts = range(1, max_tiles + 1)
    grids = product(tile_counts, tile_counts)
    return max((grid for grid in grids if grid[0] * grid[1] <= max_tiles), key=rank_grid)


def select_best_resolution(size: Size, resolutions: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The (height, width) that keeps most of the page's pixels; of equals the one that wastes
    least. First wins."""

    def rank_resolution(resolution: Sequence[int]) -> tuple[int, int]:
        height, width = resolution
        scale = min(width / size[0], height / size[1])
        kept_pixels = min(int(size[0] * scale) * int(size[1] * scale), size[0] * size[1])
        return kept_pixels, kept_pixels - width * height

    height, width = max(resolutions, key=rank_resolution)
    return height, width


def count_idefics2_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Idefics 2: a fixed number for the page, and for each quarter of it where it is split."""
    tokens_per_image: int = (config.get("perceiver_config") or {}).get("resampler_n_latents", 64)
    return tokens_per_image * (5 if preprocessor.get("do_image_splitting") else 1)


def build_idefics2_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    tokens_per_image = count_idefics2_tokens(config, {}, (0, 0))
    _check_budget(max_tokens, tokens_per_image)
    is_split = bool(preprocessor.get("do_image_splitting"))
    return {"do_image_splitting": is_split and max_tokens >= 5 * tokens_per_image}


def count_gemma3_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Gemma 3 (pan and scan is off unless asked for): the same number for every page."""
    return int(config.get("mm_tokens_per_image", 256))


def count_paligemma_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """PaliGemma: every page is one square."""
    vision_config = config.get("vision_config") or {}
    return int(vision_config.get("num_image_tokens") or preprocessor["image_seq_length"])
