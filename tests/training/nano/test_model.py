"""The network beside transformers' own parts: the pixels, and which letters a visual token stands
for."""

import random

import numpy as np
import pytest

from training.nano.random_documents import wish
from training.nano.rendering import CELL, MAX_PIXELS, MERGE, PATCH, Picture, picture
from training.nano.tokenizer import LETTERS


def test_patches_are_the_image_processors() -> None:
    import torch
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from training.nano.model import patches

    chance = random.Random(2)
    made = picture(chance, wish(chance)).pixels
    size = {"shortest_edge": CELL**2 * 16, "longest_edge": MAX_PIXELS}
    processor = Qwen2VLImageProcessorPil(size=size, patch_size=PATCH, merge_size=MERGE)
    expected = processor(images=[made], return_tensors="pt")
    pixels, grid = patches([made])
    assert torch.equal(grid, expected["image_grid_thw"])
    assert torch.allclose(pixels, expected["pixel_values"], atol=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "row", "column", "slot"),
    [(3, 4, 0, 0, 0), (20, 4, 0, 1, 0), (3, 12, 0, 0, 4), (17, 30, 1, 1, 4)],
)
def test_a_letter_belongs_to_the_cell_that_its_centre_is_in(
    x: int, y: int, row: int, column: int, slot: int
) -> None:
    from training.nano.model import letter_targets

    page = Picture(np.zeros((32, 32, 3), np.uint8), "k", np.array([[x, y]], np.float32), {}, {})
    targets = letter_targets(page)
    assert targets[row, column, slot] == LETTERS.index("k") + 1
    assert (targets > 0).sum() == 1


def test_four_letters_have_a_place_in_half_a_cell() -> None:
    """As narrow ones of a slip's print stand there."""
    from training.nano.model import letter_targets

    centres = np.array([[2, 3], [6, 3], [10, 3], [14, 3]], np.float32)
    page = Picture(np.zeros((32, 32, 3), np.uint8), "illi", centres, {}, {})
    assert [LETTERS[target - 1] for target in letter_targets(page)[0, 0, :4]] == list("illi")


def test_letters_of_one_cell_stand_from_left_to_right() -> None:
    from training.nano.model import letter_targets

    page = Picture(
        np.zeros((16, 16, 3), np.uint8), "ba", np.array([[9, 4], [2, 4]], np.float32), {}, {}
    )
    assert letter_targets(page)[0, 0, :3].tolist() == [
        LETTERS.index("a") + 1,
        LETTERS.index("b") + 1,
        0,
    ]


def test_columns_are_told_apart_by_their_position_and_so_are_rows() -> None:
    """Qwen2-VL's own share of the frequencies turns a narrow head by 0.003 from one column to the
    next."""
    import torch

    from training.nano import model
    from training.nano.tokenizer import tokenizer

    rotary = model.build(tokenizer([])).model.language_model.rotary_emb
    here, right, below = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]]).T.unsqueeze(1).unbind(-1)
    turns = [
        rotary(torch.zeros(1), each.view(3, 1, 1))[1].flatten() for each in (here, right, below)
    ]
    assert [float((each - turns[0]).abs().max()) > 0.3 for each in turns] == [False, True, True]


def test_what_ships_is_the_network_that_is_trained() -> None:
    """A checkpoint keeps the settings it was built with; training from it would not see that they
    have changed."""
    from training.nano import FOLDER, model
    from training.nano.tokenizer import tokenizer

    ships, built = (
        model.opened(FOLDER).config.text_config,
        model.build(tokenizer([])).config.text_config,
    )
    for setting in ("rope_parameters", "num_hidden_layers", "hidden_size", "num_attention_heads"):
        assert getattr(ships, setting) == getattr(built, setting)
