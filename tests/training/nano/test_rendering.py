"""Where the letters of a picture stand: what supervises the vision tower has to be true to a pixel
or two."""

import random

import numpy as np
import pytest

from training.nano.random_documents import KINDS, wish
from training.nano.rendering import CELL, FIELDS, MAX_PIXELS, Picture, model_size, picture, turned


def drawn(seed: int, layouts: tuple[str, ...] = tuple(KINDS)) -> Picture:
    chance = random.Random(seed)
    return picture(chance, wish(chance, layouts))


@pytest.mark.parametrize("seed", range(8))
def test_ink_stands_where_the_letters_are(seed: int) -> None:
    """Around a letter's centre there is contrast; a skew or a margin that was not followed would
    find empty paper."""
    made = drawn(seed)
    grey = made.pixels.mean(2)
    spans = []
    for x, y in made.centres:
        patch = grey[max(0, int(y) - 4) : int(y) + 5, max(0, int(x) - 3) : int(x) + 4]
        spans.append(float(patch.max() - patch.min()))
    assert np.quantile(spans, 0.05) > 40


@pytest.mark.parametrize("layout", KINDS)
def test_every_field_has_a_value_and_a_place(layout: str) -> None:
    made = drawn(3, (layout,))
    assert set(made.values) == set(made.spots) == set(FIELDS)
    assert all(made.spots.values())
    assert all(0 < y < made.pixels.shape[0] for name in FIELDS for y in made.heights(name))


def test_a_picture_is_a_whole_number_of_visual_tokens_within_the_budget() -> None:
    for seed in range(6):
        height, width, _ = drawn(seed).pixels.shape
        assert height % CELL == width % CELL == 0
        assert height * width <= MAX_PIXELS


def test_the_size_is_the_image_processors() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    for width, height in ((492, 662), (426, 575), (140, 90), (1240, 1754)):
        high, wide = smart_resize(height, width, CELL, CELL**2 * 16, MAX_PIXELS)
        assert model_size(width, height) == (wide, high)


def test_points_turn_with_the_page() -> None:
    """Counter-clockwise by a right angle: what stood right of the middle stands above it."""
    found = turned(np.array([[90.0, 50.0]], np.float32), (100, 100), 90.0)
    assert found[0].tolist() == pytest.approx([50.0, 10.0], abs=1e-4)
