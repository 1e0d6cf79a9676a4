"""Prediction x reference -> an outcome for every field, and the counts behind all figures.

The words are MUC-5's: `exact`, `normalized` (equal in all but format), `wrong`, `missing`,
`spurious`; `unlabelled` is what the reference does not know and is in no figure. Lists of objects
are aligned row by row first (`vlm_lab.scoring.alignment`); rows of a list inside a row are rows,
too.

A key that is spelled otherwise (`invoiceNumber`, `Invoice number` for `invoice_number`) is found,
and its value counts as `normalized` at best: the page was read, the format was not kept. So does a
plain value where a list of them is asked for, and a list of one where a plain value is; a longer
list there is not the value. Of data in another shape (an envelope, wrapped values) all values are
`normalized` at best.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vlm_lab.fields import compare_values
from vlm_lab.fields.comparison import has_same_text
from vlm_lab.fields.flattening import (
    FlatRecord,
    collect_table_paths,
    flatten_document,
    flatten_row,
    match_key_spelling,
    unflatten_dotted_keys,
)
from vlm_lab.fields.nothing import is_null, says_nothing
from vlm_lab.fields.own_conventions import find_labelled_currency, read_own_conventions
from vlm_lab.fields.placeholders import is_placeholder
from vlm_lab.fields.schema import collect_reference_fields
from vlm_lab.parsing import fit_to_fields
from vlm_lab.scoring.alignment import align_rows, count_split_and_merged
from vlm_lab.scoring.cells import Cell, ColumnMatcher, Row, make_cell
from vlm_lab.scoring.counts import compute_scores
from vlm_lab.scoring.diff import compute_diff
from vlm_lab.scoring.error_types import (
    PathsByValue,
    classify_error,
    index_expected_values,
)
from vlm_lab.scoring.missing_values import find_missing_error_type
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

NOT_SHOWN = "not_shown"  # the note of a value that stands on no page that was shown
DEFAULT_CONVENTIONS = Conventions()


def score(prediction: Prediction, document: Document) -> Score:
    """Holds a prediction against its document's reference; without one, a score without fields."""
    suite, reference = document.suite, document.reference
    result = score_values(
        prediction.value,
        reference,
        suite.fields,
        suite.conventions,
        suite.empty,
        prediction.status,
        prediction.reason,
        prediction.confidences,
        prediction.reshaped,
        document.not_shown,
    )
    if reference is None or result.diff:
        return result
    return replace(result, diff=compute_diff(reference, prediction.value))


def score_values(
    value: Mapping[str, Any] | None,
    reference: Mapping[str, Any] | None,
    fields: Sequence[Field] = (),
    conventions: Conventions = DEFAULT_CONVENTIONS,
    empty: Literal["unlabelled", "absent"] = "unlabelled",
    status: PredictionStatus = "ok",
    reason: str = "",
    confidences: Mapping[str, float] | None = None,
    reshaped: bool | None = None,
    not_shown: Collection[str] = (),
) -> Score:
    """The score of a value (None: nothing usable) against a reference, without the diff. Without
    `fields`, the reference's own leaves are the fields. `reshaped` says whether the value was
    brought into the fields' shape; where the parser did not (None), it is done here. The paths in
    `not_shown` are not judged. Pure: the same arguments give the same score."""
    empty_scores = compute_scores(Counter(), Counter(), Counter())
    if reference is None:
        return Score(scores=empty_scores)
    try:
        reference, value = unflatten_dotted_keys(reference), unflatten_dotted_keys(value or {})
        scored_fields = tuple(fields) or collect_reference_fields(reference)
        if reshaped is None:
            fitted = fit_to_fields(value, scored_fields)
            reshaped = fitted.reshaped
            value = fitted.value if isinstance(fitted.value, Mapping) else {}
        state = _score_document(
            value,
            reference,
            scored_fields,
            conventions,
            empty,
            confidences or {},
            reshaped,
            not_shown,
        )
    except RecursionError:
        return Score(scores=empty_scores, diff={"note": "nested too deeply to be scored"})
    has_known = any(result.actual is not None for result in state.results)
    missing_error_type = find_missing_error_type(
        status, reason, None if has_known else value, scored_fields
    )
    results = _classify_errors(state, missing_error_type)
    return Score(
        fields=tuple(results),
        scores=compute_scores(state.header_counts, state.cell_counts, state.row_counts),
    )


@dataclass(frozen=True, slots=True)
class _ScoringState:
    """What is the same for all records of one document, and the results that they add to."""

    fields_by_path: Mapping[str, Field]
    table_paths: frozenset[str]
    expected_conventions: Conventions
    actual_conventions: Conventions
    empty: str
    confidences: Mapping[str, float]
    reshaped: bool
    not_shown: Collection[str]
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
    reshaped: bool,
    not_shown: Collection[str],
) -> _ScoringState:
    fields_by_path = {scored_field.path: scored_field for scored_field in fields}
    currency = find_labelled_currency(reference, fields, conventions)
    state = _ScoringState(
        fields_by_path,
        collect_table_paths(fields_by_path.values()),
        read_own_conventions(reference, fields, conventions, currency),
        read_own_conventions(value, fields, conventions, currency),
        empty,
        confidences,
        reshaped,
        not_shown,
    )
    _score_record(
        state,
        flatten_document(reference, state.table_paths),
        flatten_document(value, state.table_paths),
        _Location(),
    )
    return state


@dataclass(frozen=True, slots=True)
class _Location:
    """Where a record is: in the fields' paths, in the results, and in the prediction; and the rows
    around it, none of which the whole document has."""

    field_path: str = ""
    result_path: str = ""
    prediction_path: str = ""
    rows: tuple[str, ...] = ()
    spurious: bool = False

    def locate_row(
        self, table: str, result_row: str, prediction_row: str, spurious: bool = False
    ) -> "_Location":
        """The location of a row of `table`."""
        relative_path = table[len(self.field_path) :]
        row_path = f"{self.result_path}{relative_path}[{result_row}]"
        return _Location(
            field_path=f"{table}[]",
            result_path=row_path,
            prediction_path=f"{self.prediction_path}{relative_path}[{prediction_row}]",
            rows=(*self.rows, row_path),
            spurious=self.spurious or spurious,
        )


def _score_record(
    state: _ScoringState, expected: FlatRecord, actual: FlatRecord, location: _Location
) -> None:
    """Adds the results of one record: the whole document, or a row of the reference."""
    match_key_spelling(actual, (*expected.values_by_path, *expected.rows_by_path))
    for path, value in expected.values_by_path.items():
        if path in state.fields_by_path:
            _score_value(state, path, value, actual, location)
    for path, value in actual.values_by_path.items():
        if path not in state.fields_by_path or path in expected.values_by_path:
            continue
        if not _predicts_nothing(state, path, value):
            is_absent = state.empty == "absent" and _is_inside_null(path, expected)
            outcome: Outcome = "spurious" if is_absent else "unlabelled"
            _add_result(state, path, None, value, outcome, location)
    for path in dict.fromkeys((*expected.rows_by_path, *actual.rows_by_path)):
        if path in state.table_paths:
            _score_table(state, path, expected, actual, location)


def _score_value(
    state: _ScoringState, path: str, expected: Any, record: FlatRecord, location: _Location
) -> None:
    actual = record.values_by_path.get(path)
    outcome: Outcome
    if _says_nothing(state, path, expected):
        if not _predicts_nothing(state, path, actual):
            outcome = "spurious" if state.empty == "absent" else "unlabelled"
            _add_result(state, path, expected, actual, outcome, location)
    elif _predicts_nothing(state, path, actual) and not has_same_text(expected, actual):
        _add_result(state, path, expected, actual, "missing", location)
    else:
        outcome, similarity = compare_values(
            state.fields_by_path[path],
            expected,
            actual,
            state.expected_conventions,
            state.actual_conventions,
        )
        if outcome == "exact" and (state.reshaped or path in record.renamed_paths):
            outcome = "normalized"
        _add_result(state, path, expected, actual, outcome, location, similarity)


def _says_nothing(state: _ScoringState, path: str, value: Any) -> bool:
    """Whether a value of this field is none; `нет` is an answer where yes or no is asked for."""
    return is_null(value) if state.fields_by_path[path].type == "boolean" else says_nothing(value)


def _predicts_nothing(state: _ScoringState, path: str, value: Any) -> bool:
    """Whether a prediction gives no value here, or only the format of one."""
    return _says_nothing(state, path, value) or is_placeholder(value)


def _add_result(
    state: _ScoringState,
    path: str,
    expected: Any,
    actual: Any,
    outcome: Outcome,
    location: _Location,
    similarity: float | None = None,
) -> None:
    relative_path = path[len(location.field_path) :]
    result_path = f"{location.result_path}{relative_path}"
    is_not_shown = result_path in state.not_shown and outcome != "unlabelled"
    result = FieldResult(
        path=result_path,
        field=path,
        in_row=bool(location.rows),
        rows=location.rows,
        in_spurious_row=location.spurious,
        type=state.fields_by_path[path].type,
        expected=expected,
        actual=actual,
        outcome="unlabelled" if is_not_shown else outcome,
        note=NOT_SHOWN if is_not_shown else None,
        similarity=similarity,
        confidence=state.confidences.get(f"{location.prediction_path}{relative_path}"),
    )
    outcome_counts = state.cell_counts if result.in_row else state.header_counts
    outcome_counts[result.outcome] += 1
    state.results.append(result)


def _is_inside_null(path: str, expected: FlatRecord) -> bool:
    """Whether the reference has null where the prediction has an object with this leaf in it."""
    return any(
        says_nothing(value) and path.startswith(f"{null_path}.")
        for null_path, value in expected.values_by_path.items()
    )


def _score_table(
    state: _ScoringState, path: str, expected: FlatRecord, actual: FlatRecord, location: _Location
) -> None:
    """Scores a list of rows: each of the reference against the predicted one most like it."""
    expected_rows = [
        flatten_row(row, path, state.table_paths) for row in expected.rows_by_path.get(path) or ()
    ]
    known_paths = tuple(
        dict.fromkeys(
            known_path
            for row in expected_rows
            for known_path in (*row.values_by_path, *row.rows_by_path)
        )
    )
    predicted_rows = [
        match_key_spelling(flatten_row(row, path, state.table_paths), known_paths)
        for row in actual.rows_by_path.get(path) or ()
    ]
    expected_cells = [_make_row(state, row, state.expected_conventions) for row in expected_rows]
    predicted_cells = [_make_row(state, row, state.actual_conventions) for row in predicted_rows]
    pairs = align_rows(
        expected_cells,
        predicted_cells,
        {cell_path: _make_matcher(state, cell_path) for row in expected_cells for cell_path in row},
        [_serialize_unordered(row) for row in expected.rows_by_path.get(path) or ()],
        [_serialize_unordered(row) for row in actual.rows_by_path.get(path) or ()],
    )
    for index, row in enumerate(expected_rows):
        predicted_index = pairs.get(index)
        predicted_row = FlatRecord() if predicted_index is None else predicted_rows[predicted_index]
        row_location = location.locate_row(path, str(index), str(predicted_index))
        first_result = len(state.results)
        _score_record(state, row, predicted_row, row_location)
        row_results = state.results[first_result:]
        is_labelled = bool(expected_cells[index]) and not _is_all_hidden(row_results)
        state.row_counts.update(
            rows_expected=is_labelled,
            rows_right=is_labelled and _is_all_correct(row_results),
            rows_predicted=is_labelled and predicted_index is not None,
        )
    labelled_paths = {cell_path for cells in expected_cells for cell_path in cells}
    if not labelled_paths and state.empty == "absent" and _is_table_absent(path, expected):
        labelled_paths = set(state.fields_by_path)
    for index in sorted(set(range(len(predicted_rows))) - set(pairs.values())):
        row_location = location.locate_row(path, f"+{index}", str(index), True)
        first_result = len(state.results)
        _add_extra_row(state, predicted_rows[index], labelled_paths, row_location)
        state.row_counts["rows_predicted"] += _has_spurious(state.results[first_result:])
    split_count, merged_count = count_split_and_merged(expected_cells, predicted_cells, pairs)
    state.row_counts.update(rows_split=split_count, rows_merged=merged_count)


def _is_all_correct(results: Iterable[FieldResult]) -> bool:
    """Whether all that the reference labels is right."""
    return all(result.outcome in CORRECT for result in results if result.outcome in JUDGED)


def _is_all_hidden(results: Sequence[FieldResult]) -> bool:
    """Whether all that the reference labels of a row stands on pages that are not shown."""
    has_hidden = any(result.note == NOT_SHOWN for result in results)
    return has_hidden and all(result.outcome == "unlabelled" for result in results)


def _has_spurious(results: Iterable[FieldResult]) -> bool:
    return any(result.outcome == "spurious" for result in results)


def _is_table_absent(path: str, expected: FlatRecord) -> bool:
    """Whether the reference says that there is no such list: [] or null."""
    return (
        expected.rows_by_path.get(path) == []
        or path in expected.values_by_path
        or _is_inside_null(path, expected)
    )


def _add_extra_row(
    state: _ScoringState, row: FlatRecord, labelled_paths: Collection[str], location: _Location
) -> None:
    """Adds the results of a predicted row that is none of the reference's. A column that the
    reference labels in no row is unlabelled here, too."""
    for path, value in row.values_by_path.items():
        if path in state.fields_by_path and not _predicts_nothing(state, path, value):
            outcome: Outcome = "spurious" if path in labelled_paths else "unlabelled"
            _add_result(state, path, None, value, outcome, location)
    for table, rows in row.rows_by_path.items():
        inner_labelled_paths = state.fields_by_path if table in labelled_paths else labelled_paths
        for index, inner_row in enumerate(rows if table in state.table_paths else ()):
            _add_extra_row(
                state,
                flatten_row(inner_row, table, state.table_paths),
                inner_labelled_paths,
                location.locate_row(table, str(index), str(index)),
            )


def _make_row(state: _ScoringState, row: FlatRecord, conventions: Conventions) -> Row:
    """What alignment compares, of the cells that say something; of a list inside the row all that
    it holds."""
    cells: Row = {}
    for path, value in row.values_by_path.items():
        if path in state.fields_by_path and not _says_nothing(state, path, value):
            cells[path] = make_cell(state.fields_by_path[path], value, conventions)
    for path, rows in row.rows_by_path.items():
        if path not in state.table_paths:
            continue
        if description := _describe_rows(state, path, rows, conventions):
            cells[path] = Cell(description, description, description)
    return cells


def _make_matcher(state: _ScoringState, path: str) -> ColumnMatcher:
    """How a column's cells are compared; a list inside a row by its description."""
    scored_field = state.fields_by_path.get(path, Field(path))
    return ColumnMatcher(scored_field, state.expected_conventions, state.actual_conventions)


def _describe_rows(
    state: _ScoringState, table: str, rows: Sequence[Any], conventions: Conventions
) -> str:
    """A text that is equal for rows with equal values, whatever the order of rows and keys; "" for
    rows without a cell that says something."""
    descriptions = []
    for row in rows:
        cells = _make_row(state, flatten_row(row, table, state.table_paths), conventions)
        items = sorted(
            f"{path.rpartition('.')[2]}:{cell.canonical}" for path, cell in cells.items()
        )
        descriptions.append(", ".join(items))
    return "; ".join(sorted(filter(None, descriptions)))


def _serialize_unordered(value: Any) -> str:
    """A text that is equal for equal data, whatever the order of keys and rows."""
    if isinstance(value, Mapping):
        items = sorted(f"{key!r}:{_serialize_unordered(child)}" for key, child in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_serialize_unordered, value))) + "]"
    return repr(value)


def _classify_errors(state: _ScoringState, missing_error_type: str | None) -> list[FieldResult]:
    """The results with the error type of each wrong one; `missing_error_type` is why values are
    missing, where the status says."""
    outcomes = {result.outcome for result in state.results}
    if not outcomes & {"wrong", "missing"}:
        return state.results
    paths_by_value: PathsByValue = {}
    if "wrong" in outcomes:
        paths_by_value = index_expected_values(state.results, state.expected_conventions)
    return [
        _classify_result(state, result, paths_by_value, missing_error_type)
        for result in state.results
    ]


def _classify_result(
    state: _ScoringState,
    result: FieldResult,
    paths_by_value: PathsByValue,
    missing_error_type: str | None,
) -> FieldResult:
    if result.outcome == "missing" and missing_error_type:
        return replace(result, kind=missing_error_type)
    if result.outcome != "wrong":
        return result
    kind = classify_error(
        result, paths_by_value, state.expected_conventions, state.actual_conventions
    )
    return replace(result, kind=kind)
