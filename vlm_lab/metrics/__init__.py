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
# Each figure that `vlm-lab score` prints (`metric.ratio` where it has several), and its meaning.
METRIC_LABELS = {
    "kieval.entity_f1": "KIEval: exactly equal values in paired rows, micro",
    "kieval.precision": "",
    "kieval.recall": "",
    "kieval.accuracy": "",
    "kieval.aligned": "a missing and an extra value count as one error",
    "anls_star": "ANLS*: similarity of texts, mean of documents",
    "ted": "Donut: tree-edit accuracy, mean of documents",
    "omni": "OmniAI: JSON accuracy, mean of documents",
}

__all__ = ["METRICS", "METRIC_LABELS", "KievalCounts"]
