"""LLaVA-NeXT's arrangements of tiles (AnyRes): the page as a whole, and tiles of the arrangement
that suits its shape best. LLaVA-OneVision and Granite Vision count as it does. Valid on Python
3.9."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import Config, Size, check_budget
from vlm_lab.backends.transformers.visual_tokens.squares import (
    count_llava_tokens,
    count_patches_per_side,
    count_square_tokens,
)

# OneVision's `anyres_max_9` shrinks what is more than 1.1 times too long in each direction.
ANYRES_MAX_AREA = 9 * 1.1**2
LLAVA_NEXT_RESOLUTIONS = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))


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
    tile_side: int = (config.get("vision_config") or {}).get("image_size", 336)
    patches_per_tile = count_patches_per_side(config)
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
    check_budget(max_tokens, min(map(count_grid_tokens, resolutions)))
    fitting = [list(grid) for grid in resolutions if count_grid_tokens(grid) <= max_tokens]
    return {"image_grid_pinpoints": fitting}


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
