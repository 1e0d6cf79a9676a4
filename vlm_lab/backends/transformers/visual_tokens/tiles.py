"""Families that cut a page into square tiles of one side, in a grid of about its shape, and show it
as a whole beside them: InternVL and its kin, Idefics 3 and SmolVLM. Valid on Python 3.9."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import (
    Config,
    Size,
    check_budget,
    get_first_side,
)

MAX_EDGE = 4096  # SmolVLM and Idefics 3: no page is enlarged beyond it
DOCLING_MAX_SIDE = 16  # Granite Docling's tokenizer names rows and columns up to it
DOCLING_MAX_TILES = 32
FINE_ROUTE_FACTOR = 4
DEEPSEEK_PATCH_SIZE = 16 * 4  # of DeepSeek-OCR's vision tower, after downsampling
DEEPSEEK_SIDES = {"size": {"height": 1024}, "tile_size": 768}


def count_tile_tokens(config: Config) -> int:
    """Tokens of one tile: patches of the vision tower, several merged to one."""
    vision_config = config.get("vision_config") or {}
    image_size = get_first_side(vision_config["image_size"])
    patch_size = get_first_side(vision_config["patch_size"])
    downsampling = (
        config.get("scale_factor")
        or config.get("downsample_factor")
        or vision_config.get("scale_factor")
        or vision_config.get("hidden_stride")
        or round(1 / config.get("downsample_ratio", 0.5))
    )
    return (int(image_size // patch_size) // int(downsampling)) ** 2


def choose_grid(
    size: Size, tile_side: int, min_tiles: int, max_tiles: int, max_side: int | None = None
) -> Size:
    """Columns and rows of tiles whose shape is nearest to a page's; of equals the one with more
    tiles, as long as they have less than twice the page's pixels."""
    sides = range(1, min(max_tiles, max_side or max_tiles) + 1)
    grids = [grid for grid in product(sides, sides) if min_tiles <= math.prod(grid) <= max_tiles]
    width, height = size
    best_grid, best_difference = (1, 1), math.inf
    for grid in sorted(grids, key=math.prod):
        difference = abs(width / height - grid[0] / grid[1])
        has_use = width * height > 0.5 * tile_side**2 * math.prod(grid)
        if difference < best_difference or (difference == best_difference and has_use):
            best_grid, best_difference = grid, difference
    return best_grid


def count_internvl_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """InternVL, Qianfan-OCR, Aya Vision: a page of one tile is not shown twice."""
    tile_side = get_first_side((config.get("vision_config") or {})["image_size"])
    columns, rows = 1, 1
    if preprocessor.get("crop_to_patches", True):
        min_tiles, max_tiles = (
            preprocessor.get("min_patches", 1),
            preprocessor.get("max_patches", 12),
        )
        columns, rows = choose_grid(size, tile_side, min_tiles, max_tiles)
    return count_tile_tokens(config) * _add_whole_page(columns * rows)


def _add_whole_page(tile_count: int) -> int:
    return tile_count + 1 if tile_count > 1 else 1


def build_tiles_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """As many tiles as fit, one kept free for the page as a whole."""
    tokens_per_tile = count_tile_tokens(config)
    check_budget(max_tokens, tokens_per_tile)
    return {"min_patches": 1, "max_patches": max(1, max_tokens // tokens_per_tile - 1)}


def count_docling_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Granite Docling: InternVL's tiles; four times the tokens on the fine route, more tiles for a
    spread that would be shrunk."""
    tile_side = get_first_side(config["vision_config"]["image_size"])
    max_tiles = _get_docling_max_tiles(preprocessor, size, tile_side)
    tile_count = 1
    if max_tiles > 1:
        min_tiles = preprocessor.get("min_patches", 1)
        tile_count = math.prod(choose_grid(size, tile_side, min_tiles, max_tiles, DOCLING_MAX_SIDE))
    return _count_docling_tile_tokens(config, preprocessor) * _add_whole_page(tile_count)


def _count_docling_tile_tokens(config: Config, preprocessor: Config) -> int:
    factor = FINE_ROUTE_FACTOR if preprocessor.get("fine_route") else 1
    return factor * count_tile_tokens(config)


def _get_docling_max_tiles(preprocessor: Config, size: Size, tile_side: int) -> int:
    max_tiles = preprocessor.get("max_patches", DOCLING_MAX_TILES)
    if not preprocessor.get("crop_to_patches", True) or max_tiles <= 1:
        return 1
    dense_max_tiles = preprocessor.get("dense_max_patches") or 0
    max_scale = preprocessor.get("dense_max_scale") or 0
    min_aspect = preprocessor.get("dense_min_aspect") or 0
    max_aspect = preprocessor.get("dense_max_aspect") or math.inf
    width, height = size
    has_rule = dense_max_tiles and (max_scale > 0 or min_aspect > 0)
    if not has_rule or not (min_aspect or -1) < width / height <= max_aspect:
        return int(max_tiles)
    if max_scale > 0:
        min_tiles = preprocessor.get("min_patches", 1)
        columns, _ = choose_grid(size, tile_side, min_tiles, max_tiles, DOCLING_MAX_SIDE)
        if columns * tile_side / width >= max_scale:
            return int(max_tiles)
    return int(dense_max_tiles)


def build_docling_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    tokens_per_tile = _count_docling_tile_tokens(config, preprocessor)
    check_budget(max_tokens, tokens_per_tile)
    max_tiles = max(1, max_tokens // tokens_per_tile - 1)
    return {"min_patches": 1, "max_patches": max_tiles, "dense_max_patches": 0}


def count_deepseek_ocr_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """DeepSeek-OCR 2: the page as a whole, tiles where its longer side is larger than one, and a
    separator."""
    tile_side, tile_count = {**DEEPSEEK_SIDES, **preprocessor}["tile_size"], 0
    if preprocessor["crop_to_patches"] and max(size) > tile_side:
        min_tiles, max_tiles = preprocessor["min_patches"], preprocessor["max_patches"]
        tile_count = math.prod(choose_grid(size, tile_side, min_tiles, max_tiles))
    whole_page_tokens, tile_tokens = _count_deepseek_view_tokens(preprocessor)
    return whole_page_tokens + tile_count * tile_tokens


def _count_deepseek_view_tokens(preprocessor: Config) -> tuple[int, int]:
    """Tokens of the page as a whole with the separator, and of a tile."""
    settings = {**DEEPSEEK_SIDES, **preprocessor}
    whole_page_side, tile_side = (
        math.ceil(side / DEEPSEEK_PATCH_SIZE)
        for side in (settings["size"]["height"], settings["tile_size"])
    )
    return whole_page_side**2 + 1, tile_side**2


def build_deepseek_ocr_budget(
    config: Config, preprocessor: Config, max_tokens: int
) -> dict[str, Any]:
    """As many tiles as fit beside the page as a whole."""
    whole_page_tokens, tile_tokens = _count_deepseek_view_tokens(preprocessor)
    check_budget(max_tokens, whole_page_tokens + tile_tokens)
    max_tiles = (max_tokens - whole_page_tokens) // tile_tokens
    return {
        "min_patches": min(preprocessor["min_patches"], max_tiles),
        "max_patches": min(preprocessor["max_patches"], max_tiles),
    }


def build_edge_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """Idefics 3: the longest edge in whole tiles, one kept free for the page as a whole."""
    tokens_per_tile = count_tile_tokens(config)
    check_budget(max_tokens, 2 * tokens_per_tile)
    tiles_per_side = math.isqrt(max_tokens // tokens_per_tile - 1)
    return {"size": {"longest_edge": tiles_per_side * _get_edge_tile_side(config, preprocessor)}}


def _get_edge_tile_side(config: Config, preprocessor: Config) -> int:
    tile_side = (preprocessor.get("max_image_size") or {}).get("longest_edge")
    return int(tile_side or config["vision_config"]["image_size"])


def count_edge_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """SmolVLM and Idefics 3: the page scaled until its longer side is `longest_edge`, then cut into
    tiles, and the page as a whole; where it is not split, the page alone."""
    tile_count = 0
    if preprocessor.get("do_image_splitting", True):
        tile_side = _get_edge_tile_side(config, preprocessor)
        columns, rows = _count_edge_tiles(tile_side, _scale_to_edge(preprocessor, tile_side, size))
        tile_count = columns * rows if max(columns, rows) > 1 else 0
    return count_tile_tokens(config) * (tile_count + 1)


def _scale_to_edge(preprocessor: Config, tile_side: int, size: Size) -> Size:
    """The page's size after the first step: the longer side as set, the shorter one even, and none
    above what the processors take at most."""
    if not preprocessor.get("do_resize", True):
        return size
    longest_edge = (preprocessor.get("size") or {}).get("longest_edge") or 4 * tile_side
    width, height = _set_longer_side(size, longest_edge)
    page_size = (width, height + height % 2) if size[0] >= size[1] else (width + width % 2, height)
    if longest_edge > MAX_EDGE:
        page_size = _set_longer_side(page_size, MAX_EDGE)
    return page_size


def _set_longer_side(size: Size, length: int) -> Size:
    """A size of the same shape; of a square the width is the longer side."""
    width, height = size
    shape = width / height
    if width >= height:
        return length, max(1, int(length / shape))
    return max(1, int(length * shape)), length


def _count_edge_tiles(tile_side: int, size: Size) -> Size:
    """Columns and rows: the longer side rounded up to whole tiles, then the shorter one, in
    proportion."""
    whole_tiles = math.ceil(max(size) / tile_side) * tile_side
    width, height = _set_longer_side(size, whole_tiles)
    return math.ceil(width / tile_side), math.ceil(height / tile_side)
