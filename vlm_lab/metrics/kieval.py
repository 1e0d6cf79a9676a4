"""KIEval: how many values are exactly right once rows are paired, and how many corrections the rest
would take.

Khang et al.: "KIEval: Evaluation Metric for Document Key Information Extraction", ICDAR 2025,
arXiv:2503.05488; the figures are those of UpstageAI/KIEval.

- Values are texts under their keys, compared exactly (numbers as JSON writes them); null and "" are
  no values.
- The objects of a list are rows. Rows of both sides are paired so that most values are equal; an
  unpaired row's values are missing or extra. Values outside such lists, and lists inside a row, are
  bags under their key.
- entity F1, precision, recall, accuracy = TP / (TP + FP + FN), micro over all documents.
- aligned = TP / (TP + wrong + unmatched): under one key of one row, a missing and an extra value
  are one correction (wrong), and only what is left over on one side is a deletion or an addition
  (unmatched).
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vlm_lab.metrics.assignment import find_best_pairs
from vlm_lab.metrics.depth import limit_depth

KeyPath = tuple[str, ...]
Row = Counter[tuple[KeyPath, str]]


@dataclass(frozen=True, slots=True)
class KievalCounts:
    """Values: labelled and predicted ones, the exact among them; pairs that are `wrong`; the
    `unmatched` rest."""

    labelled: int = 0
    predicted: int = 0
    exact: int = 0
    wrong: int = 0
    unmatched: int = 0

    def __add__(self, other: "KievalCounts") -> "KievalCounts":
        return KievalCounts(
            self.labelled + other.labelled,
            self.predicted + other.predicted,
            self.exact + other.exact,
            self.wrong + other.wrong,
            self.unmatched + other.unmatched,
        )

    @property
    def ratios(self) -> dict[str, float | None]:
        """What KIEval prints; None where there is nothing to divide by."""
        value_count = self.labelled + self.predicted
        return {
            "entity_f1": _compute_ratio(2 * self.exact, value_count),
            "precision": _compute_ratio(self.exact, self.predicted),
            "recall": _compute_ratio(self.exact, self.labelled),
            "accuracy": _compute_ratio(self.exact, value_count - self.exact),
            "aligned": _compute_ratio(self.exact, self.exact + self.wrong + self.unmatched),
        }


def kieval(reference: Any, prediction: Any) -> KievalCounts:
    """The counts of one document; their sum over documents has the published ratios."""
    reference, prediction = limit_depth(reference), limit_depth(prediction)
    paths = {*_find_lists_of_objects(reference), *_find_lists_of_objects(prediction)}
    expected, actual = _group_rows(reference, paths), _group_rows(prediction, paths)
    counts = KievalCounts()
    for path in {**expected, **actual}:
        counts += _count_group(expected.get(path, []), actual.get(path, []))
    return counts


def _find_lists_of_objects(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _find_lists_of_objects(item, (*path, key))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        yield path


def _group_rows(value: Any, paths: set[KeyPath]) -> dict[KeyPath | None, list[Row]]:
    """The rows at each of `paths` (an object alone is one row); under None the row of all else."""
    groups: dict[KeyPath | None, list[Row]] = {None: [Counter()]}
    _collect_rows(value, (), paths, groups)
    return groups


def _collect_rows(
    value: Any, path: KeyPath, paths: set[KeyPath], groups: dict[KeyPath | None, list[Row]]
) -> None:
    if isinstance(value, dict) and path in paths:
        groups.setdefault(path, []).append(Counter(_iterate_values(value)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect_rows(item, (*path, key), paths, groups)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect_rows(item, path, paths, groups)
    else:
        groups[None][0].update(_iterate_values(value, path))


def _iterate_values(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _iterate_values(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _iterate_values(item, path)
    elif value is not None and value != "":
        yield path, value if isinstance(value, str) else json.dumps(value, default=str)


def _count_group(expected: list[Row], actual: list[Row]) -> KievalCounts:
    pairs = find_best_pairs(_count_equal_values(expected, actual))
    paired_expected = {row for row, _ in pairs}
    paired_actual = {column for _, column in pairs}
    counts = KievalCounts()
    for row, column in pairs:
        counts += _count_rows(expected[row], actual[column])
    for index, row_values in enumerate(expected):
        if index not in paired_expected:
            counts += _count_rows(row_values, Counter())
    for index, row_values in enumerate(actual):
        if index not in paired_actual:
            counts += _count_rows(Counter(), row_values)
    return counts


def _count_equal_values(expected: list[Row], actual: list[Row]) -> list[list[int]]:
    """How many values each pair of rows has in common; only pairs that share one are looked at."""
    occurrences: dict[tuple[KeyPath, str], list[tuple[int, int]]] = {}
    for column, row_values in enumerate(actual):
        for value, count in row_values.items():
            occurrences.setdefault(value, []).append((column, count))
    matrix = [[0] * len(actual) for _ in expected]
    for matrix_row, row_values in zip(matrix, expected, strict=True):
        for value, count in row_values.items():
            for column, other_count in occurrences.get(value, ()):
                matrix_row[column] += min(count, other_count)
    return matrix


def _count_rows(expected: Row, actual: Row) -> KievalCounts:
    missing, extra = _count_by_key(expected - actual), _count_by_key(actual - expected)
    wrong = (missing & extra).total()
    unmatched = missing.total() + extra.total() - 2 * wrong
    return KievalCounts(
        expected.total(), actual.total(), (expected & actual).total(), wrong, unmatched
    )


def _count_by_key(values: Row) -> Counter[KeyPath]:
    counts_by_key: Counter[KeyPath] = Counter()
    for (path, _), count in values.items():
        counts_by_key[path] += count
    return counts_by_key


def _compute_ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
