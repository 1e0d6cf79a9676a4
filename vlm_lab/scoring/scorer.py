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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from vlm_lab.fields.flattening import unflatten_dotted_keys
from vlm_lab.fields.schema import collect_reference_fields
from vlm_lab.parsing import fit_to_fields
from vlm_lab.scoring.counts import compute_scores
from vlm_lab.scoring.diff import compute_diff
from vlm_lab.scoring.error_types import PathsByValue, classify_error, index_expected_values
from vlm_lab.scoring.missing_values import find_missing_error_type
from vlm_lab.scoring.record_scoring import score_document
from vlm_lab.scoring.scoring_state import ScoringState
from vlm_lab.types import (
    Conventions,
    Document,
    Field,
    FieldResult,
    Prediction,
    PredictionStatus,
    Score,
)

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
            value, reshaped = _fit_value(value, scored_fields)
        state = score_document(
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


def _fit_value(value: Mapping[str, Any], fields: Sequence[Field]) -> tuple[Mapping[str, Any], bool]:
    """The value in the fields' shape, and whether it had another."""
    fitted = fit_to_fields(value, fields)
    return fitted.value if isinstance(fitted.value, Mapping) else {}, fitted.reshaped


def _classify_errors(state: ScoringState, missing_error_type: str | None) -> list[FieldResult]:
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
    state: ScoringState,
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
