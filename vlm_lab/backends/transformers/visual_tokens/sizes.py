"""What all arithmetic of visual tokens shares: names of types, sides of patches, and budgets that a
family cannot keep. Valid on Python 3.9."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from vlm_lab.messages import Message

Config = Mapping[str, Any]
Size = tuple[int, int]
TokenCounter = Callable[[Config, Config, Size], int]
ResizeRule = Callable[[Config, Config, int, Size], Size]
SHRINKING = 0.97  # a step of a page that is still too large


def check_budget(max_tokens: int, minimum: int) -> None:
    """ValueError of a Message where a model's smallest page is larger than the budget."""
    if max_tokens < minimum:
        figures = {"minimum": minimum, "tokens": max_tokens}
        raise ValueError(Message("pixel_budget_too_small", figures))


def get_first_side(setting: Any) -> Any:
    """A side that some configs give as [height, width]."""
    return setting[0] if isinstance(setting, list) else setting


def shrink_until_it_fits(count_tokens: TokenCounter) -> ResizeRule:
    """The rule for families whose tokens depend on a page's shape in a way that no setting bounds
    tightly: the size, of a page's own shape, at which its tokens are within the budget."""

    def resize_page(config: Config, preprocessor: Config, max_tokens: int, size: Size) -> Size:
        scale, page_size = 1.0, size
        while count_tokens(config, preprocessor, page_size) > max_tokens and max(page_size) > 1:
            scale *= SHRINKING
            page_size = shrink_size(size, scale)
        return page_size

    return resize_page


def shrink_size(size: Size, scale: float) -> Size:
    """A page's size in whole pixels, one at least."""
    width, height = size
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
