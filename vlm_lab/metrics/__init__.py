"""Published metrics, so that a score of ours can be held against figures in papers and on
leaderboards.

Every metric is a function `(reference, prediction) -> float | Counts` of two JSON values and never
raises. A float lies in 0..1 and its total is the mean over documents; `KievalCounts` add up, and
their ratios are micro averages.

vlm-lab score PAIRS.jsonl
"""

from vlm_lab.metrics.kieval import KievalCounts

METRICS = {
    "anls_star": "vlm_lab.metrics.anls_star:anls_star",
    "kieval": "vlm_lab.metrics.kieval:kieval",
    "ted": "vlm_lab.metrics.ted:ted",
    "omni": "vlm_lab.metrics.omni:omni",
}

__all__ = ["METRICS", "KievalCounts"]
