"""A record's scores as they would be without some of its fields: how much hangs on references that
may be wrong.

Counted anew from the record's own fields; nothing is parsed or aligned again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vlm_lab.scoring.counts import ROW_COUNTS, compute_scores
from vlm_lab.types import CORRECT, JUDGED, LabelError


def exclude_label_errors(
    records: Iterable[Mapping[str, Any]], suspects: Iterable[LabelError]
) -> Iterator[Mapping[str, Any]]:
    """The records without the suspects' fields, in `fields` and in `scores`; those without a
    suspect as they are."""
    doubted = {(each.suite, each.document, each.path) for each in suspects}
    documents = {(suite, document) for suite, document, _ in doubted}
    for row in records:
        place = row["suite"], row["document"]
        if place not in documents or not row.get("fields"):
            yield row
            continue
        kept = [each for each in row["fields"] if (*place, each["path"]) not in doubted]
        yield {**row, "fields": kept, "scores": rescore_fields(kept, row["scores"])}


def rescore_fields(
    fields: Iterable[Mapping[str, Any]], before: Mapping[str, Any]
) -> dict[str, Any]:
    """The scores of these fields; how many rows there are on either side stays as it was."""
    header_fields: Counter[str] = Counter()
    cells: Counter[str] = Counter()
    rows: dict[tuple[str, ...], list[str]] = {}  # a row by the rows around it and its own name
    for result in fields:
        (cells if result["in_row"] else header_fields)[result["outcome"]] += 1
        around = tuple(result["rows"])
        for depth in range(len(around)):
            rows.setdefault(around[: depth + 1], []).append(result["outcome"])
    counts = {name: before.get(name, 0) for name in ROW_COUNTS}
    counts["rows_right"] = sum(map(_is_correct_row, rows.values()))
    return compute_scores(header_fields, cells, counts)


def _is_correct_row(outcomes: list[str]) -> bool:
    """A spurious row has nothing that is right in it."""
    judged = [outcome for outcome in outcomes if outcome in JUDGED]
    return bool(judged) and all(outcome in CORRECT for outcome in judged)
