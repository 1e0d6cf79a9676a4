"""Counts -> a warning where a tag explains which documents are read wrong, and the suite does not
say that it groups them: intervals that take each document for itself are then too narrow."""

from collections.abc import Iterator, Mapping

import numpy as np

from vlm_lab.analysis.aggregation import CandidateCounts
from vlm_lab.analysis.intervals import divide
from vlm_lab.analysis.statistics import compute_score_ratios
from vlm_lab.analysis.units import ClusterEffect, index_units, measure_cluster_effect
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey

MIN_GROUPS = 5  # of a tag with fewer values each is a kind of its own: `decide: {by: TAG}`
MIN_DESIGN_EFFECT = 1.5  # below it an interval is too narrow by less than a fifth
LEVEL = 0.01  # over all tags and candidates of a suite


def find_cluster_warnings(
    counts_by_candidate: Mapping[CandidateKey, CandidateCounts],
) -> list[Message]:
    """The tag that explains most, a suite, with the candidate of which it does."""
    warnings = []
    for suite in dict.fromkeys(candidate.suite for candidate in counts_by_candidate):
        found = [
            (effect.design_effect, tag, candidate.label, effect)
            for candidate, counts in counts_by_candidate.items()
            if candidate.suite == suite and not counts.cluster
            for tag, effect in _measure_tags(counts)
        ]
        shown = [each for each in found if each[3].p_value * len(found) <= LEVEL]
        if shown:
            _, tag, label, effect = max(shown, key=lambda each: each[0])
            figures = {
                "suite": suite,
                "tag": tag,
                "candidate": label,
                "low": effect.correlation,
                "value": effect.design_effect,
                "n": effect.groups,
            }
            warnings.append(Message("alike_in_groups", figures))
    return warnings


def _measure_tags(counts: CandidateCounts) -> Iterator[tuple[str, ClusterEffect]]:
    """Each tag that groups the documents, with what it comes to."""
    numerators, denominators = compute_score_ratios(counts.count_matrix, ["field_f1"])
    judged = denominators[:, 0] > 0
    shares = divide(numerators[judged, 0], denominators[judged, 0])
    all_documents = zip(counts.answered_documents, judged, strict=True)
    documents = [document for document, is_judged in all_documents if is_judged]
    if len(documents) < 2 * MIN_GROUPS or np.ptp(shares) == 0:
        return
    tags = [counts.tags[document] for document in documents]
    for tag in dict.fromkeys(name for document_tags in tags for name in document_tags):
        units = index_units(tags, tag)
        assert units is not None  # noqa: S101 - a tag was given
        groups = int(units.max()) + 1
        if MIN_GROUPS <= groups <= len(documents) / 2:
            # The p value must be able to fall below the level, many tags and candidates considered.
            effect = measure_cluster_effect(shares, units, permutations=9999)
            if effect.design_effect >= MIN_DESIGN_EFFECT:
                yield tag, effect
