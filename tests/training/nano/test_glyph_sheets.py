"""Practice sheets: full of print, with each letter where it is said to be."""

import random

import numpy as np

from training.nano.glyph_sheets import practice
from training.nano.tokenizer import LETTERS


def test_a_sheet_is_full_of_print_and_its_letters_stand_where_there_is_ink() -> None:
    for seed in range(6):
        made = practice(random.Random(seed))
        assert len(made.letters) == len(made.centres) > 400
        assert not made.values
        height, width, _ = made.pixels.shape
        inside = (made.centres > 4).all(1) & (made.centres < (width - 4, height - 4)).all(1)
        grey = made.pixels.mean(2)
        spans = [
            np.ptp(grey[int(y) - 4 : int(y) + 5, int(x) - 3 : int(x) + 4])
            for x, y in made.centres[inside]
        ]
        assert np.quantile(spans, 0.05) > 35


def test_sheets_say_only_what_the_model_can_say() -> None:
    for seed in range(20):
        assert set(practice(random.Random(seed)).letters) <= set(LETTERS)
