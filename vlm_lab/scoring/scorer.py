"""Prediction x reference -> an outcome for every field, and the counts that all figures are made
of.

The words are MUC-5's: `exact`, `normalized` (equal in all but format), `wrong`, `missing`,
`spurious`; `unlabelled` is what the reference does not know and is in no figure. Lists of objects
are aligned row by row first (`vlm_lab.scoring.alignment`); rows of a list inside a row are rows,
too.

A key that is spelled otherwise (`invoiceNumber`, `Invoice number` for `invoice_number`) is found,
and its value counts as `normalized` at best: the page was read, the format was not kept. So does a
plain value where a list of them is asked for, and a list of one where a plain value is; a longer
list there is not the value.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vlm_lab.fields import canonicalize_value, compare_values
from vlm_lab.fields.comparison import has_same_text
from vlm_lab.fields.flattening import (
    FlatRecord,
    collect_table_paths,
    flatten_document,
    flatten_row,
    is_null,
    is_null_like,
    match_key_spelling,
    unflatten_dotted_keys,
)
from vlm_lab.fields.schema import collect_reference_fields
from vlm_lab.parsing.parser import SCHEMA_ECHO
from vlm_lab.scoring.alignment import align_rows, count_split_and_merged
from vlm_lab.scoring.counts import compute_scores
from vlm_lab.scoring.diff import compute_diff
from vlm_lab.scoring.error_types import (
    ERROR_TYPES_BY_STATUS,
    PathsByValue,
    classify_error,
    index_expected_values,
)
from vlm_lab.types import (
    CORRECT,
    JUDGED,
    Conventions,
    Document,
    Field,
    FieldResult,
    Outcome,
    Prediction,
    PredictionStatus,
    Score,
)

DEFAULT_CONVENTIONS = Conventions()


def score(prediction: Prediction, document: Document) -> Score:
    """Holds a prediction against its document's reference; without a reference, a score without
    fields."""
    suite, reference = document.suite, document.reference
    scored = score_values(
        prediction.value,
        reference,
        suite.fields,
        suite.conventions,
        suite.empty,
        prediction.status,
        prediction.reason,
        prediction.confidences,
    )
    if reference is None or scored.diff:
        return scored
    return replace(scored, diff=compute_diff(reference, prediction.value))


def score_values(
    value: Mapping[str, Any] | None,
    reference: Mapping[str, Any] | None,
    fields: Sequence[Field] = (),
    conventions: Conventions = DEFAULT_CONVENTIONS,
    empty: Literal["unlabelled", "absent"] = "unlabelled",
    status: PredictionStatus = "ok",
    reason: str = "",
    confidences: Mapping[str, float] | None = None,
) -> Score:
    """The score of a value (None: nothing usable) against a reference, without the diff. Without
    `fields`, the reference's own leaves are the fields. Pure: the same arguments give the same
    score."""
    unscored = compute_scores(Counter(), Counter(), Counter())
    if reference is None:
        return Score(scores=unscored)
    try:
        work = _score_document(
            unflatten_dotted_keys(value or {}),
            unflatten_dotted_keys(reference),
            fields,
            conventions,
            empty,
            confidences or {},
        )
    except RecursionError:
        return Score(scores=unscored, diff={"note": "nested too deeply to be scored"})
    lost = (
        SCHEMA_ECHO
        if status == "unparsed" and SCHEMA_ECHO in reason
        else ERROR_TYPES_BY_STATUS.get(status)
    )
    results = _classify_errors(work.results, conventions, lost)
    return Score(
        fields=tuple(results),
        scores=compute_scores(work.header_counts, work.cell_counts, work.row_counts),
    )


@dataclass(frozen=True, slots=True)
class _ScoringState:
    """What is the same for all parts of one document, and the results that they add to."""

    fields_by_path: Mapping[str, Field]
    table_paths: frozenset[str]
    conventions: Conventions
    empty: str
    confidences: Mapping[str, float]
    results: list[FieldResult] = field(default_factory=list)
    header_counts: Counter[str] = field(default_factory=Counter)
    cell_counts: Counter[str] = field(default_factory=Counter)
    row_counts: Counter[str] = field(default_factory=Counter)


def _score_document(
    value: Mapping[str, Any],
    reference: Mapping[str, Any],
    fields: Sequence[Field],
    conventions: Conventions,
    empty: str,
    confidences: Mapping[str, float],
) -> _ScoringState:
    known = {each.path: each for each in fields or collect_reference_fields(reference)}
    work = _ScoringState(
        known, collect_table_paths(known.values()), conventions, empty, confidences
    )
    _score_record(
        work,
        flatten_document(reference, work.table_paths),
        flatten_document(value, work.table_paths),
        _Location(),
    )
    return work


@dataclass(frozen=True, slots=True)
class _Location:
    """Where a part is: in the fields' paths, in the results, and in the prediction; and the rows
    around it, none of which the whole document has."""

    field_path: str = ""
    result_path: str = ""
    prediction_path: str = ""
    rows: tuple[str, ...] = ()
    spurious: bool = False

    def locate_row(
        self, table: str, shown: str, predicted: str, spurious: bool = False
    ) -> "_Location":
        """The place of a row of `table`."""
        inside = table[len(self.field_path) :]
        row = f"{self.result_path}{inside}[{shown}]"
        return _Location(
            field_path=f"{table}[]",
            result_path=row,
            prediction_path=f"{self.prediction_path}{inside}[{predicted}]",
            rows=(*self.rows, row),
            spurious=self.spurious or spurious,
        )


def _score_record(
    work: _ScoringState, expected: FlatRecord, actual: FlatRecord, place: _Location
) -> bool:
    """Scores one part; whether all that is labelled in it is right."""
    first = len(work.results)
    match_key_spelling(actual, (*expected.values_by_path, *expected.rows_by_path))
    for path, value in expected.values_by_path.items():
        if path in work.fields_by_path:
            _score_value(work, path, value, actual, place)
    for path, value in actual.values_by_path.items():
        if (
            path in work.fields_by_path
            and path not in expected.values_by_path
            and not is_null_like(value)
        ):
            denied = work.empty == "absent" and _is_inside_null(path, expected)
            _add_result(work, path, None, value, "spurious" if denied else "unlabelled", place)
    for path in dict.fromkeys((*expected.rows_by_path, *actual.rows_by_path)):
        if path in work.table_paths:
            _score_table(work, path, expected, actual, place)
    return all(
        result.outcome in CORRECT for result in work.results[first:] if result.outcome in JUDGED
    )


def _score_value(
    work: _ScoringState, path: str, expected: Any, part: FlatRecord, place: _Location
) -> None:
    actual = part.values_by_path.get(path)
    if is_null(expected):
        if not is_null_like(actual):
            _add_result(
                work,
                path,
                expected,
                actual,
                "spurious" if work.empty == "absent" else "unlabelled",
                place,
            )
    elif is_null_like(actual) and not has_same_text(expected, actual):
        _add_result(work, path, expected, actual, "missing", place)
    else:
        outcome, similar = compare_values(
            work.fields_by_path[path], expected, actual, work.conventions
        )
        if outcome == "exact" and path in part.renamed_paths:
            outcome = "normalized"
        _add_result(work, path, expected, actual, outcome, place, similar)


def _add_result(
    work: _ScoringState,
    path: str,
    expected: Any,
    actual: Any,
    outcome: Outcome,
    place: _Location,
    similar: float | None = None,
) -> None:
    inside = path[len(place.field_path) :]
    confidence = (
        work.confidences.get(f"{place.prediction_path}{inside}") if work.confidences else None
    )
    result = FieldResult(
        path=f"{place.result_path}{inside}",
        field=path,
        in_row=bool(place.rows),
        rows=place.rows,
        in_spurious_row=place.spurious,
        type=work.fields_by_path[path].type,
        expected=expected,
        actual=actual,
        outcome=outcome,
        similarity=similar,
        confidence=confidence,
    )
    (work.cell_counts if result.in_row else work.header_counts)[outcome] += 1
    work.results.append(result)


def _is_inside_null(path: str, expected: FlatRecord) -> bool:
    """Whether the reference has null where the prediction has an object with this leaf in it."""
    return any(
        is_null(value) and path.startswith(f"{known}.")
        for known, value in expected.values_by_path.items()
    )


def _score_table(
    work: _ScoringState, path: str, expected: FlatRecord, actual: FlatRecord, place: _Location
) -> None:
    """Scores a list of rows: each row of the reference against the predicted one that is most like
    it."""
    wanted = [
        flatten_row(row, path, work.table_paths) for row in expected.rows_by_path.get(path) or ()
    ]
    known = tuple(
        dict.fromkeys(name for row in wanted for name in (*row.values_by_path, *row.rows_by_path))
    )
    given = [
        match_key_spelling(flatten_row(row, path, work.table_paths), known)
        for row in actual.rows_by_path.get(path) or ()
    ]
    keys, others = (
        [_canonicalize_row(work, row) for row in wanted],
        [_canonicalize_row(work, row) for row in given],
    )
    pairs = align_rows(keys, others)
    for index, row in enumerate(wanted):
        other = pairs.get(index)
        right = _score_record(
            work,
            row,
            FlatRecord() if other is None else given[other],
            place.locate_row(path, str(index), str(other)),
        )
        labelled = bool(keys[index])
        work.row_counts.update(
            rows_expected=labelled,
            rows_right=labelled and right,
            rows_predicted=labelled and other is not None,
        )
    labels = {name for key in keys for name in key}
    if not labels and work.empty == "absent" and _is_table_absent(path, expected):
        labels = set(work.fields_by_path)
    for index in sorted(set(range(len(given))) - set(pairs.values())):
        work.row_counts["rows_predicted"] += _score_extra_row(
            work, given[index], labels, place.locate_row(path, f"+{index}", str(index), True)
        )
    split, merged = count_split_and_merged(keys, others, pairs)
    work.row_counts.update(rows_split=split, rows_merged=merged)


def _is_table_absent(path: str, expected: FlatRecord) -> bool:
    """Whether the reference says that there is no such list: [] or null."""
    return (
        expected.rows_by_path.get(path) == []
        or path in expected.values_by_path
        or _is_inside_null(path, expected)
    )


def _score_extra_row(
    work: _ScoringState, row: FlatRecord, labels: Collection[str], place: _Location
) -> bool:
    """Adds a predicted row that is none of the reference's; whether anything in it is spurious. A
    column that the reference labels in no row is unlabelled here, too."""
    first = len(work.results)
    for path, value in row.values_by_path.items():
        if path in work.fields_by_path and not is_null_like(value):
            _add_result(
                work, path, None, value, "spurious" if path in labels else "unlabelled", place
            )
    for table, rows in row.rows_by_path.items():
        inside = work.fields_by_path if table in labels else labels
        for index, each in enumerate(rows if table in work.table_paths else ()):
            _score_extra_row(
                work,
                flatten_row(each, table, work.table_paths),
                inside,
                place.locate_row(table, str(index), str(index)),
            )
    return any(result.outcome == "spurious" for result in work.results[first:])


def _canonicalize_row(work: _ScoringState, row: FlatRecord) -> dict[str, Hashable]:
    """What alignment compares, of the cells that say something: the canonical value, or the text of
    what is not of its type; of a list inside the row all that it holds."""
    cells: dict[str, Hashable] = {}
    for path, value in row.values_by_path.items():
        if path in work.fields_by_path and not is_null(value):
            found = canonicalize_value(work.fields_by_path[path], value, work.conventions)
            cells[path] = str(value) if found is None else found
    for path, rows in row.rows_by_path.items():
        if path in work.table_paths and _has_row_values(work, path, rows):
            cells[path] = _serialize_unordered(rows)
    return cells


def _has_row_values(work: _ScoringState, table: str, rows: Sequence[Any]) -> bool:
    """Whether any row has a cell that does: else nothing in the list is judged."""
    return any(_canonicalize_row(work, flatten_row(row, table, work.table_paths)) for row in rows)


def _serialize_unordered(value: Any) -> str:
    """A text that is equal for equal data, whatever the order of keys and rows."""
    if isinstance(value, Mapping):
        return (
            "{"
            + ",".join(
                sorted(f"{key!r}:{_serialize_unordered(inner)}" for key, inner in value.items())
            )
            + "}"
        )
    return (
        "[" + ",".join(sorted(map(_serialize_unordered, value))) + "]"
        if isinstance(value, list)
        else repr(value)
    )


def _classify_errors(
    results: Sequence[FieldResult], conventions: Conventions, lost: str | None
) -> list[FieldResult]:
    """The results with the kind of each wrong one; `lost` is why values are missing, where the
    status says."""
    if all(result.outcome not in ("wrong", "missing") for result in results):
        return list(results)
    places = (
        index_expected_values(results, conventions)
        if any(result.outcome == "wrong" for result in results)
        else {}
    )
    return [_classify_result(result, places, conventions, lost) for result in results]


def _classify_result(
    result: FieldResult, places: PathsByValue, conventions: Conventions, lost: str | None
) -> FieldResult:
    if result.outcome == "missing" and lost:
        return replace(result, kind=lost)
    if result.outcome != "wrong":
        return result
    return replace(result, kind=classify_error(result, places, conventions))
