"""Which documents to label next: those where candidates disagree about what is decided by, and some
at random.

Each document is drawn with a probability that is known, so that figures over all documents can be
had from those that were drawn (Horvitz & Thompson 1952). Most of it is the same for all documents,
a fifth grows with the share of values on which families of candidates disagree (as in Zrnic &
Candes 2024, "Active Statistical Inference"): no document weighs more than 1.25 times what it would
weigh in a random sample.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from vlm_lab.analysis.consensus import Consensus, is_disputed
from vlm_lab.types import Rules, Suite

# Of the probability, the same for all documents. By tools/simulate_labels.py a half takes up to 2.4
# times the labels of a random draw to choose a candidate, and saves more only to reject one.
RANDOM_SHARE = 0.8
BLIND_SHARE = 0.2  # of the documents that are drawn


def list_decisive_names(rules: Rules) -> tuple[str, ...]:
    """The figures and fields that the decision turns on."""
    return tuple(dict.fromkeys((*rules.require, *rules.prefer[:1])))


def find_disputed_paths(consensus: Consensus, suite: Suite) -> list[str]:
    """The places of the values on which families disagree."""
    disputed = [value for value in consensus.values.values() if is_disputed(value, suite)]
    return [value.path for value in disputed]


def rate_disagreement(consensus: Consensus, suite: Suite, names: Iterable[str]) -> float:
    """The share of values on which families disagree, the mean over what is decided by: a field has
    its own values, a figure has all of them."""
    field_paths = {field.path for field in suite.fields}
    shares = []
    for name in names:
        values = [
            value
            for value in consensus.values.values()
            if name not in field_paths or value.schema_field.path == name
        ]
        if values:
            disputed_count = sum(is_disputed(value, suite) for value in values)
            shares.append(disputed_count / len(values))
    return sum(shares) / len(shares) if shares else 0.0


def compute_probabilities(
    disagreement: Mapping[str, float], missed: Mapping[str, float], count: int
) -> dict[str, float]:
    """With what probability each document is drawn, where it was not drawn before. `missed` is the
    probability of that: from all documents together, `count` are then expected to be drawn. It
    depends on nothing that was drawn, else batches could not be joined."""
    total = sum(disagreement.values())
    weights = {
        document: RANDOM_SHARE / len(disagreement) + (1 - RANDOM_SHARE) * value / total
        if total
        else 1 / len(disagreement)
        for document, value in disagreement.items()
    }
    # Those that reach 1 are certain, and the others share what is left.
    certain: set[str] = set()
    left = float(count)
    free = sum(missed[document] * weight for document, weight in weights.items())
    for document in sorted(weights, key=lambda document: -weights[document]):
        if left < 1e-12 or weights[document] * left < free * (1 - 1e-12):
            break
        certain.add(document)
        left -= missed[document]
        free -= missed[document] * weights[document]
    scale = max(left, 0.0) / free if free > 1e-12 else 0.0
    return {
        document: 1.0 if document in certain else min(1.0, scale * weight)
        for document, weight in weights.items()
    }


def draw_documents(probabilities: Mapping[str, float], seed: str) -> list[str]:
    """As many documents as the probabilities add up to, each with its own, in random order: where
    labelling stops early, what was labelled is still a random part.

    Systematic sampling in random order (Madow 1949; Hartley & Rao 1962).
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible on purpose
    documents = rng.sample(list(probabilities), len(probabilities))
    sums = list(accumulate(probabilities[document] for document in documents))
    start = rng.random()
    drawn, taken = [], 0
    for document, total in zip(documents, sums, strict=True):
        if total > start + taken + 1e-12:
            drawn.append(document)
            taken += 1
    return rng.sample(drawn, len(drawn))


def choose_blind(drawn: Sequence[str], seed: str) -> set[str]:
    """Those that are labelled without seeing what candidates say, whatever they disagree about."""
    rng = random.Random(f"{seed} blind")  # noqa: S311 - reproducible on purpose
    count = int(BLIND_SHARE * len(drawn) + rng.random())
    return set(rng.sample(list(drawn), count))
