"""KIEval: how many values are exactly right once rows are paired, and how many corrections the rest would take.

Khang et al.: "KIEval: Evaluation Metric for Document Key Information Extraction", ICDAR 2025, arXiv:2503.05488;
the figures are those of UpstageAI/KIEval.

- Values are texts under their keys, compared exactly (numbers as JSON writes them); null and "" are no values.
- The objects of a list are rows. Rows of both sides are paired so that most values are equal; an unpaired row's values
  are missing or extra. Values outside such lists, and lists inside a row, are bags under their key.
- entity F1, precision, recall, accuracy = TP / (TP + FP + FN), micro over all documents.
- aligned = TP / (TP + wrong + unmatched): under one key of one row, a missing and an extra value are one correction
  (wrong), and only what is left over on one side is a deletion or an addition (unmatched).
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vlm_lab.metrics.assignment import best_pairs
from vlm_lab.metrics.depth import plain

Path = tuple[str, ...]
Row = Counter[tuple[Path, str]]


@dataclass(frozen=True, slots=True)
class Counts:
    """Values: labelled and predicted ones, the exact among them; pairs that are `wrong`; the `unmatched` rest."""

    labelled: int = 0
    predicted: int = 0
    exact: int = 0
    wrong: int = 0
    unmatched: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.labelled + other.labelled,
            self.predicted + other.predicted,
            self.exact + other.exact,
            self.wrong + other.wrong,
            self.unmatched + other.unmatched,
        )

    @property
    def ratios(self) -> dict[str, float | None]:
        """What KIEval prints; None where there is nothing to divide by."""
        either = self.labelled + self.predicted
        return {
            "entity_f1": _ratio(2 * self.exact, either),
            "precision": _ratio(self.exact, self.predicted),
            "recall": _ratio(self.exact, self.labelled),
            "accuracy": _ratio(self.exact, either - self.exact),
            "aligned": _ratio(self.exact, self.exact + self.wrong + self.unmatched),
        }


def kieval(reference: Any, prediction: Any) -> Counts:
    """The counts of one document; their sum over documents has the published ratios."""
    reference, prediction = plain(reference), plain(prediction)
    paths = {*_lists_of_objects(reference), *_lists_of_objects(prediction)}
    expected, actual = _groups(reference, paths), _groups(prediction, paths)
    counts = Counts()
    for path in {**expected, **actual}:
        counts += _count_group(expected.get(path, []), actual.get(path, []))
    return counts


def _lists_of_objects(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lists_of_objects(item, (*path, key))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        yield path


def _groups(value: Any, paths: set[Path]) -> dict[Path | None, list[Row]]:
    """The rows at each of `paths` (a single object there is one row), and under None the one row of all else."""
    groups: dict[Path | None, list[Row]] = {None: [Counter()]}
    _collect(value, (), paths, groups)
    return groups


def _collect(value: Any, path: Path, paths: set[Path], groups: dict[Path | None, list[Row]]) -> None:
    if isinstance(value, dict) and path in paths:
        groups.setdefault(path, []).append(Counter(_values(value)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, (*path, key), paths, groups)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, path, paths, groups)
    else:
        groups[None][0].update(_values(value, path))


def _values(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _values(item, path)
    elif value is not None and value != "":
        yield path, value if isinstance(value, str) else json.dumps(value, default=str)


def _count_group(expected: list[Row], actual: list[Row]) -> Counts:
    pairs = best_pairs(_equal_values(expected, actual))
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    counts = Counts()
    for row, column in pairs:
        counts += _count_rows(expected[row], actual[column])
    for index, row_values in enumerate(expected):
        if index not in rows:
            counts += _count_rows(row_values, Counter())
    for index, row_values in enumerate(actual):
        if index not in columns:
            counts += _count_rows(Counter(), row_values)
    return counts


def _equal_values(expected: list[Row], actual: list[Row]) -> list[list[int]]:
    """How many values each pair of rows has in common; only pairs that share one are looked at."""
    holders: dict[tuple[Path, str], list[tuple[int, int]]] = {}
    for column, row_values in enumerate(actual):
        for value, times in row_values.items():
            holders.setdefault(value, []).append((column, times))
    matrix = [[0] * len(actual) for _ in expected]
    for line, row_values in zip(matrix, expected, strict=True):
        for value, times in row_values.items():
            for column, times_there in holders.get(value, ()):
                line[column] += min(times, times_there)
    return matrix


def _count_rows(expected: Row, actual: Row) -> Counts:
    missing, extra = _by_key(expected - actual), _by_key(actual - expected)
    wrong = (missing & extra).total()
    unmatched = missing.total() + extra.total() - 2 * wrong
    return Counts(expected.total(), actual.total(), (expected & actual).total(), wrong, unmatched)


def _by_key(values: Row) -> Counter[Path]:
    keys: Counter[Path] = Counter()
    for (path, _), times in values.items():
        keys[path] += times
    return keys


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
