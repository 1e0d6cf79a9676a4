"""Which predicted row is which row of the reference: an optimal assignment over similarities that
are computed once.

Rows that are alike in every labelled cell are paired first (no assignment can do better by them);
what is left goes through scipy's assignment, on a matrix that numpy and rapidfuzz fill column by
column. So a list of 200 rows takes milliseconds where a comparison of every pair in Python takes
seconds.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Hashable]  # canonical values by path

# a pair without one equal cell must be this similar on average, else the rows are missing and
# spurious
MIN_SIMILARITY = 0.4
MIN_JOINED_SIMILARITY = 0.9  # similarity of a text to the two halves that it was split into
MAX_COMPARED_LENGTH = 200  # characters of a cell that similarity looks at


def align_rows(expected: Sequence[Row], actual: Sequence[Row]) -> dict[int, int]:
    """Expected row -> predicted row, the most alike in total; of equal totals the one with more
    equal cells."""
    columns = tuple(dict.fromkeys(path for row in expected for path in row))
    pairs = _pair_identical_rows(expected, actual, columns)
    left = [index for index in range(len(expected)) if index not in pairs]
    taken = set(pairs.values())
    right = [index for index in range(len(actual)) if index not in taken]
    if left and right:
        rest = _assign_rows(
            [expected[index] for index in left], [actual[index] for index in right], columns
        )
        pairs |= {left[one]: right[other] for one, other in rest}
    return pairs


def count_split_and_merged(
    expected: Sequence[Row], actual: Sequence[Row], pairs: Mapping[int, int]
) -> tuple[int, int]:
    """How many rows of the reference came as two, and how many came as one with their neighbour."""
    turned = {other: one for one, other in pairs.items()}
    return _count_split(expected, actual, turned), _count_split(actual, expected, pairs)


def _count_split(whole: Sequence[Row], parts: Sequence[Row], owner: Mapping[int, int]) -> int:
    """How many rows of `parts` have no owner in `whole` but continue a neighbour's text to its
    owner's."""
    alone = (index for index in range(len(parts)) if index not in owner)
    return sum(
        any(_is_continuation(whole[owner[near]], parts[near], parts[index], near < index)
            for near in (index - 1, index + 1) if near in owner)
        for index in alone
    )  # fmt: skip


def _is_continuation(whole: Row, part: Row, rest: Row, after: bool) -> bool:
    from rapidfuzz.distance import Indel

    for path, text in whole.items():
        one, other = part.get(path), rest.get(path)
        if (
            isinstance(text, str)
            and isinstance(one, str)
            and isinstance(other, str)
            and one != text
        ):
            joined = one + other if after else other + one
            if (
                Indel.normalized_similarity(
                    text[:MAX_COMPARED_LENGTH], joined[:MAX_COMPARED_LENGTH]
                )
                >= MIN_JOINED_SIMILARITY
            ):
                return True
    return False


def _pair_identical_rows(
    expected: Sequence[Row], actual: Sequence[Row], columns: Sequence[str]
) -> dict[int, int]:
    waiting: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    for index in reversed(range(len(actual))):
        waiting[tuple(actual[index].get(path) for path in columns)].append(index)
    pairs = {}
    for index, row in enumerate(expected):
        same = waiting.get(tuple(row.get(path) for path in columns))
        if same and row:
            pairs[index] = same.pop()
    return pairs


def _assign_rows(
    expected: Sequence[Row], actual: Sequence[Row], columns: Sequence[str]
) -> list[tuple[int, int]]:
    import numpy
    from scipy.optimize import linear_sum_assignment

    equal = numpy.zeros((len(expected), len(actual)))
    alike, unlike = numpy.zeros_like(equal), numpy.zeros_like(equal)
    for path in columns:
        same, differ, similar = _compare_column(
            [row.get(path) for row in expected], [row.get(path) for row in actual]
        )
        equal += same
        unlike += differ
        alike += numpy.maximum(same, similar)
    labelled = numpy.array([max(1, len(row)) for row in expected])[:, None]
    cells = numpy.array([sum(path in row for path in columns) for row in actual])
    keep = (equal > 0) | (alike / labelled >= MIN_SIMILARITY)
    # Of equal totals: more equal cells, then more right rows, then fewer wrong or spurious cells.
    # So the figures do not depend on the order of the rows.
    worth = alike + 1e-3 * equal + 1e-4 * (equal == labelled) + 1e-6 * (cells - unlike)
    rows, found = linear_sum_assignment(numpy.where(keep, worth, 0.0), maximize=True)
    return [
        (int(one), int(other)) for one, other in zip(rows, found, strict=True) if keep[one, other]
    ]


def _compare_column(expected: list[Hashable], actual: list[Hashable]) -> tuple[Any, Any, Any]:
    """Where the values of a column are equal, where both are there and differ, and how alike texts
    are (0 to 0.9)."""
    import numpy
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    numbers: dict[Hashable, int] = {None: -1}
    ones = numpy.array([numbers.setdefault(value, len(numbers)) for value in expected])[:, None]
    others = numpy.array([numbers.setdefault(value, len(numbers)) for value in actual])
    both = (ones >= 0) & (others >= 0)
    same = both & (ones == others)
    texts = [value[:MAX_COMPARED_LENGTH] if isinstance(value, str) else "" for value in expected]
    answers = [value[:MAX_COMPARED_LENGTH] if isinstance(value, str) else "" for value in actual]
    if not any(texts) or not any(answers):
        return same, both & ~same, same
    # Not None for what is no text: cdist leaves such cells of its matrix as the memory was.
    close = cdist(texts, answers, scorer=Indel.normalized_similarity, score_cutoff=0.5)
    written = numpy.array([bool(text) for text in texts])[:, None] & numpy.array(
        [bool(text) for text in answers]
    )
    return same, both & ~same, 0.9 * close * written
