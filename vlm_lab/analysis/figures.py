"""The figures that a rule or a preference may name, document by document: what two candidates are
compared by.

A score (`field_f1`) or a field's path (`totals.gross`) is a ratio of sums over documents, as is the
share of documents that failed (`max_error_rate`). Seconds and money have one value a document, of
which the median, the 95th percentile or the mean counts. Memory is one measurement a model.
"""

from collections.abc import Mapping

import numpy as np

from vlm_lab.analysis.aggregation import CandidateCounts
from vlm_lab.analysis.speed import price_reply, select_timed
from vlm_lab.analysis.statistics import SCORES, compute_field_ratios, compute_score_ratios
from vlm_lab.analysis.units import Array
from vlm_lab.types import UPPER_LIMITS, Model

ERROR_RATE = "max_error_rate"
# the quantile of documents' values that counts; None: their mean
QUANTILES: Mapping[str, float | None] = {
    "median_seconds": 0.5,
    "p95_seconds": 0.95,
    "cost_per_1000": None,
}


def is_ratio(name: str) -> bool:
    """Whether a figure is a ratio of sums over documents."""
    return name not in UPPER_LIMITS or name == ERROR_RATE


def collect_ratios(counts: CandidateCounts, name: str) -> dict[str, Array]:
    """Numerator and denominator of a ratio figure in each document that it is judged by, times what
    its label counts: those that were answered; all that were asked where it is the share of failed
    ones."""
    if name == ERROR_RATE:
        return {
            document: np.array([float(status == "error"), 1.0])
            for document, status in counts.statuses.items()
        }
    ratios = _stack_score(counts, name) if name in SCORES else _stack_field(counts, name)
    ratios = ratios * counts.label_weights[:, None]
    return dict(zip(counts.answered_documents, ratios, strict=True))


def _stack_score(counts: CandidateCounts, name: str) -> Array:
    return np.concatenate(compute_score_ratios(counts.count_matrix, [name]), -1)


def _stack_field(counts: CandidateCounts, path: str) -> Array:
    return np.concatenate(compute_field_ratios(counts, path), -1)


def collect_values(counts: CandidateCounts, name: str, model: Model | None) -> dict[str, float]:
    """Seconds, or the price of 1,000 such replies, of each document that was timed."""
    timed = select_timed(counts)
    if name != "cost_per_1000":
        return {document: cost.elapsed_seconds or 0.0 for document, cost in timed.items()}
    prices = {
        document: price_reply(cost, model.price if model else {})
        for document, cost in timed.items()
    }
    return {document: price for document, price in prices.items() if price is not None}
