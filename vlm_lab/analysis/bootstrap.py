"""Resamples of documents for figures that are no ratio of sums: differences, calibration errors.

Percentile bootstrap over documents (Efron & Tibshirani 1993, ch. 13), seeded; its percentiles are
moved outwards as Student's t asks (Hesterberg 2015, "What Teachers Should Know About the
Bootstrap", section 4.3).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.intervals import MAX_DRAWS, RESAMPLES, TAIL
from vlm_lab.analysis.units import Array


@lru_cache(maxsize=4)
def draw_bootstrap_weights(documents: int, seed: int) -> NDArray[np.float32]:
    """resamples x documents: how often each document is drawn. The same draw for all models:
    comparisons are paired."""
    resamples = max(1000, min(RESAMPLES, MAX_DRAWS // documents))
    document_indices = np.random.default_rng(seed).integers(
        documents, size=(resamples, documents), dtype=np.int32
    )
    document_indices += np.arange(0, resamples * documents, documents, dtype=np.int32)[:, None]
    return (
        np.bincount(document_indices.ravel(), minlength=document_indices.size)
        .reshape(document_indices.shape)
        .astype(np.float32)
    )


def compute_interval(resamples: Array, documents: int) -> tuple[float, float]:
    """The percentiles of the resamples that stand for 2.5 % and 97.5 % with n documents."""
    percentile = _compute_t_percentile(documents)
    low, high = np.quantile(resamples[np.isfinite(resamples)], [percentile, 1 - percentile])
    return float(low), float(high)


@lru_cache(maxsize=4096)
def _compute_t_percentile(documents: int) -> float:
    """The percentile that stands for 2.5 % with n documents."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(stdtrit(documents - 1, TAIL) * np.sqrt(documents / (documents - 1))))
