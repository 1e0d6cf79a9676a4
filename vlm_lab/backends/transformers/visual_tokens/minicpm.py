"""MiniCPM-V: the page as a whole and slices of it, each of about one resolution but with its own
shape. Valid on Python 3.9."""

from __future__ import annotations

import math
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import Config, Size, check_budget

DEFAULTS = {
    "max_slice_nums": 9,
    "scale_resolution": 448,
    "patch_size": 14,
    "slice_mode": True,
    "downsample_mode": "16x",
}
MERGED_PATCHES = {"4x": 2, "16x": 4}  # patches along a side that become one token


def count_minicpm_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    settings = {**DEFAULTS, **preprocessor}
    rows, columns = _choose_slices(settings, size)
    if not rows:
        return _count_view_tokens(settings, size, is_enlarged=True)
    # Both sides are rounded to whole pixels of a slice first.
    width, height = size
    slice_size = (_divide_evenly(width, columns), _divide_evenly(height, rows))
    slice_tokens = _count_view_tokens(settings, slice_size, is_enlarged=True)
    return _count_view_tokens(settings, size) + rows * columns * slice_tokens


def _divide_evenly(length: float, parts: int) -> float:
    return max(round(length / parts) * parts, parts) / parts


def _count_view_tokens(
    settings: Config, size: tuple[float, float], is_enlarged: bool = False
) -> int:
    """Tokens of one view, scaled to the resolution where it has more pixels or is to be
    enlarged."""
    width, height = size
    resolution = settings["scale_resolution"]
    if is_enlarged or width * height > resolution**2:
        shape = width / height
        height = int(resolution / math.sqrt(shape))
        width = int(height * shape)
    token_side = settings["patch_size"] * MERGED_PATCHES[settings["downsample_mode"]]
    return math.prod(max(round(length / token_side), 1) for length in (width, height))


def _choose_slices(settings: Config, size: Size) -> tuple[int, int]:
    """Rows and columns of slices, of the shape nearest to the page's; (0, 0) where one view is
    enough."""
    width, height = size
    max_slices = settings["max_slice_nums"]
    wanted = min(math.ceil(width * height / settings["scale_resolution"] ** 2), max_slices)
    if not settings["slice_mode"] or wanted <= 1:
        return 0, 0
    best_grid, best_error = (1, 1), math.inf
    for slice_count in (wanted - 1, wanted, wanted + 1):
        if slice_count == 1 or slice_count > max_slices:
            continue
        for rows in (number for number in range(1, slice_count + 1) if slice_count % number == 0):
            columns = slice_count // rows
            error = abs(math.log(width / height) - math.log(columns / rows))
            if error < best_error or (error == best_error and rows > best_grid[0]):
                best_grid, best_error = (rows, columns), error
    return best_grid


def build_minicpm_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """No setting: how many tokens a slice has depends on its shape (`shrink_until_it_fits`). A view
    of an odd shape has up to twice the tokens of a square one."""
    settings = {**DEFAULTS, **preprocessor}
    token_side = settings["patch_size"] * MERGED_PATCHES[settings["downsample_mode"]]
    check_budget(max_tokens, 2 * (settings["scale_resolution"] // token_side) ** 2)
    return {}
