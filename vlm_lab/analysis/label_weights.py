"""Documents that were drawn for their label, and with which probability -> what each label counts.

A label that was drawn counts with the inverse of its probability (Horvitz & Thompson 1952). Those
that were there before count as drawn by chance, each as one; the drawn ones together as their
effective number (Kish 1965), so that a few heavy ones do not outweigh all others.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_lab.analysis.units import Array


def weigh_labels(
    documents: Sequence[str], is_labelled: Sequence[bool], probabilities: Mapping[str, float]
) -> Array:
    """The weight of each document; 1 of each where none was drawn, and of one without a label."""
    weights = np.ones(len(documents))
    drawn = [
        row
        for row, document in enumerate(documents)
        if is_labelled[row] and document in probabilities
    ]
    if drawn:
        inverses = np.array([1 / probabilities[documents[row]] for row in drawn])
        weights[drawn] = inverses * (inverses.sum() / (inverses**2).sum())
    return weights
