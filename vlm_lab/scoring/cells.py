"""Cells of rows, and which of a column are equal: by the rule that compares their values later
(`vlm_lab.fields.comparison`), so that alignment and outcome never disagree.

That rule is no matter of equal keys alone: amounts have tolerances, currencies and second readings.
So pairs whose numbers could be equal are found by numpy, and each is asked.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.amounts import parse_tolerance
from vlm_lab.fields.comparison import SAME_VALUE, TEXT_FIELD, has_same_text, has_same_value
from vlm_lab.types import Conventions, Field

# How many times the one number may be the other, of two that are the same value: `1,500` is 1.5,
# and 0.19 is 19 %.
_EQUAL_FACTORS = (1.0, 1000.0, 0.001, 100.0, 0.01)
_ROUNDING = 1e-9  # of floats, which only choose the pairs that are asked


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that says something, as its type reads it; `text` is what similarity looks at."""

    value: Any
    canonical: Hashable
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """The same for values that are printed alike."""
        return type(self.value).__name__, str(self.value)


Row = dict[str, Cell]
CellColumn = Sequence[Cell | None]


def make_cell(field: Field, value: Any, conventions: Conventions) -> Cell:
    """The cell of a value; what is none of its type is compared as text."""
    canonical = canonicalize_value(field, value, conventions)
    if canonical is None:
        text = str(canonicalize_value(TEXT_FIELD, value, conventions) or value)
        return Cell(value, ("text", text), text)
    return Cell(value, canonical, canonical if isinstance(canonical, str) else "")


@dataclass(frozen=True, slots=True)
class ColumnMatcher:
    """Which cells of one column are equal."""

    field: Field
    expected_conventions: Conventions
    actual_conventions: Conventions

    @property
    def is_transitive(self) -> bool:
        """Whether cells that equal a third are equal to each other."""
        return self.field.type not in SAME_VALUE and not parse_tolerance(self.field.tolerance)

    def are_equal(self, expected: Cell, actual: Cell) -> bool:
        """Whether the reply's cell is right where the reference has the other."""
        return has_same_text(expected.value, actual.value) or has_same_value(
            self.field,
            expected.value,
            actual.value,
            self.expected_conventions,
            self.actual_conventions,
        )

    def match(self, expected: CellColumn, actual: CellColumn) -> Any:
        """The matrix of equal cells, expected x actual; nothing equals a cell that is not there."""
        import numpy

        distinct_expected, expected_indices = _find_distinct(expected)
        distinct_actual, actual_indices = _find_distinct(actual)
        equal = numpy.zeros((len(distinct_expected) + 1, len(distinct_actual) + 1), bool)
        for row, column in self._find_candidates(distinct_expected, distinct_actual):
            equal[row, column] = self.are_equal(distinct_expected[row], distinct_actual[column])
        return equal[numpy.ix_(expected_indices, actual_indices)]

    def _find_candidates(
        self, expected: Sequence[Cell], actual: Sequence[Cell]
    ) -> set[tuple[int, int]]:
        candidates = _pair_by_key(expected, actual, lambda cell: cell.canonical)
        candidates |= _pair_by_key(expected, actual, lambda cell: str(cell.value))
        return candidates if self.is_transitive else candidates | self._pair_close(expected, actual)

    def _pair_close(self, expected: Sequence[Cell], actual: Sequence[Cell]) -> set[tuple[int, int]]:
        """Pairs of numbers that are equal within the tolerance, or in other readings."""
        import numpy

        expected_numbers = numpy.array([_get_number(cell) for cell in expected])[:, None]
        actual_numbers = numpy.array([_get_number(cell) for cell in actual])
        margin = float(parse_tolerance(self.field.tolerance))
        close = numpy.zeros((len(expected), len(actual)), bool)
        with numpy.errstate(invalid="ignore", over="ignore"):
            for factor in _EQUAL_FACTORS:
                difference = numpy.abs(expected_numbers - factor * actual_numbers)
                rounding = _ROUNDING * numpy.abs(expected_numbers)
                close |= difference <= margin * max(1.0, factor) + rounding
        return {(int(row), int(column)) for row, column in numpy.argwhere(close)}


def _find_distinct(cells: CellColumn) -> tuple[list[Cell], list[int]]:
    """The distinct cells, and for each place the index of its cell; -1 where there is none."""
    indices_by_key: dict[tuple[str, str], int] = {}
    distinct: list[Cell] = []
    indices = []
    for cell in cells:
        if cell is None:
            indices.append(-1)
            continue
        if cell.key not in indices_by_key:
            indices_by_key[cell.key] = len(distinct)
            distinct.append(cell)
        indices.append(indices_by_key[cell.key])
    return distinct, indices


def _pair_by_key(
    expected: Sequence[Cell], actual: Sequence[Cell], get_key: Callable[[Cell], Hashable]
) -> set[tuple[int, int]]:
    columns_by_key: dict[Hashable, list[int]] = {}
    for column, cell in enumerate(actual):
        columns_by_key.setdefault(get_key(cell), []).append(column)
    return {
        (row, column)
        for row, cell in enumerate(expected)
        for column in columns_by_key.get(get_key(cell), ())
    }


def _get_number(cell: Cell) -> float:
    """The number of an amount or a quantity; not a number for all else, which is close to none."""
    value = cell.canonical
    number = value[0] if isinstance(value, tuple) and value else value
    return float(number) if isinstance(number, Decimal) else float("nan")
