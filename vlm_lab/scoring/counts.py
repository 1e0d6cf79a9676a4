"""Outcomes -> the counts and ratios of one document's score. Sums of the counts over documents give
micro averages.

Precision is right / (right + wrong + spurious), recall right / (right + wrong + missing), F1 their
harmonic mean; right is exact + normalized. `unlabelled` is in none of them.
"""

from collections.abc import Mapping
from typing import Any

from vlm_lab.types import CORRECT, EXPECTED, JUDGED, OUTCOMES, PREDICTED

ROW_COUNTS = ("rows_right", "rows_expected", "rows_predicted", "rows_split", "rows_merged")
Counts = Mapping[str, int]


def compute_scores(heads: Counts, cells: Counts, rows: Counts) -> dict[str, Any]:
    """All figures of a document, from the outcomes of its leaves outside lists, of its cells, and
    its rows."""
    right, expected, given = _sum_outcomes(heads)
    right_cells, expected_cells, given_cells = _sum_outcomes(cells)
    labelled = expected + given + expected_cells + given_cells
    return {
        **{outcome: heads.get(outcome, 0) for outcome in OUTCOMES},
        **{f"cells_{outcome}": cells.get(outcome, 0) for outcome in JUDGED},
        **{name: rows.get(name, 0) for name in ROW_COUNTS},
        "field_f1": compute_f1(right, expected, given),
        "field_f1_strict": compute_f1(heads.get("exact", 0), expected, given),
        "precision": right / given if given else None,
        "recall": right / expected if expected else None,
        "row_f1": compute_f1(
            rows.get("rows_right", 0), rows.get("rows_expected", 0), rows.get("rows_predicted", 0)
        ),
        "cell_f1": compute_f1(right_cells, expected_cells, given_cells),
        "document_right": expected == right == given
        and expected_cells == right_cells == given_cells
        if labelled
        else None,
    }


def compute_f1(right: int, expected: int, given: int) -> float | None:
    """2 right / (expected + given), None where both are 0."""
    return 2 * right / (expected + given) if expected + given else None


def _sum_outcomes(counts: Counts) -> tuple[int, int, int]:
    """Right, expected (recall's denominator) and given (precision's)."""
    right, expected, given = (
        sum(counts.get(outcome, 0) for outcome in outcomes)
        for outcomes in (CORRECT, EXPECTED, PREDICTED)
    )
    return right, expected, given
