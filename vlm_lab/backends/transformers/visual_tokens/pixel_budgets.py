"""Families that keep a page's shape and give it as many tokens as a budget of pixels allows:
Qwen-VL and what counts as it does, GLM, HunyuanOCR, Pixtral's tower, Gemma 4. Valid on Python
3.9."""

from __future__ import annotations

import math
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import Config, Size, check_budget

ERNIE_DEFAULTS = {"size": {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 6177}}
HUNYUAN_DEFAULTS = {
    "patch_size": 16,
    "size": {"shortest_edge": 512 * 512, "longest_edge": 2048 * 2048},
}
HUNYUAN_ENDS = 2  # a token before and one after a page count as its own
GEMMA4_MAX_TOKENS = (70, 140, 280, 560, 1120)


def count_qwen_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Sides rounded to whole tokens, then scaled into the pixel budget (Qwen2-VL's technical
    report, section 2.1)."""
    columns, rows = _fit_qwen_grid(preprocessor, size)
    return columns * rows


def _fit_qwen_grid(preprocessor: Config, size: Size) -> Size:
    token_side, min_pixels, max_pixels = _get_qwen_pixel_limits(preprocessor)
    columns, rows = (max(1, round(length / token_side)) for length in size)
    if columns * rows * token_side**2 > max_pixels:
        scale = math.sqrt(size[0] * size[1] / max_pixels)
        columns, rows = (max(1, math.floor(length / scale / token_side)) for length in size)
    elif columns * rows * token_side**2 < min_pixels:
        scale = math.sqrt(min_pixels / (size[0] * size[1]))
        columns, rows = (math.ceil(length * scale / token_side) for length in size)
    return columns, rows


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


def count_ernie_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """ERNIE 4.5 VL: Qwen's arithmetic under limits of its own."""
    return count_qwen_tokens(config, {**ERNIE_DEFAULTS, **preprocessor}, size)


def rename_ernie_settings(preprocessor: Config, processor_kwargs: Config) -> dict[str, Any]:
    return rename_qwen_settings({**ERNIE_DEFAULTS, **preprocessor}, processor_kwargs)


def count_hunyuan_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """HunyuanOCR: Qwen's arithmetic, and a token more at the end of each row and at both ends."""
    columns, rows = _fit_qwen_grid({**HUNYUAN_DEFAULTS, **preprocessor}, size)
    return rows * (columns + 1) + HUNYUAN_ENDS


def build_hunyuan_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """Settings that enlarge no page beyond the budget; `shrink_until_it_fits` does the rest, since
    a tall page has more rows than a wide one."""
    check_budget(max_tokens, 2 + HUNYUAN_ENDS)
    settings = {**HUNYUAN_DEFAULTS, **preprocessor}
    token_side, min_pixels, max_pixels = _get_qwen_pixel_limits(settings)
    most_pixels = max(1, (max_tokens - HUNYUAN_ENDS) // 2) * token_side**2
    return {"min_pixels": min(min_pixels, most_pixels), "max_pixels": max_pixels}


def rename_hunyuan_settings(preprocessor: Config, processor_kwargs: Config) -> dict[str, Any]:
    return rename_qwen_settings({**HUNYUAN_DEFAULTS, **preprocessor}, processor_kwargs)


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


def count_glm5_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """GLM 5.3: sides rounded up to whole tokens; a page with too many is the largest of its shape
    that fits, and the rest of its last tokens is padding."""
    token_side, _, _ = _get_qwen_pixel_limits(preprocessor)
    min_tokens = preprocessor.get("min_image_tokens", 16)
    max_tokens = preprocessor.get("max_image_tokens", 8000)
    width, height = size
    columns, rows = (math.ceil(length / token_side) for length in size)
    if columns * rows < min_tokens:
        scale = math.sqrt(min_tokens * token_side**2 / (width * height))
        columns, rows = (
            math.ceil(max(1, math.ceil(length * scale)) / token_side) for length in size
        )
    if columns * rows <= max_tokens:
        return columns * rows
    smallest, largest, token_count = 1, height, 1
    while smallest <= largest:
        content_height = (smallest + largest) // 2
        content_width = max(1, width * content_height // height)
        candidate_count = math.ceil(content_height / token_side) * math.ceil(
            content_width / token_side
        )
        if candidate_count <= max_tokens:
            token_count, smallest = candidate_count, content_height + 1
        else:
            largest = content_height - 1
    return token_count


def build_glm5_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    min_tokens = min(preprocessor.get("min_image_tokens", 16), max_tokens)
    return {"min_image_tokens": min_tokens, "max_image_tokens": max_tokens}


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


def count_gemma4_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Gemma 4: every page, small ones too, scaled until it is as large as the budget allows, in
    whole tokens."""
    max_tokens: int = preprocessor.get("max_soft_tokens", 280)
    pooled_patches: int = preprocessor.get("pooling_kernel_size", 3)
    token_side: int = preprocessor.get("patch_size", 16) * pooled_patches
    scale = math.sqrt(max_tokens * token_side**2 / (size[0] * size[1]))
    columns, rows = (math.floor(length * scale / token_side) for length in size)
    if not columns or not rows:  # a strip: one token wide
        shorter, longer = sorted(size)
        return min(longer // shorter, max_tokens)
    return columns * rows


def build_gemma4_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    """The largest of the budgets that Gemma 4 knows."""
    check_budget(max_tokens, GEMMA4_MAX_TOKENS[0])
    fitting = [known for known in GEMMA4_MAX_TOKENS if known <= max_tokens]
    return {"max_soft_tokens": fitting[-1]}
