"""Counts -> a warning where a tag explains which documents are read wrong, and the suite does not
say that it groups them: intervals that take each document for itself are then too narrow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_lab.analysis.aggregation import CandidateCounts
from vlm_lab.analysis.intervals import divide
from vlm_lab.analysis.statistics import compute_score_ratios
from vlm_lab.analysis.units import (
    Array,
    ClusterEffect,
    Units,
    index_units,
    measure_cluster_effect,
)
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey

MIN_GROUPS = 5  # of a tag with fewer values each is a kind of its own: `decide: {by: TAG}`
MIN_DESIGN_EFFECT = 1.5  # below it an interval is too narrow by less than a fifth
LEVEL = 0.01  # over all tags and candidates of a suite
PERMUTATIONS = 9999  # so that a p value can fall below the level, whatever the number of tags
MAX_TESTED = 3


@dataclass(frozen=True, slots=True)
class _Grouping:
    """A candidate's documents by a tag: shares right, the unit of each, and how alike they are."""

    tag: str
    candidate: str
    shares: Array
    units: Units
    effect: ClusterEffect


def find_cluster_warnings(
    counts_by_candidate: Mapping[CandidateKey, CandidateCounts],
) -> list[Message]:
    """The tag that explains most, a suite, with the candidate of which it does."""
    warnings = []
    for suite in dict.fromkeys(candidate.suite for candidate in counts_by_candidate):
        found = [
            grouping
            for candidate, counts in counts_by_candidate.items()
            if candidate.suite == suite and not counts.cluster
            for grouping in _list_groupings(counts)
        ]
        shown = _find_shown_grouping(found)
        if shown:
            figures = {
                "suite": suite,
                "tag": shown.tag,
                "candidate": shown.candidate,
                "low": shown.effect.correlation,
                "value": shown.effect.design_effect,
                "n": shown.effect.groups,
            }
            warnings.append(Message("alike_in_groups", figures))
    return warnings


def _find_shown_grouping(found: Sequence[_Grouping]) -> _Grouping | None:
    """That with the largest design effect which is more than chance. Only a few are tested: a
    permutation test of each tag and candidate would take longer than all else."""
    ranked = sorted(found, key=lambda grouping: -grouping.effect.design_effect)
    for grouping in ranked[:MAX_TESTED]:
        if grouping.effect.design_effect < MIN_DESIGN_EFFECT:
            return None
        tested = measure_cluster_effect(grouping.shares, grouping.units, PERMUTATIONS)
        if tested.p_value * len(found) <= LEVEL:
            return grouping
    return None


def _list_groupings(counts: CandidateCounts) -> Iterator[_Grouping]:
    """Each tag that groups a candidate's documents, with what it comes to."""
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
        if MIN_GROUPS <= int(units.max()) + 1 <= len(documents) / 2:
            effect = measure_cluster_effect(shares, units, permutations=0)
            yield _Grouping(tag, counts.candidate.label, shares, units, effect)
