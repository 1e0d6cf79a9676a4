"""Llama 3.2 Vision: tiles that its cross attention looks at, of a grid that the page fits into.
Valid on Python 3.9."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import Config, Size, check_budget
from vlm_lab.backends.transformers.visual_tokens.squares import count_square_tokens

MLLAMA_MAX_TILES = 4


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
    check_budget(max_tokens, count_mllama_tile_tokens(config))
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
