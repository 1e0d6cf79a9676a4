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

# A pair without one equal cell must be this similar on average, else its rows are missing and
# spurious.
MIN_SIMILARITY = 0.4
MIN_JOINED_SIMILARITY = 0.9  # similarity of a text to the two halves that it was split into
MAX_COMPARED_LENGTH = 200  # characters of a cell that similarity looks at


def align_rows(expected: Sequence[Row], actual: Sequence[Row]) -> dict[int, int]:
    """Expected row -> predicted row, the most alike in total; of equal totals the one with more
    equal cells."""
    columns = tuple(dict.fromkeys(path for row in expected for path in row))
    pairs = _pair_identical_rows(expected, actual, columns)
    unpaired_expected = [index for index in range(len(expected)) if index not in pairs]
    paired_actual = set(pairs.values())
    unpaired_actual = [index for index in range(len(actual)) if index not in paired_actual]
    if unpaired_expected and unpaired_actual:
        expected_rows = [expected[index] for index in unpaired_expected]
        actual_rows = [actual[index] for index in unpaired_actual]
        assigned = _assign_rows(expected_rows, actual_rows, columns)
        pairs |= {
            unpaired_expected[expected_index]: unpaired_actual[actual_index]
            for expected_index, actual_index in assigned
        }
    return pairs


def count_split_and_merged(
    expected: Sequence[Row], actual: Sequence[Row], pairs: Mapping[int, int]
) -> tuple[int, int]:
    """How many rows of the reference came as two, and how many came as one with their neighbour."""
    expected_by_actual = {
        actual_index: expected_index for expected_index, actual_index in pairs.items()
    }
    return _count_split(expected, actual, expected_by_actual), _count_split(actual, expected, pairs)


def _count_split(whole: Sequence[Row], parts: Sequence[Row], partner: Mapping[int, int]) -> int:
    """How many rows of `parts` have no partner in `whole` but continue a neighbour's text to its
    partner's."""
    split_count = 0
    for index, part in enumerate(parts):
        if index in partner:
            continue
        neighbours = [neighbour for neighbour in (index - 1, index + 1) if neighbour in partner]
        split_count += any(
            _is_continuation(whole[partner[neighbour]], parts[neighbour], part, neighbour < index)
            for neighbour in neighbours
        )
    return split_count


def _is_continuation(whole: Row, part: Row, rest: Row, is_rest_after: bool) -> bool:
    from rapidfuzz.distance import Indel

    for path, text in whole.items():
        first, second = part.get(path), rest.get(path)
        if not (isinstance(text, str) and isinstance(first, str) and isinstance(second, str)):
            continue
        if first == text:
            continue
        joined = first + second if is_rest_after else second + first
        similarity = Indel.normalized_similarity(_truncate(text), _truncate(joined))
        if similarity >= MIN_JOINED_SIMILARITY:
            return True
    return False


def _pair_identical_rows(
    expected: Sequence[Row], actual: Sequence[Row], columns: Sequence[str]
) -> dict[int, int]:
    indices_by_values: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    for index in reversed(range(len(actual))):
        indices_by_values[tuple(actual[index].get(path) for path in columns)].append(index)
    pairs = {}
    for index, row in enumerate(expected):
        identical_indices = indices_by_values.get(tuple(row.get(path) for path in columns))
        if identical_indices and row:
            pairs[index] = identical_indices.pop()
    return pairs


def _assign_rows(
    expected: Sequence[Row], actual: Sequence[Row], columns: Sequence[str]
) -> list[tuple[int, int]]:
    import numpy
    from scipy.optimize import linear_sum_assignment

    equal_cells = numpy.zeros((len(expected), len(actual)))
    similarity_sum, different_cells = numpy.zeros_like(equal_cells), numpy.zeros_like(equal_cells)
    for path in columns:
        expected_values = [row.get(path) for row in expected]
        actual_values = [row.get(path) for row in actual]
        equal, different, similarities = _compare_column(expected_values, actual_values)
        equal_cells += equal
        different_cells += different
        similarity_sum += numpy.maximum(equal, similarities)
    labelled_cells = numpy.array([max(1, len(row)) for row in expected])[:, None]
    predicted_cells = numpy.array([len(row.keys() & set(columns)) for row in actual])
    is_similar_enough = (equal_cells > 0) | (similarity_sum / labelled_cells >= MIN_SIMILARITY)
    # Of equal totals: more equal cells, then more right rows, then fewer wrong or spurious cells.
    # So the figures do not depend on the order of the rows.
    weights = (
        similarity_sum
        + 1e-3 * equal_cells
        + 1e-4 * (equal_cells == labelled_cells)
        + 1e-6 * (predicted_cells - different_cells)
    )
    rows, columns_assigned = linear_sum_assignment(
        numpy.where(is_similar_enough, weights, 0.0), maximize=True
    )
    return [
        (int(row_index), int(column_index))
        for row_index, column_index in zip(rows, columns_assigned, strict=True)
        if is_similar_enough[row_index, column_index]
    ]


def _compare_column(expected: list[Hashable], actual: list[Hashable]) -> tuple[Any, Any, Any]:
    """Where the values of a column are equal, where both are there and differ, and how alike texts
    are (0 to 0.9)."""
    import numpy
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    numbers: dict[Hashable, int] = {None: -1}
    expected_numbers = numpy.array([numbers.setdefault(value, len(numbers)) for value in expected])
    actual_numbers = numpy.array([numbers.setdefault(value, len(numbers)) for value in actual])
    both_present = (expected_numbers[:, None] >= 0) & (actual_numbers >= 0)
    equal = both_present & (expected_numbers[:, None] == actual_numbers)
    expected_texts = [_truncate(value) for value in expected]
    actual_texts = [_truncate(value) for value in actual]
    if not any(expected_texts) or not any(actual_texts):
        return equal, both_present & ~equal, equal
    # Not None for what is no text: cdist leaves such cells of its matrix as the memory was.
    similarities = cdist(
        expected_texts, actual_texts, scorer=Indel.normalized_similarity, score_cutoff=0.5
    )
    has_expected_text = numpy.array([bool(text) for text in expected_texts])
    has_actual_text = numpy.array([bool(text) for text in actual_texts])
    both_texts = has_expected_text[:, None] & has_actual_text
    return equal, both_present & ~equal, 0.9 * similarities * both_texts


def _truncate(value: Hashable) -> str:
    """The beginning of a text, which similarity looks at; "" for what is no text."""
    return value[:MAX_COMPARED_LENGTH] if isinstance(value, str) else ""
