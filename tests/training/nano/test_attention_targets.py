"""What an answer's letters are read from: the right ones, in every form that values are printed
in."""

import random

import pytest

from training.nano import batches
from training.nano.attention_targets import alignment, pointed
from training.nano.random_documents import wish
from training.nano.rendering import CELL, picture


@pytest.mark.parametrize(
    ("name", "value", "shown", "read"),
    [
        ("invoice_number", "INV-7/24", "INV-7/24", "INV-7/24"),
        ("seller.name", "Zé & Co", "Zé&Co", "Zé&Co"),
        ("totals.net", "1865.47", "1865,47€", "1865,47"),
        ("totals.net", "1562.73", "£1,562.73", "1562.73"),
        ("totals.gross", "2238.56", "2.238,56€", "2238,56"),
        ("issue_date", "2021-12-05", "05/12/2021", "20211205"),
        ("issue_date", "2021-12-05", "2021-12-05", "20211205"),
        ("issue_date", "2025-10-22", "22October2025", "2025OctoberOctober22"),
        ("issue_date", "2022-01-07", "7.Januar2022", "2022JanuarJanuar77"),
        ("currency", "EUR", "EUR", ""),
    ],
)
def test_values_are_read_from_these_letters(name: str, value: str, shown: str, read: str) -> None:
    pairs = list(alignment(name, value, shown))
    assert "".join(shown[letter] for _, letter in pairs) == read
    assert [offset for offset, _ in pairs] == sorted(offset for offset, _ in pairs)


def test_a_date_in_no_known_form_is_said() -> None:
    with pytest.raises(ValueError, match="no date in 'soon'"):
        list(alignment("issue_date", "2024-01-01", "soon"))


@pytest.mark.parametrize("seed", range(12))
def test_digits_of_an_answer_point_at_themselves(seed: int) -> None:
    chance = random.Random(seed)
    made = picture(chance, wish(chance))
    answer = batches.answer(made.values)
    found = pointed(made, made.values, answer)
    dates = range(answer.index(made.values["issue_date"]), answer.index('", "currency'))
    for at, letters in found.items():
        if at not in dates and answer[at] != ".":
            assert {made.letters[letter] for letter in letters} == {answer[at]}
    assert not [at for at, each in enumerate(answer) if each.isdigit() and at not in found]


def test_a_lesson_tells_the_cells_of_its_strip() -> None:
    chance = random.Random(3)
    made = picture(chance, wish(chance, ("till",)))
    (height, width, _), top = made.pixels.shape, 4
    lesson = batches.spelling([batches.Strip(made, top, height // CELL)])
    columns = width // CELL
    for at, cells in lesson.cells[0].items():
        (cell,) = cells
        x, y = made.centres[len(made.letters) - len(lesson.answers[0]) + at]
        assert (cell // columns + top, cell % columns) == (int(y // CELL), int(x // CELL))
