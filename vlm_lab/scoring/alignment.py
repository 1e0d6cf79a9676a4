"""Which predicted row is which row of the reference: an optimal assignment over similarities that
are computed once.

Rows that are alike in every labelled cell are paired first (no assignment can do better by them);
what is left goes through scipy's assignment, on a matrix that numpy and rapidfuzz fill column by
column. So a list of 200 rows takes milliseconds where a comparison of every pair in Python takes
seconds.

Cells are equal as `vlm_lab.scoring.cells` says. Rows are put into an order of their content first,
and similarities are whole numbers, so that no figure depends on the order in which rows or keys
came.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from vlm_lab.scoring.cells import Cell, CellColumn, ColumnMatcher, Row

# A pair without one equal cell must be this similar on average, else its rows are missing and
# spurious.
MIN_SIMILARITY = 0.4
MIN_JOINED_SIMILARITY = 0.9  # similarity of a text to the two halves that it was split into
MAX_COMPARED_LENGTH = 200  # characters of a cell that similarity looks at
SIMILARITY_STEPS = 10**4  # of a similarity from 0 to 1, as a whole number
# Of equal similarity: more equal cells, then more right rows, then fewer wrong or spurious cells,
# then more cells that are printed alike.
_SIMILARITY_WEIGHT, _EQUAL_WEIGHT, _RIGHT_WEIGHT, _FEWER_WRONG_WEIGHT = 1000, 10**4, 10**3, 10
Matchers = Mapping[str, ColumnMatcher]


def align_rows(
    expected: Sequence[Row],
    actual: Sequence[Row],
    matchers: Matchers,
    expected_keys: Sequence[str],
    actual_keys: Sequence[str],
) -> dict[int, int]:
    """Expected row -> predicted row, the most alike in total; of equal totals the one with more
    equal cells. A row's key is the same text whatever the order of its cells."""
    expected_order = sorted(range(len(expected)), key=expected_keys.__getitem__)
    actual_order = sorted(range(len(actual)), key=actual_keys.__getitem__)
    pairs = _align_ordered_rows(
        [expected[index] for index in expected_order],
        [actual[index] for index in actual_order],
        matchers,
    )
    return {
        expected_order[expected_index]: actual_order[actual_index]
        for expected_index, actual_index in pairs.items()
    }


def _align_ordered_rows(
    expected: Sequence[Row], actual: Sequence[Row], matchers: Matchers
) -> dict[int, int]:
    columns = sorted({path for row in expected for path in row})
    pairs = _pair_equal_rows(expected, actual, columns, matchers)
    is_complete = len(pairs) == sum(map(bool, expected))
    if not is_complete and not all(matchers[path].is_transitive for path in columns):
        pairs = {}  # a row may equal several that are not equal to each other
    unpaired_expected = [index for index in range(len(expected)) if index not in pairs]
    paired_actual = set(pairs.values())
    unpaired_actual = [index for index in range(len(actual)) if index not in paired_actual]
    if unpaired_expected and unpaired_actual and not is_complete:
        expected_rows = [expected[index] for index in unpaired_expected]
        actual_rows = [actual[index] for index in unpaired_actual]
        assigned = _assign_rows(expected_rows, actual_rows, columns, matchers)
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
    """How many rows of `parts` have no partner in `whole` but continue the text of one that has to
    its partner's."""
    return sum(
        any(
            _is_continuation(whole[whole_index], parts[part_index], rest)
            for part_index, whole_index in partner.items()
        )
        for index, rest in enumerate(parts)
        if index not in partner
    )


def _is_continuation(whole: Row, part: Row, rest: Row) -> bool:
    from rapidfuzz.distance import Indel

    for path, whole_cell in whole.items():
        part_cell, rest_cell = part.get(path), rest.get(path)
        if part_cell is None or rest_cell is None:
            continue
        text, first, second = (_truncate(cell.text) for cell in (whole_cell, part_cell, rest_cell))
        if not (text and first and second) or first == text:
            continue
        if not _may_be_joined(len(text), len(first) + len(second)):
            continue
        joined_texts = _truncate(first + second), _truncate(second + first)
        similarity = max(Indel.normalized_similarity(text, joined) for joined in joined_texts)
        if similarity >= MIN_JOINED_SIMILARITY:
            return True
    return False


def _may_be_joined(length: int, joined_length: int) -> bool:
    """Whether texts of these lengths can be alike enough: the difference must be inserted."""
    lengths = length, min(joined_length, MAX_COMPARED_LENGTH)
    return 2 * min(lengths) >= MIN_JOINED_SIMILARITY * sum(lengths)


def _pair_equal_rows(
    expected: Sequence[Row], actual: Sequence[Row], columns: Sequence[str], matchers: Matchers
) -> dict[int, int]:
    """Rows that are printed alike, then rows with the same values."""
    pairs: dict[int, int] = {}
    for get_key in (_get_printed_key, _get_canonical_key):
        unpaired = [index for index, row in enumerate(expected) if row and index not in pairs]
        taken = set(pairs.values())
        indices_by_key: dict[Hashable, list[int]] = defaultdict(list)
        for index in reversed(range(len(actual))):
            if index not in taken:
                indices_by_key[_get_row_key(actual[index], columns, get_key)].append(index)
        for index in unpaired:
            candidates = indices_by_key.get(_get_row_key(expected[index], columns, get_key))
            if candidates and _are_rows_equal(expected[index], actual[candidates[-1]], matchers):
                pairs[index] = candidates.pop()
    return pairs


def _get_printed_key(cell: Cell) -> Hashable:
    return cell.key


def _get_canonical_key(cell: Cell) -> Hashable:
    return cell.canonical


def _get_row_key(
    row: Row, columns: Sequence[str], get_key: Callable[[Cell], Hashable]
) -> tuple[Hashable, ...]:
    cells = (row.get(path) for path in columns)
    return tuple(None if cell is None else get_key(cell) for cell in cells)


def _are_rows_equal(expected: Row, actual: Row, matchers: Matchers) -> bool:
    return all(matchers[path].are_equal(cell, actual[path]) for path, cell in expected.items())


def _assign_rows(
    expected: Sequence[Row], actual: Sequence[Row], columns: Sequence[str], matchers: Matchers
) -> list[tuple[int, int]]:
    import numpy
    from scipy.optimize import linear_sum_assignment

    shape = len(expected), len(actual)
    similarity_sum, equal_cells = numpy.zeros(shape), numpy.zeros(shape)
    different_cells, alike_cells = numpy.zeros(shape), numpy.zeros(shape)
    for path in columns:
        expected_cells = [row.get(path) for row in expected]
        actual_cells = [row.get(path) for row in actual]
        equal = matchers[path].match(expected_cells, actual_cells)
        similarity = _compare_texts(expected_cells, actual_cells)
        equal_cells += equal
        different_cells += _find_both_present(expected_cells, actual_cells) & ~equal
        alike_cells += _find_printed_alike(expected_cells, actual_cells)
        similarity_sum += numpy.maximum(SIMILARITY_STEPS * equal, similarity)
    labelled_cells = numpy.array([max(1, len(row)) for row in expected])[:, None]
    predicted_cells = numpy.array([len(row.keys() & set(columns)) for row in actual])
    mean_similarity = similarity_sum / (SIMILARITY_STEPS * labelled_cells)
    is_similar_enough = (equal_cells > 0) | (mean_similarity >= MIN_SIMILARITY)
    weights = (
        _SIMILARITY_WEIGHT * similarity_sum
        + _EQUAL_WEIGHT * equal_cells
        + _RIGHT_WEIGHT * (equal_cells == labelled_cells)
        + _FEWER_WRONG_WEIGHT * (predicted_cells - different_cells)
        + alike_cells
    )
    rows, columns_assigned = linear_sum_assignment(
        numpy.where(is_similar_enough, weights, 0.0), maximize=True
    )
    return [
        (int(row_index), int(column_index))
        for row_index, column_index in zip(rows, columns_assigned, strict=True)
        if is_similar_enough[row_index, column_index]
    ]


def _find_both_present(expected: CellColumn, actual: CellColumn) -> Any:
    import numpy

    is_expected = numpy.array([cell is not None for cell in expected], bool)
    is_actual = numpy.array([cell is not None for cell in actual], bool)
    return is_expected[:, None] & is_actual


def _find_printed_alike(expected: CellColumn, actual: CellColumn) -> Any:
    import numpy

    numbers: dict[tuple[str, str], int] = {}
    expected_numbers, actual_numbers = (
        numpy.array(
            [
                absent if cell is None else numbers.setdefault(cell.key, len(numbers))
                for cell in cells
            ]
        )
        for cells, absent in ((expected, -1), (actual, -2))
    )
    return expected_numbers[:, None] == actual_numbers


def _compare_texts(expected: CellColumn, actual: CellColumn) -> Any:
    """How alike the texts of a column are, in whole steps: 0 to 0.9 of a similarity."""
    import numpy
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    expected_texts = ["" if cell is None else _truncate(cell.text) for cell in expected]
    actual_texts = ["" if cell is None else _truncate(cell.text) for cell in actual]
    if not any(expected_texts) or not any(actual_texts):
        return numpy.zeros((len(expected), len(actual)))
    # Not None for what is no text: cdist leaves such cells of its matrix as the memory was.
    similarities = cdist(
        expected_texts, actual_texts, scorer=Indel.normalized_similarity, score_cutoff=0.5
    )
    has_expected_text = numpy.array([bool(text) for text in expected_texts])
    has_actual_text = numpy.array([bool(text) for text in actual_texts])
    both_texts = has_expected_text[:, None] & has_actual_text
    return numpy.rint(0.9 * SIMILARITY_STEPS * similarities.astype(float)) * both_texts


def _truncate(text: str) -> str:
    """The beginning of a text, which similarity looks at."""
    return text[:MAX_COMPARED_LENGTH]
