"""Does what is said of documents booked unseen keep its promise? Candidates of known truth, whose
errors are correlated: does the bound hold, and is a target shown though it is missed?

python tools/simulate_confidence.py [RUNS]

Each run draws documents, chooses a policy on them as a run's report does, and books 20,000 other
documents of the same kind by it. The bound of the run is held against the share of those that is
right.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.logistic import predict_right
from vlm_lab.analysis.signals import SIGNALS, DocumentSample, ValueSample
from vlm_lab.analysis.straight_through import estimate_straight_through
from vlm_lab.analysis.value_confidence import CandidateValues, explain_no_fit, fit_basis
from vlm_lab.types import StraightThrough

FIELDS = 8
FRESH_DOCUMENTS = 20_000
DOCUMENTS = (100, 300, 600, 1200)
TARGETS = (0.95, 0.99)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """How a candidate errs. A document is hard with probability `hard`; a value is wrong with
    probability `wrong` (`wrong_hard` in a hard one). Another family errs in the same place with
    probability `shared`, and then gives the same wrong value; else with its own `other_wrong`. A
    wrong value has log-probabilities like a right one with probability `sure`. Documents come in
    groups of `size` that are equally hard."""

    hard: float = 0.2
    wrong: float = 0.004
    wrong_hard: float = 0.15
    shared: float = 0.2
    other_wrong: float = 0.05
    families: int = 2
    sure: float = 0.3
    has_log_probabilities: bool = True
    size: int = 1


TRUTHS = {
    "two other families and log-probabilities": Truth(),
    "errors that families share": Truth(shared=0.6),
    "agreement of one family alone": Truth(families=1, has_log_probabilities=False),
    "log-probabilities alone, often sure of errors": Truth(families=0, sure=0.7),
    "errors that nothing tells": Truth(hard=0.0, wrong=0.001, shared=1.0, sure=1.0),
    "few documents read badly": Truth(hard=0.03, wrong=0.0005, wrong_hard=0.6),
    "nearly without an error": Truth(hard=0.02, wrong=0.0002),
    "groups of five": Truth(size=5),
}


def draw_documents(truth: Truth, count: int, draw: np.random.Generator) -> list[DocumentSample]:
    """Documents with a reference."""
    is_hard = np.repeat(draw.random(-(-count // truth.size)) < truth.hard, truth.size)[:count]
    wrong_shares = np.where(is_hard, truth.wrong_hard, truth.wrong)
    is_wrong = draw.random((count, FIELDS)) < wrong_shares[:, None]
    agreement = draw_agreement(truth, is_wrong, draw)
    log_probabilities = draw_log_probabilities(truth, is_wrong, draw)
    return [
        DocumentSample(
            document=str(number),
            sha256=None,
            tags={"group": str(number // truth.size)},
            is_right=not is_wrong[number].any(),
            is_answered=True,
            values=[
                ValueSample(
                    (
                        float(agreement[number, place]) if truth.families else None,
                        None,
                        None,
                        None,
                        float(log_probabilities[number, place])
                        if truth.has_log_probabilities
                        else None,
                    ),
                    is_right=not is_wrong[number, place],
                )
                for place in range(FIELDS)
            ],
        )
        for number in range(count)
    ]


def draw_agreement(truth: Truth, is_wrong: NDArray[np.bool_], draw: np.random.Generator) -> Array:
    """The share of other families that give each value."""
    shape = (max(1, truth.families), *is_wrong.shape)
    agrees_by_error = draw.random(shape) < truth.shared
    is_read_by_others = draw.random(shape) >= truth.other_wrong
    return np.where(is_wrong, agrees_by_error, is_read_by_others).mean(0)


def draw_log_probabilities(
    truth: Truth, is_wrong: NDArray[np.bool_], draw: np.random.Generator
) -> Array:
    """Right values mostly have high ones, wrong ones often do."""
    sure, unsure = draw.beta(60, 1, is_wrong.shape), draw.beta(4, 3, is_wrong.shape)
    is_sure = np.where(is_wrong, draw.random(is_wrong.shape) < truth.sure, True)
    return np.where(is_sure, sure, unsure)


@dataclass(frozen=True)
class Outcome:
    """One run's promise at one target, and what came of it: the share right among fresh documents
    that its policy books, None where it books none."""

    promise: StraightThrough
    precision: float | None


@dataclass(frozen=True)
class Population:
    """Documents that no policy has seen, and the features of their values."""

    values: CandidateValues
    features: Array


def draw_population(truth: Truth) -> Population:
    """The same for all runs of a truth."""
    draw = np.random.default_rng(1)
    values = CandidateValues(draw_documents(truth, FRESH_DOCUMENTS, draw))
    return Population(values, values.build_features(SIGNALS))


def simulate_run(truth: Truth, count: int, seed: int, population: Population) -> list[Outcome]:
    """A policy for each target, and what it books."""
    documents = draw_documents(truth, count, np.random.default_rng((seed, count)))
    units = np.arange(count) // truth.size if truth.size > 1 else None
    values = CandidateValues(documents, units)
    is_fitted = explain_no_fit(values) is None
    basis = fit_basis(values, SIGNALS, is_fitted)
    promises = [
        estimate_straight_through(basis.folds, basis.scores, values.document_right, target, units)
        for target in TARGETS
    ]
    probabilities = predict_right(population.features, basis.weights)
    scores = population.values.score_documents(probabilities)
    right = population.values.document_right
    return [
        Outcome(promise, measure_precision(scores, right, promise.threshold))
        for promise in promises
    ]


def measure_precision(scores: Array, right: Array, threshold: float | None) -> float | None:
    is_booked = scores >= (np.inf if threshold is None else threshold)
    return float(right[is_booked].mean()) if is_booked.any() else None


def keeps_promise(outcome: Outcome) -> bool:
    """Whether the bound is no higher than what came of it."""
    low = outcome.promise.booked.low
    return outcome.precision is None or low is None or outcome.precision >= low


def summarize(outcomes: Sequence[Outcome]) -> tuple[float | None, float, float, float]:
    """Share of runs whose bound holds (one that books nothing promises nothing), in which the
    target is shown, in which it is shown though the policy misses it; the median share booked."""
    judged = [
        outcome
        for outcome in outcomes
        if outcome.precision is not None and outcome.promise.booked.low is not None
    ]
    broken = [outcome for outcome in judged if not keeps_promise(outcome)]
    shown = [outcome for outcome in outcomes if outcome.promise.is_shown]
    missed = [
        outcome
        for outcome in shown
        if outcome.precision is not None and outcome.precision < outcome.promise.target
    ]
    rates = [outcome.promise.rate.value or 0.0 for outcome in outcomes]
    return (
        1 - len(broken) / len(outcomes) if judged else None,
        len(shown) / len(outcomes),
        len(missed) / len(outcomes),
        float(np.median(rates)),
    )


def measure(
    truth: Truth, count: int, runs: int, population: Population
) -> list[tuple[float | None, float, float, float]]:
    """One row a target."""
    outcomes = [simulate_run(truth, count, seed, population) for seed in range(runs)]
    return [summarize([run[place] for run in outcomes]) for place in range(len(TARGETS))]


def main(runs: int, report: Callable[[str], None] = print) -> None:
    report("| truth | documents | target | bound holds | shown | shown, missed | booked |")
    report("|---|---|---|---|---|---|---|")
    for name, truth in TRUTHS.items():
        population = draw_population(truth)
        for count in DOCUMENTS:
            rows = measure(truth, count, runs, population)
            for target, (held, shown, missed, rate) in zip(TARGETS, rows, strict=True):
                holds = "-" if held is None else f"{held:.1%}"
                cells = (name, count, f"{target:.0%}", holds, f"{shown:.0%}", f"{missed:.1%}")
                report("| " + " | ".join(map(str, (*cells, f"{rate:.0%}"))) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
