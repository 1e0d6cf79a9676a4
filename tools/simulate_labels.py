"""How many labels does a decision need: labels at random and the classical bound, beside documents
without a label (PPI++) and labels that are drawn where candidates disagree? Do the intervals hold?

python tools/simulate_labels.py [RUNS]

A suite has 1,000 documents, which three candidates of three families read. Their errors are drawn:
of each its own, or in part shared by all, so that they agree on what is wrong; or they are those of
one OCR reader at 100, 150 and 200 dpi on 64 of 65 real invoices (what it reads of the header; the
counts below are all that is kept of it), which share nearly all errors. A rule is held against the
first of them: it is chosen where the lower bound reaches it, rejected where the upper one is below.
Labels are added until one of both is so; the table has the median over the runs, and how often the
word was wrong. The fewest labels (`MIN_LABELS`, `MIN_PAIRED_LABELS`) were chosen on other truths
than these: one value a document and two rates of agreement, as in
tests/analysis/test_prediction_powered.py.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis import intervals
from vlm_lab.analysis.intervals import TAIL, compute_exact_bounds
from vlm_lab.analysis.power import Z_95
from vlm_lab.analysis.prediction_powered import (
    PredictedSample,
    draw_mean,
    estimate_power_tuned_mean,
    is_powered,
)

DOCUMENTS = 1000
SIZES = (10, 15, 20, 30, 40, 60, 80, 110, 150, 200, 280, 400)
ONE_SIDED_TAIL = 0.05
COVERED_LABELS = 60
# Which of three candidates are right, whether each agrees with the others, and on how many invoices
READ_AT_THREE_DPI = (
    ("000", "111", 17), ("011", "001", 1), ("011", "011", 1), ("111", "000", 1),
    ("111", "111", 44),
)  # fmt: skip
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Documents:
    """Whether the first candidate reads each, and agrees with the others; whether all agree."""

    right: Flags
    agreed: Flags
    disputed: Flags


@dataclass(frozen=True)
class Truth:
    """`draw` gives the documents of a run; `accuracy` is what they come to."""

    draw: Callable[[np.random.Generator], Documents]
    accuracy: float


def draw_errors(accuracy: float, shared: float) -> Truth:
    """Three candidates of this accuracy, who make so large a share of their errors together."""

    def draw(generator: np.random.Generator) -> Documents:
        shape = 3, DOCUMENTS
        all_wrong = generator.random(DOCUMENTS) < (1 - accuracy) * shared
        alone = (1 - accuracy) * (1 - shared) / (1 - (1 - accuracy) * shared)
        right = ~all_wrong & (generator.random(shape) >= alone)
        # A wrong value of one's own agrees with nobody.
        agreed = all_wrong | (right[0] & (right[1] | right[2]))
        disputed = ~(all_wrong | right.all(0))
        return Documents(right[0], agreed, disputed)

    return Truth(draw, accuracy)


def draw_invoices() -> Truth:
    """The errors of READ_AT_THREE_DPI, drawn with replacement."""
    rights, agreements, counts = zip(*READ_AT_THREE_DPI, strict=True)
    right, agreed = (np.array([flags[0] == "1" for flags in each]) for each in (rights, agreements))
    disputed = np.array([flags != "111" for flags in agreements])
    shares = np.array(counts) / sum(counts)

    def draw(generator: np.random.Generator) -> Documents:
        rows = generator.choice(len(shares), DOCUMENTS, p=shares)
        return Documents(right[rows], agreed[rows], disputed[rows])

    return Truth(draw, float(shares @ right))


def make_truths() -> Mapping[str, Truth]:
    """By name."""
    return {
        "own errors, 0.90": draw_errors(0.9, 0.0),
        "own errors, 0.80": draw_errors(0.8, 0.0),
        "a third shared, 0.90": draw_errors(0.9, 0.33),
        "a third shared, 0.80": draw_errors(0.8, 0.33),
        "all shared, 0.90": draw_errors(0.9, 1.0),
        "invoices at three dpi": draw_invoices(),
    }


def label_by_chance(documents: Documents, order: NDArray[np.float64], size: int) -> PredictedSample:
    """The first documents of a random order."""
    labelled = order <= np.partition(order, size - 1)[size - 1]
    return build_sample(documents, labelled, np.ones(DOCUMENTS))


def label_actively(
    documents: Documents, order: NDArray[np.float64], size: int, random_share: float
) -> PredictedSample:
    """A share of the probability is the same for all documents, the rest goes to those in
    dispute."""
    disputed = documents.disputed / max(1, documents.disputed.sum())
    weights = random_share / DOCUMENTS + (1 - random_share) * disputed
    probabilities = np.minimum(1.0, size * weights / weights.sum())
    return build_sample(documents, order < probabilities, 1 / probabilities)


def build_sample(
    documents: Documents, labelled: Flags, weights: NDArray[np.float64]
) -> PredictedSample:
    values = (documents.right & labelled).astype(np.float64)
    return PredictedSample(documents.agreed * 1.0, labelled, values, weights * labelled)


def compute_classical_bounds(sample: PredictedSample, tail: float) -> tuple[float, float]:
    """Clopper and Pearson's; for labels of unequal weights as `analysis.intervals` has it."""
    weights = sample.weights[sample.labelled]
    values = sample.values[sample.labelled]
    if len(values) and weights.max() == weights.min():
        low, high = compute_exact_bounds(values.sum()[None], np.array([len(values)]), tail)
        return float(low[0]), float(high[0])
    if not len(values):
        return 0.0, 1.0
    alone = PredictedSample(
        np.zeros(len(values)), sample.labelled[sample.labelled], values, weights
    )
    draws = draw_mean(alone, 0.0, 1.0)
    return draws.compute_bounds(tail)


def compute_powered_bounds(sample: PredictedSample, tail: float) -> tuple[float, float]:
    """With what others say of all documents, where that is used."""
    if not is_powered(sample):
        return compute_classical_bounds(sample, tail)
    return draw_mean(sample, 0.0, 1.0).compute_bounds(tail)


def compute_normal_bounds(sample: PredictedSample, tail: float) -> tuple[float, float]:
    """PPI++'s own, which are not used."""
    tuned = estimate_power_tuned_mean(sample)
    return tuned.value - Z_95 * tuned.standard_error, tuned.value + Z_95 * tuned.standard_error


METHODS = {
    "random, classical": (label_by_chance, compute_classical_bounds),
    "random, PPI": (label_by_chance, compute_powered_bounds),
    "half active, PPI": (partial(label_actively, random_share=0.5), compute_powered_bounds),
    "a fifth active, PPI": (partial(label_actively, random_share=0.8), compute_powered_bounds),
}


def measure_labels(
    truth: Truth, method: str, rule: float, runs: int, seed: int = 0
) -> tuple[float, float]:
    """The median number of labels until a word, and the share of the runs with a wrong one."""
    label, compute_bounds = METHODS[method]
    needed, wrong = [], 0
    for run in range(runs):
        generator = np.random.default_rng([seed, run])
        documents, order = truth.draw(generator), generator.random(DOCUMENTS)
        for size in SIZES:
            sample = label(documents, order, size)
            low, high = compute_bounds(sample, ONE_SIDED_TAIL)
            if low >= rule or high < rule:
                wrong += (low >= rule) != (truth.accuracy >= rule)
                needed.append(float(sample.labelled.sum()))
                break
        else:
            needed.append(float("inf"))
    return float(np.median(needed)), wrong / runs


def measure_coverage(truth: Truth, runs: int, seed: int = 0) -> list[float]:
    """Of the 95 % intervals from 60 labels: the classical one, those with PPI, PPI++'s own."""
    held = np.zeros(len(METHODS) + 1)
    for run in range(runs):
        generator = np.random.default_rng([seed, run])
        documents, order = truth.draw(generator), generator.random(DOCUMENTS)
        bounds = [
            compute(label(documents, order, COVERED_LABELS), TAIL)
            for label, compute in METHODS.values()
        ]
        sample = label_by_chance(documents, order, COVERED_LABELS)
        bounds.append(compute_normal_bounds(sample, TAIL))
        held += [low <= truth.accuracy <= high for low, high in bounds]
    return [float(share) for share in held / runs]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    intervals.RESAMPLES = 1000
    print(f"{runs} runs; labels until a word (median), share of wrong words\n")
    print("| errors | rule | " + " | ".join(METHODS) + " | beside classical |")
    print("|---" * (len(METHODS) + 3) + "|")
    for name, truth in make_truths().items():
        for rule in (round(truth.accuracy - 0.1, 2), round(truth.accuracy + 0.07, 2)):
            results = [measure_labels(truth, method, rule, runs) for method in METHODS]
            cells = [f"{labels:.0f} ({wrong:.1%})" for labels, wrong in results]
            ratios = [f"x {labels / results[0][0]:.2f}" for labels, _ in results[1:]]
            print(
                f"| {name} | {rule:g} | " + " | ".join(cells) + f" | {', '.join(ratios)} |",
                flush=True,
            )
    print(f"\ncoverage of the 95 % interval from {COVERED_LABELS} labels\n")
    print("| errors | " + " | ".join(METHODS) + " | random, PPI++'s normal interval |")
    print("|---" * (len(METHODS) + 2) + "|")
    for name, truth in make_truths().items():
        shares = [f"{share:.1%}" for share in measure_coverage(truth, runs)]
        print(f"| {name} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
