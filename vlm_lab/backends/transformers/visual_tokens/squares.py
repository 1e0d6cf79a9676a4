"""Families that make every page one square of the vision tower's size, or a few crops of it: the
number of tokens does not depend on how many pixels a page has. Valid on Python 3.9."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import Config, Size, check_budget


def count_patches_per_side(config: Config) -> int:
    """Patches, or what `downsample_rate` (Granite Vision 4) leaves of them, along a side of the
    vision tower's square."""
    vision_config = config.get("vision_config") or {}
    patches = vision_config.get("image_size", 336) // vision_config.get("patch_size", 14)
    return int(patches * Fraction(config.get("downsample_rate") or 1))


def count_square_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Every page is one square of the vision tower's size, one token a patch."""
    return count_patches_per_side(config) ** 2


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


def count_paligemma_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """PaliGemma: every page is one square."""
    vision_config = config.get("vision_config") or {}
    return int(vision_config.get("num_image_tokens") or preprocessor["image_seq_length"])


def count_gemma3_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Gemma 3: the same number for the page as a whole and for each crop of pan and scan, which is
    off unless asked for."""
    tokens_per_square = int(config.get("mm_tokens_per_image", 256))
    return tokens_per_square * (1 + count_pan_and_scan_crops(preprocessor, size))


def count_pan_and_scan_crops(preprocessor: Config, size: Size) -> int:
    """Crops along the longer side of a page that is far from square."""
    if not preprocessor.get("do_pan_and_scan"):
        return 0
    shorter, longer = sorted(size)
    if longer / shorter < preprocessor["pan_and_scan_min_ratio_to_activate"]:
        return 0
    min_crop_side = preprocessor["pan_and_scan_min_crop_size"]
    wanted_crops = min(longer // min_crop_side, math.floor(longer / shorter + 0.5))
    crop_count = min(preprocessor["pan_and_scan_max_num_crops"], max(2, wanted_crops))
    is_crop_too_small = min(shorter, math.ceil(longer / crop_count)) < min_crop_side
    return 0 if is_crop_too_small else int(crop_count)


def count_idefics2_tokens(config: Config, preprocessor: Config, size: Size) -> int:
    """Idefics 2: a fixed number for the page, and for each quarter of it where it is split."""
    tokens_per_image: int = (config.get("perceiver_config") or {}).get("resampler_n_latents", 64)
    return tokens_per_image * (5 if preprocessor.get("do_image_splitting") else 1)


def build_idefics2_budget(config: Config, preprocessor: Config, max_tokens: int) -> dict[str, Any]:
    tokens_per_image = count_idefics2_tokens(config, {}, (0, 0))
    check_budget(max_tokens, tokens_per_image)
    is_split = bool(preprocessor.get("do_image_splitting"))
    return {"do_image_splitting": is_split and max_tokens >= 5 * tokens_per_image}
