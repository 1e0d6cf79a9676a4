"""A document's records, reference x prediction -> a result for every field.

A record is the whole document, or a row of one of its lists; lists of objects are aligned row by
row first (`vlm_lab.scoring.alignment`), and rows of a list inside a row are rows, too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lab.fields import compare_values
from vlm_lab.fields.comparison import has_same_text
from vlm_lab.fields.flattening import (
    FlatRecord,
    collect_table_paths,
    flatten_document,
    flatten_row,
    match_key_spelling,
)
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.own_conventions import find_labelled_currency, read_own_conventions
from vlm_lab.scoring.alignment import align_rows, count_split_and_merged
from vlm_lab.scoring.cells import Row
from vlm_lab.scoring.row_cells import make_matcher, make_row, serialize_unordered
from vlm_lab.scoring.scoring_state import NOT_SHOWN, Location, ScoringState
from vlm_lab.types import CORRECT, JUDGED, Conventions, Field, FieldResult, Outcome


@dataclass(frozen=True, slots=True)
class _AlignedTable:
    """A list of rows: the reference's and the predicted ones, what alignment compares of each, and
    for a row of the reference the predicted one that it is held against."""

    path: str
    expected_rows: Sequence[FlatRecord]
    predicted_rows: Sequence[FlatRecord]
    expected_cells: Sequence[Row]
    predicted_cells: Sequence[Row]
    pairs: Mapping[int, int]


def score_document(
    value: Mapping[str, Any],
    reference: Mapping[str, Any],
    fields: Sequence[Field],
    conventions: Conventions,
    empty: str,
    confidences: Mapping[str, float],
    reshaped: bool,
    not_shown: Collection[str],
) -> ScoringState:
    """All results of a document; the value is in the fields' shape already."""
    fields_by_path = {scored_field.path: scored_field for scored_field in fields}
    currency = find_labelled_currency(reference, fields, conventions)
    state = ScoringState(
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
        Location(),
    )
    return state


def _score_record(
    state: ScoringState, expected: FlatRecord, actual: FlatRecord, location: Location
) -> None:
    """Adds the results of one record: the whole document, or a row of the reference."""
    match_key_spelling(actual, (*expected.values_by_path, *expected.rows_by_path))
    for path, value in expected.values_by_path.items():
        if path in state.fields_by_path:
            _score_value(state, path, value, actual, location)
    for path, value in actual.values_by_path.items():
        if path not in state.fields_by_path or path in expected.values_by_path:
            continue
        if not state.predicts_nothing(path, value):
            is_absent = state.empty == "absent" and _is_inside_null(path, expected)
            outcome: Outcome = "spurious" if is_absent else "unlabelled"
            state.add_result(path, None, value, outcome, location)
    for path in dict.fromkeys((*expected.rows_by_path, *actual.rows_by_path)):
        if path in state.table_paths:
            _score_table(state, path, expected, actual, location)


def _score_value(
    state: ScoringState, path: str, expected: Any, record: FlatRecord, location: Location
) -> None:
    actual = record.values_by_path.get(path)
    outcome: Outcome
    if state.says_nothing(path, expected):
        if not state.predicts_nothing(path, actual):
            outcome = "spurious" if state.empty == "absent" else "unlabelled"
            state.add_result(path, expected, actual, outcome, location)
    elif state.predicts_nothing(path, actual) and not has_same_text(expected, actual):
        state.add_result(path, expected, actual, "missing", location)
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
        state.add_result(path, expected, actual, outcome, location, similarity)


def _is_inside_null(path: str, expected: FlatRecord) -> bool:
    """Whether the reference has null where the prediction has an object with this leaf in it."""
    return any(
        says_nothing(value) and path.startswith(f"{null_path}.")
        for null_path, value in expected.values_by_path.items()
    )


def _score_table(
    state: ScoringState, path: str, expected: FlatRecord, actual: FlatRecord, location: Location
) -> None:
    """Scores a list of rows: each of the reference against the predicted one most like it."""
    table = _align_table(state, path, expected, actual)
    for index in range(len(table.expected_rows)):
        _score_expected_row(state, table, index, location)
    labelled_paths = {cell_path for cells in table.expected_cells for cell_path in cells}
    if not labelled_paths and state.empty == "absent" and _is_table_absent(path, expected):
        labelled_paths = set(state.fields_by_path)
    for index in sorted(set(range(len(table.predicted_rows))) - set(table.pairs.values())):
        row_location = location.locate_row(path, f"+{index}", str(index), True)
        first_result = len(state.results)
        _add_extra_row(state, table.predicted_rows[index], labelled_paths, row_location)
        state.row_counts["rows_predicted"] += _has_spurious(state.results[first_result:])
    split_count, merged_count = count_split_and_merged(
        table.expected_cells, table.predicted_cells, table.pairs
    )
    state.row_counts.update(rows_split=split_count, rows_merged=merged_count)


def _align_table(
    state: ScoringState, path: str, expected: FlatRecord, actual: FlatRecord
) -> _AlignedTable:
    expected_data = expected.rows_by_path.get(path) or ()
    predicted_data = actual.rows_by_path.get(path) or ()
    expected_rows = [flatten_row(row, path, state.table_paths) for row in expected_data]
    known_paths = _list_cell_paths(expected_rows)
    predicted_rows = [
        match_key_spelling(flatten_row(row, path, state.table_paths), known_paths)
        for row in predicted_data
    ]
    expected_cells = [make_row(state, row, state.expected_conventions) for row in expected_rows]
    predicted_cells = [make_row(state, row, state.actual_conventions) for row in predicted_rows]
    pairs = align_rows(
        expected_cells,
        predicted_cells,
        {cell_path: make_matcher(state, cell_path) for row in expected_cells for cell_path in row},
        [serialize_unordered(row) for row in expected_data],
        [serialize_unordered(row) for row in predicted_data],
    )
    return _AlignedTable(
        path, expected_rows, predicted_rows, expected_cells, predicted_cells, pairs
    )


def _list_cell_paths(rows: Iterable[FlatRecord]) -> tuple[str, ...]:
    """The cells and lists that any of the rows has, in the order in which they first come."""
    paths: dict[str, None] = {}
    for row in rows:
        paths |= dict.fromkeys((*row.values_by_path, *row.rows_by_path))
    return tuple(paths)


def _score_expected_row(
    state: ScoringState, table: _AlignedTable, index: int, location: Location
) -> None:
    """Scores a row of the reference; every cell is missing where none was predicted for it."""
    predicted_index = table.pairs.get(index)
    predicted_row = (
        FlatRecord() if predicted_index is None else table.predicted_rows[predicted_index]
    )
    row_location = location.locate_row(table.path, str(index), str(predicted_index))
    first_result = len(state.results)
    _score_record(state, table.expected_rows[index], predicted_row, row_location)
    row_results = state.results[first_result:]
    is_labelled = bool(table.expected_cells[index]) and not _is_all_hidden(row_results)
    state.row_counts.update(
        rows_expected=is_labelled,
        rows_right=is_labelled and _is_all_correct(row_results),
        rows_predicted=is_labelled and predicted_index is not None,
    )


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
    state: ScoringState, row: FlatRecord, labelled_paths: Collection[str], location: Location
) -> None:
    """Adds the results of a predicted row that is none of the reference's. A column that the
    reference labels in no row is unlabelled here, too."""
    for path, value in row.values_by_path.items():
        if path in state.fields_by_path and not state.predicts_nothing(path, value):
            outcome: Outcome = "spurious" if path in labelled_paths else "unlabelled"
            state.add_result(path, None, value, outcome, location)
    for table, rows in row.rows_by_path.items():
        inner_labelled_paths = state.fields_by_path if table in labelled_paths else labelled_paths
        for index, inner_row in enumerate(rows if table in state.table_paths else ()):
            _add_extra_row(
                state,
                flatten_row(inner_row, table, state.table_paths),
                inner_labelled_paths,
                location.locate_row(table, str(index), str(index)),
            )
