"""Documents -> the units that a figure is resampled by: documents, or groups of documents that are
read alike, where suite.yaml's `cluster` names the tag that groups them (a supplier, a form).

Ten invoices of one supplier are not ten independent looks at a model. A group counts as one unit,
with all that was right in it over all that was judged; a document without the tag stands for
itself. The estimated intra-cluster correlation says how much that matters: by the analysis of
variance (Donner 1986, "A Review of Inference Procedures for the Intraclass Correlation
Coefficient"), with the design effect of Kish (1965), 1 + (mean size - 1) x correlation.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_lab.suite.tags import label_group

Array = NDArray[np.float64]
Units = NDArray[np.intp]  # the unit of each document, numbered from 0


@dataclass(frozen=True, slots=True)
class ClusterEffect:
    """How alike the documents of a group are read: groups, correlation, design effect, and how
    probable so much is by chance."""

    groups: int
    correlation: float
    design_effect: float
    p_value: float


def index_units(tags: Sequence[Mapping[str, str]], cluster: str) -> Units | None:
    """The unit of each document, by its tag; None where documents are the units."""
    if not cluster:
        return None
    labels = [label_group(document_tags, cluster) for document_tags in tags]
    return number_units([label or ("document", index) for index, label in enumerate(labels)])


def number_units(labels: Sequence[Hashable]) -> Units:
    """Labels as numbers from 0, in the order in which they come."""
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return np.array([numbers[label] for label in labels], dtype=np.intp)


def sum_by_unit(counts: Array, units: Units | None) -> Array:
    """documents x figures -> units x figures."""
    if units is None or not len(units):
        return counts
    sums = np.zeros((int(units.max()) + 1, *counts.shape[1:]))
    np.add.at(sums, units, counts)
    return sums


def measure_cluster_effect(shares: Array, units: Units, permutations: int = 999) -> ClusterEffect:
    """How alike the shares right of documents are within their units, with a p value from
    documents that are dealt to the units anew."""
    sizes = np.bincount(units).astype(np.float64)
    documents, groups = len(shares), len(sizes)
    observed = _sum_squares_between(shares, units, sizes)
    total = float(((shares - shares.mean()) ** 2).sum())
    if groups < 2 or documents <= groups or not total:
        return ClusterEffect(groups, 0.0, 1.0, 1.0)
    between = observed / (groups - 1)
    within = max(0.0, total - observed) / (documents - groups)
    typical_size = (documents - (sizes**2).sum() / documents) / (groups - 1)
    correlation = (between - within) / (between + (typical_size - 1) * within)
    generator = np.random.default_rng(0)
    dealt = [
        _sum_squares_between(generator.permutation(shares), units, sizes)
        for _ in range(permutations)
    ]
    exceeded = sum(value >= observed - 1e-12 for value in dealt)
    design_effect = 1 + ((sizes**2).sum() / documents - 1) * max(0.0, correlation)
    return ClusterEffect(
        groups, float(correlation), float(design_effect), (1 + exceeded) / (1 + permutations)
    )


def _sum_squares_between(shares: Array, units: Units, sizes: Array) -> float:
    means = np.bincount(units, weights=shares) / sizes
    return float((sizes * (means - shares.mean()) ** 2).sum())
