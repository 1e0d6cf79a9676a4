"""Outcomes -> the counts and ratios of one document's score. Sums of the counts over documents give
micro averages.

Precision is correct / (correct + wrong + spurious), recall correct / (correct + wrong + missing),
F1 their harmonic mean; correct is exact + normalized. `unlabelled` is in none of them.
"""

from collections.abc import Mapping
from typing import Any

from vlm_lab.types import CORRECT, EXPECTED, JUDGED, OUTCOMES, PREDICTED

ROW_COUNTS = ("rows_right", "rows_expected", "rows_predicted", "rows_split", "rows_merged")
Counts = Mapping[str, int]


def compute_scores(
    header_counts: Counts, cell_counts: Counts, row_counts: Counts
) -> dict[str, Any]:
    """All figures of a document, from the outcomes of its header fields and cells, and its rows."""
    correct, expected, predicted = _sum_outcomes(header_counts)
    correct_cells, expected_cells, predicted_cells = _sum_outcomes(cell_counts)
    labelled_or_predicted = expected + predicted + expected_cells + predicted_cells
    is_header_right = expected == correct == predicted
    are_cells_right = expected_cells == correct_cells == predicted_cells
    scores: dict[str, Any] = {outcome: header_counts.get(outcome, 0) for outcome in OUTCOMES}
    scores |= {f"cells_{outcome}": cell_counts.get(outcome, 0) for outcome in JUDGED}
    scores |= {name: row_counts.get(name, 0) for name in ROW_COUNTS}
    return {
        **scores,
        "field_f1": compute_f1(correct, expected, predicted),
        "field_f1_strict": compute_f1(header_counts.get("exact", 0), expected, predicted),
        "precision": correct / predicted if predicted else None,
        "recall": correct / expected if expected else None,
        "row_f1": compute_f1(
            row_counts.get("rows_right", 0),
            row_counts.get("rows_expected", 0),
            row_counts.get("rows_predicted", 0),
        ),
        "cell_f1": compute_f1(correct_cells, expected_cells, predicted_cells),
        "document_right": is_header_right and are_cells_right if labelled_or_predicted else None,
    }


def compute_f1(correct: int, expected: int, predicted: int) -> float | None:
    """2 correct / (expected + predicted), None where both are 0."""
    return 2 * correct / (expected + predicted) if expected + predicted else None


def _sum_outcomes(counts: Counts) -> tuple[int, int, int]:
    """Correct, expected (recall's denominator) and predicted (precision's)."""
    correct = sum(counts.get(outcome, 0) for outcome in CORRECT)
    expected = sum(counts.get(outcome, 0) for outcome in EXPECTED)
    predicted = sum(counts.get(outcome, 0) for outcome in PREDICTED)
    return correct, expected, predicted
