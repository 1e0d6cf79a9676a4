"""Prediction x reference -> an outcome for every field, and the counts that all figures are made of.

The words are MUC-5's: `exact`, `normalized` (equal in all but format), `wrong`, `missing`, `spurious`; `unlabelled` is
what the reference does not know and is in no figure. Lists of objects are aligned row by row first (`vlm_lab.rows`).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vlm_lab.fields import canonical, compare, same_print
from vlm_lab.leaves import Part, document_part, is_empty, nested, row_part, says_nothing, table_paths
from vlm_lab.rows import align
from vlm_lab.schema import fields_of_reference
from vlm_lab.types import Conventions, Document, Field, FieldResult, Outcome, Prediction, PredictionStatus, Score

RIGHT = ("exact", "normalized")
OUTCOMES: tuple[Outcome, ...] = ("exact", "normalized", "wrong", "missing", "spurious", "unlabelled")
ROWS = ("rows_right", "rows_expected", "rows_predicted", "rows_split", "rows_merged")


def score(prediction: Prediction, document: Document) -> Score:
    """Holds a prediction against its document's reference; without a reference, a score without fields."""
    suite = document.suite
    return score_values(
        prediction.value,
        document.reference,
        suite.fields,
        suite.conventions,
        suite.empty,
        prediction.status,
        confidences=prediction.confidences,
    )


def score_values(
    value: Mapping[str, Any] | None,
    reference: Mapping[str, Any] | None,
    fields: Sequence[Field] = (),
    conventions: Conventions = Conventions(),  # noqa: B008 - frozen
    empty: Literal["unlabelled", "absent"] = "unlabelled",
    status: PredictionStatus = "ok",
    confidences: Mapping[str, float] | None = None,
) -> Score:
    """The score of a value (None: nothing usable) against a reference. Without `fields`, the reference's own."""
    if reference is None:
        return Score(scores=_scores((), Counter()))
    wanted = nested(reference)
    known = {each.path: each for each in fields or fields_of_reference(wanted)}
    work = _Work(known, table_paths(known.values()), conventions, empty, confidences or {})
    expected, actual = document_part(wanted, work.tables), document_part(nested(value or {}), work.tables)
    _part(work, expected, actual, _Place("", "", ""))
    return Score(fields=tuple(work.results), scores=_scores(work.results, work.rows))


@dataclass(frozen=True, slots=True)
class _Work:
    """What is the same for all parts of one document, and the results that they add to."""

    fields: Mapping[str, Field]
    tables: frozenset[str]
    conventions: Conventions
    empty: str
    confidences: Mapping[str, float]
    results: list[FieldResult] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part is: in the fields' paths, in the results, and in the prediction."""

    path: str
    shown: str
    predicted: str

    def row(self, table: str, shown: str, predicted: str) -> "_Place":
        """The place of a row of `table`."""
        inside = table[len(self.path) :]
        return _Place(f"{table}[]", f"{self.shown}{inside}[{shown}]", f"{self.predicted}{inside}[{predicted}]")


def _part(work: _Work, expected: Part, actual: Part, place: _Place) -> bool:
    """Scores one part; whether all that is labelled in it is right."""
    first = len(work.results)
    for path, value in expected.leaves.items():
        if path in work.fields:
            _leaf(work, path, value, actual.leaves.get(path), place)
    for path, value in actual.leaves.items():
        if path in work.fields and path not in expected.leaves and not says_nothing(value):
            denied = work.empty == "absent" and _inside_null(path, expected)
            _add(work, path, None, value, "spurious" if denied else "unlabelled", place)
    for path in dict.fromkeys((*expected.tables, *actual.tables)):
        if path in work.tables:
            _table(work, path, expected, actual, place)
    return all(result.outcome in (*RIGHT, "unlabelled") for result in work.results[first:])


def _leaf(work: _Work, path: str, expected: Any, actual: Any, place: _Place) -> None:
    if is_empty(expected):
        if not says_nothing(actual):
            _add(work, path, expected, actual, "spurious" if work.empty == "absent" else "unlabelled", place)
    elif says_nothing(actual) and not same_print(expected, actual):
        _add(work, path, expected, actual, "missing", place)
    else:
        outcome, similar = compare(work.fields[path], expected, actual, work.conventions)
        _add(work, path, expected, actual, outcome, place, similar)


def _add(
    work: _Work, path: str, expected: Any, actual: Any, outcome: Outcome, place: _Place, similar: float | None = None
) -> None:
    inside = path[len(place.path) :]
    confidence = work.confidences.get(f"{place.predicted}{inside}") if work.confidences else None
    kind = work.fields[path].type
    work.results.append(FieldResult(f"{place.shown}{inside}", kind, expected, actual, outcome, similar, confidence))


def _inside_null(path: str, expected: Part) -> bool:
    """Whether the reference has null where the prediction has an object with this leaf in it."""
    return any(is_empty(value) and path.startswith(f"{known}.") for known, value in expected.leaves.items())


def _table(work: _Work, path: str, expected: Part, actual: Part, place: _Place) -> None:
    wanted = [row_part(row, path, work.tables) for row in expected.tables.get(path, ())]
    given = [row_part(row, path, work.tables) for row in actual.tables.get(path, ())]
    keys = [_canonicals(work, row, expected=True) for row in wanted]
    pairs = align(keys, [_canonicals(work, row) for row in given])
    labelled = {name for key in keys for name in key}
    for index, row in enumerate(wanted):
        other = pairs.get(index)
        right = _part(work, row, Part() if other is None else given[other], place.row(path, str(index), str(other)))
        work.rows["rows_expected"] += bool(keys[index])
        work.rows["rows_right"] += bool(keys[index]) and right
        work.rows["rows_predicted"] += bool(keys[index]) and other is not None
    denied = bool(labelled) or (work.empty == "absent" and _denies(path, expected))
    paired = set(pairs.values())
    for index, row in enumerate(given):
        if index not in paired:
            extra = _extra(work, row, labelled, place.row(path, f"+{index}", str(index)), denied)
            work.rows["rows_predicted"] += extra


def _denies(path: str, expected: Part) -> bool:
    """Whether the reference says that this list is empty: [] or null."""
    return expected.tables.get(path) == [] or path in expected.leaves or _inside_null(path, expected)


def _extra(work: _Work, row: Part, labelled: Iterable[str], place: _Place, denied: bool) -> bool:
    """Adds a predicted row that no row of the reference is; whether anything in it is spurious."""
    known, first = set(labelled), len(work.results)
    for path, value in _all_leaves(work, row):
        if path in work.fields and not says_nothing(value):
            spurious = denied and (path in known or not known)
            _add(work, path, None, value, "spurious" if spurious else "unlabelled", place)
    return any(result.outcome == "spurious" for result in work.results[first:])


def _all_leaves(work: _Work, row: Part) -> Iterable[tuple[str, Any]]:
    return row.leaves.items()


def _canonicals(work: _Work, row: Part, expected: bool = False) -> dict[str, Hashable]:
    """What alignment compares: the canonical value of each cell, or its text where it is not of its type."""
    cells: dict[str, Hashable] = {}
    for path, value in row.leaves.items():
        if path in work.fields and not is_empty(value):
            found = canonical(work.fields[path], value, work.conventions)
            cells[path] = str(value) if found is None else found
    for path, rows in row.tables.items():
        if path in work.tables and rows:
            cells[path] = _fingerprint(rows)
    return cells


def _fingerprint(value: Any) -> str:
    """A text that is equal for equal data, whatever the order of keys and rows."""
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{key!r}:{_fingerprint(inner)}" for key, inner in value.items())) + "}"
    return "[" + ",".join(sorted(map(_fingerprint, value))) + "]" if isinstance(value, list) else repr(value)


def _scores(results: Iterable[FieldResult], rows: Mapping[str, int]) -> dict[str, Any]:
    heads: Counter[str] = Counter()
    cells: Counter[str] = Counter()
    for result in results:
        inside = "[" in result.path and not result.path.endswith("[]")
        (cells if inside else heads)[result.outcome] += 1
    scores: dict[str, Any] = {outcome: heads[outcome] for outcome in OUTCOMES}
    scores |= {f"cells_{outcome}": cells[outcome] for outcome in OUTCOMES[:5]}
    scores |= {name: rows.get(name, 0) for name in ROWS}
    right, wrong = heads["exact"] + heads["normalized"], heads["wrong"]
    expected, given = right + wrong + heads["missing"], right + wrong + heads["spurious"]
    scores["field_f1"] = f1(right, expected, given)
    scores["field_f1_strict"] = f1(heads["exact"], expected, given)
    scores["precision"] = right / given if given else None
    scores["recall"] = right / expected if expected else None
    scores["row_f1"] = f1(scores["rows_right"], scores["rows_expected"], scores["rows_predicted"])
    right_cells, wrong_cells = cells["exact"] + cells["normalized"], cells["wrong"]
    expected_cells = right_cells + wrong_cells + cells["missing"]
    scores["cell_f1"] = f1(right_cells, expected_cells, right_cells + wrong_cells + cells["spurious"])
    bad = sum(each[outcome] for each in (heads, cells) for outcome in ("wrong", "missing", "spurious"))
    scores["document_right"] = bad == 0 if right + right_cells + bad else None
    return scores


def f1(right: int, expected: int, predicted: int) -> float | None:
    """2 right / (expected + predicted): the harmonic mean of precision and recall; None where both are 0."""
    return 2 * right / (expected + predicted) if expected + predicted else None
