"""A record's scores as they would be without some of its fields: how much hangs on references that
may be wrong.

Counted anew from the record's own fields; nothing is parsed or aligned again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from vlm_lab.scoring.counts import ROW_COUNTS, compute_scores
from vlm_lab.types import CORRECT, JUDGED, FieldResult, LabelError, Record


def exclude_label_errors(
    records: Iterable[Record], label_errors: Iterable[LabelError]
) -> Iterator[Record]:
    """The records without the doubted fields, in `fields` and in `scores`; those without a doubted
    one as they are."""
    excluded = {(error.suite, error.document, error.path) for error in label_errors}
    documents = {(suite, document) for suite, document, _ in excluded}
    for record in records:
        document_key = record.suite, record.document
        if document_key not in documents or not record.fields:
            yield record
            continue
        remaining_results = tuple(
            result for result in record.fields if (*document_key, result.path) not in excluded
        )
        scores = rescore_fields(remaining_results, record.scores)
        yield replace(record, fields=remaining_results, scores=scores)


def rescore_fields(
    results: Iterable[FieldResult], former_scores: Mapping[str, Any]
) -> dict[str, Any]:
    """The scores of these fields; how many rows there are on either side stays as it was."""
    header_fields: Counter[str] = Counter()
    cells: Counter[str] = Counter()
    # a row by the rows around it and its own name
    outcomes_by_row: dict[tuple[str, ...], list[str]] = {}
    for result in results:
        (cells if result.in_row else header_fields)[result.outcome] += 1
        for depth in range(len(result.rows)):
            outcomes_by_row.setdefault(result.rows[: depth + 1], []).append(result.outcome)
    row_counts = {name: former_scores.get(name, 0) for name in ROW_COUNTS}
    row_counts["rows_right"] = sum(map(_is_correct_row, outcomes_by_row.values()))
    return compute_scores(header_fields, cells, row_counts)


def _is_correct_row(outcomes: list[str]) -> bool:
    """A spurious row has nothing that is right in it."""
    judged = [outcome for outcome in outcomes if outcome in JUDGED]
    return bool(judged) and all(outcome in CORRECT for outcome in judged)
