"""A prediction and its reference -> a `Score`: outcomes, and the counts behind all figures.

In come values that mean the same or do not (`fields` knows); out come rows that were aligned,
errors that have a name.
"""

from vlm_lab.scoring.scorer import score, score_values

__all__ = ["score", "score_values"]
