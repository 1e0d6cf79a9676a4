"""Do the figures keep their promises? Runs of known truth: do intervals cover, is `chosen` wrong,
is it possible, does the gate err?

python tools/simulate_decisions.py [RUNS]

The truths are of kinds that the intervals were not made for: one value a document, eight fields
whose errors are scattered, share a document's difficulty or come as a few bad documents, documents
that are all right or all wrong, groups of documents that are alike (units are then the groups), and
invoices whose long tables are read worse.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.comparison import estimate_paired_difference
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.power import compute_power
from vlm_lab.decision.decide import make_decisions
from vlm_lab.decision.regression_gate import estimate_score_change, has_regressed
from vlm_lab.types import Estimate, Rules, Summary

FIELDS = 8
CORRELATION = 0.2
RUNS_AT_ONCE = 100  # as figures of one call: 10,000 resamples of each are held in memory
DOCUMENTS = (20, 30, 60, 150, 300)
LOOKS = 4
Counts = NDArray[np.float64]
Drawer = Callable[[np.random.Generator, int, int], tuple[Counts, Counts]]


@dataclass(frozen=True)
class Truth:
    """`draw(generator, units, runs)` gives right and judged, units x runs; `accuracy` is what they
    come to; a unit has `size` documents."""

    draw: Drawer
    accuracy: float
    size: int = 1


def draw_rates(accuracy: float) -> Truth:
    """One value a document: a field's accuracy, the share of documents right."""

    def draw(generator: np.random.Generator, units: int, runs: int) -> tuple[Counts, Counts]:
        right = generator.random((units, runs)) < accuracy
        return right.astype(np.float64), np.ones((units, runs))

    return Truth(draw, accuracy)


def draw_fields(accuracy: float, correlation: float, size: int = 1) -> Truth:
    """Fields of documents (or of groups of `size` documents) that share a difficulty (Beta)."""

    def draw(generator: np.random.Generator, units: int, runs: int) -> tuple[Counts, Counts]:
        shares: Counts | float = accuracy
        if correlation:
            spread = (1 - correlation) / correlation
            shares = generator.beta(accuracy * spread, (1 - accuracy) * spread, (units, runs))
        right = generator.binomial(FIELDS * size, shares, (units, runs))
        return right.astype(np.float64), np.full((units, runs), float(FIELDS * size))

    return Truth(draw, accuracy, size)


def draw_few_bad(share: float, bad: float = 0.2, good: float = 0.995) -> Truth:
    """A small share of the documents is read badly, the others nearly without an error."""

    def draw(generator: np.random.Generator, units: int, runs: int) -> tuple[Counts, Counts]:
        is_bad = generator.random((units, runs)) < share
        right = generator.binomial(FIELDS, np.where(is_bad, bad, good))
        return right.astype(np.float64), np.full((units, runs), float(FIELDS))

    return Truth(draw, share * bad + (1 - share) * good)


def draw_all_or_nothing(accuracy: float) -> Truth:
    """Documents of which every field is right, or none."""

    def draw(generator: np.random.Generator, units: int, runs: int) -> tuple[Counts, Counts]:
        right = FIELDS * (generator.random((units, runs)) < accuracy)
        return right.astype(np.float64), np.full((units, runs), float(FIELDS))

    return Truth(draw, accuracy)


def draw_long_tables(spread: float, slope: float) -> Truth:
    """Cells of tables of 1 to 120 rows (log-normal), each row of which makes all cells harder."""

    def draw(generator: np.random.Generator, units: int, runs: int) -> tuple[Counts, Counts]:
        rows = np.clip(np.rint(generator.lognormal(1.6, spread, (units, runs))), 1, 120)
        shares = np.clip(0.98 - slope * rows, 0.3, 1)
        cells = 4 * rows
        return generator.binomial(cells.astype(int), shares).astype(np.float64), cells

    right, cells = draw(np.random.default_rng(1), 2000, 1000)
    return Truth(draw, float(right.sum() / cells.sum()))


def make_truths() -> Mapping[str, Truth]:
    """All of them, by name."""
    levels = (0.90, 0.95, 0.98, 0.99)
    return {
        **{f"one value, {level}": draw_rates(level) for level in levels},
        **{f"scattered, {level}": draw_fields(level, 0.0) for level in levels},
        **{f"shared difficulty, {level}": draw_fields(level, CORRELATION) for level in levels},
        **{f"all or nothing, {level}": draw_all_or_nothing(level) for level in levels},
        **{f"few bad documents, {share}": draw_few_bad(share) for share in (0.02, 0.05, 0.1)},
        **{
            f"groups of {size}, correlation {correlation}": draw_fields(0.95, correlation, size)
            for size in (5, 10, 30)
            for correlation in (0.1, 0.3)
        },
        "long tables": draw_long_tables(0.7, 0.004),
        "long tables, steep": draw_long_tables(0.7, 0.012),
        "very long tables": draw_long_tables(1.1, 0.004),
        "very long tables, steep": draw_long_tables(1.1, 0.012),
    }


def estimate_runs(truth: Truth, documents: int, runs: int, seed: int = 0) -> list[Estimate]:
    """The estimate of each run."""
    generator = np.random.default_rng(seed)
    right, judged = truth.draw(generator, documents // truth.size, runs)
    estimates = []
    for start in range(0, runs, RUNS_AT_ONCE):
        columns = slice(start, start + RUNS_AT_ONCE)
        estimates += estimate_ratios(right[:, columns], judged[:, columns], seed)
    return estimates


def measure_coverage(estimates: list[Estimate], accuracy: float) -> float | None:
    """Share of the intervals that have the truth in them; None where none is claimed."""
    intervals = [
        (estimate.low, estimate.high)
        for estimate in estimates
        if estimate.low is not None and estimate.high is not None
    ]
    if not intervals:
        return None
    return sum(low <= accuracy <= high for low, high in intervals) / len(intervals)


def measure_chosen(
    truth: Truth, documents: int, runs: int, rule: float, models: int = 1, seed: int = 0
) -> float:
    """Share of the runs in which any of so many models of this truth is chosen under a rule."""
    estimates = [
        estimate_runs(truth, documents, runs, seed * 100 + model) for model in range(models)
    ]
    times = 0
    for run_estimates in zip(*estimates, strict=True):
        summaries = [
            _summarize(f"m{model}", estimate) for model, estimate in enumerate(run_estimates)
        ]
        decisions = make_decisions(summaries, [], [], Rules({"field_f1": rule}), {})
        times += any(decision.verdict == "chosen" for decision in decisions)
    return times / runs


def measure_chosen_in_looks(
    truth: Truth, documents: int, runs: int, rule: float, planned: int, seed: int = 0
) -> float:
    """Share of the runs in which a model of this truth is chosen in any of four looks, at a fourth,
    a half, three fourths and all of the documents, where so many looks were `planned`."""
    generator = np.random.default_rng(seed)
    right, judged = truth.draw(generator, documents // truth.size, runs)
    is_chosen = np.zeros(runs, dtype=bool)
    for look in range(1, LOOKS + 1):
        units = documents // truth.size * look // LOOKS
        estimates = []
        for start in range(0, runs, RUNS_AT_ONCE):
            columns = slice(start, start + RUNS_AT_ONCE)
            estimates += estimate_ratios(right[:units, columns], judged[:units, columns], seed)
        rules = Rules({"field_f1": rule}, looks=planned)
        words = [make_decisions([_summarize("m", each)], [], [], rules, {}) for each in estimates]
        is_chosen |= [decisions[0].verdict == "chosen" for decisions in words]
    return float(is_chosen.mean())


def measure_equivalent(
    truth_margin: float, documents: int, runs: int, margin: float = 0.05, seed: int = 0
) -> float:
    """Share of the runs in which two candidates, one of which loses `truth_margin` of its fields,
    are said to be as good within `margin`."""
    generator = np.random.default_rng(seed)
    said = 0
    for run in range(runs):
        right = generator.binomial(FIELDS, 0.95, documents)
        lost = generator.binomial(right, truth_margin / 0.95)
        judged = np.full(documents, float(FIELDS))
        first, second = np.stack([right, judged], -1), np.stack([right - lost, judged], -1)
        bounds = estimate_paired_difference(first, second, run).bounds
        said += bounds is not None and -margin < bounds[0] and bounds[1] < margin
    return said / runs


def _summarize(model: str, estimate: Estimate) -> Summary:
    return Summary(
        suite="s",
        model=model,
        prompt_id="default",
        documents=estimate.n,
        statuses={"ok": estimate.n},
        scores={"field_f1": estimate},
    )


def draw_twins(
    generator: np.random.Generator, documents: int, accuracy: float, fall: float, whole: bool
) -> tuple[Counts, Counts]:
    """The same documents answered twice; the second time a true `fall` is lost: as fields here and
    there, or as `whole` documents."""
    spread = (1 - CORRELATION) / CORRELATION
    shares = generator.beta(accuracy * spread, (1 - accuracy) * spread, documents)
    before = generator.binomial(FIELDS, shares).astype(np.float64)
    noise = 0.02  # what changes between two runs of one model
    lost_share = noise if whole else noise + fall
    lost = generator.binomial(before.astype(int), lost_share / accuracy)
    gained = generator.binomial((FIELDS - before).astype(int), noise / (1 - accuracy))
    after = before - lost + gained
    if whole:
        after *= generator.random(documents) >= fall / accuracy
    judged = np.full(documents, float(FIELDS))
    return np.stack([before, judged], -1), np.stack([after, judged], -1)


def measure_gate(
    runs: int, documents: int, fall: float, whole: bool = False, seed: int = 0
) -> tuple[float, float]:
    """Share of the runs that the gate (maximal drop 0.01) stops, and the share that the power
    calculation expects."""
    generator = np.random.default_rng(seed)
    stopped, changes = 0, []
    for _ in range(runs):
        before, after = draw_twins(generator, documents, 0.9, fall, whole)
        change = estimate_score_change(after, before).estimate
        stopped += has_regressed(change, 0.01)
        changes.append(change.value or 0.0)
    return stopped / runs, compute_power(fall, float(np.std(changes))) if fall else 0.025


def measure_false_differences(runs: int, documents: int, seed: int = 0) -> float:
    """Share of the runs in which two equally good candidates differ at 5 % by the permutation
    test."""
    generator = np.random.default_rng(seed)
    p_values = [
        estimate_paired_difference(*draw_twins(generator, documents, 0.9, 0.0, False)).p_value
        for _ in range(runs)
    ]
    return sum(p is not None and p < 0.05 for p in p_values) / runs


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{runs} simulated runs a cell\n\ncoverage of the 95 % interval (median width)")
    for name, truth in make_truths().items():
        cells = []
        for documents in DOCUMENTS:
            estimates = estimate_runs(truth, documents, runs)
            share = measure_coverage(estimates, truth.accuracy)
            widths = [(made.high or 0) - (made.low or 0) for made in estimates]
            is_claimed = share is not None
            cells.append(f"{share:6.1%} ({np.median(widths):.3f})" if is_claimed else " " * 14)
        print(f"{name:32} {truth.accuracy:.3f}  " + "  ".join(cells))
    print("\nchosen though just below the rule; then with four models")
    for name, truth in make_truths().items():
        rule = truth.accuracy + 0.001
        cells = [
            f"{measure_chosen(truth, documents, runs // 4, rule, models):6.1%}"
            for models in (1, 4)
            for documents in DOCUMENTS
            if documents // truth.size >= 2
        ]
        print(f"{name:32} {rule:.3f}  " + "  ".join(cells))
    print("\nchosen though just below the rule in any of four looks: one planned; four planned")
    for name, truth in make_truths().items():
        rule = truth.accuracy + 0.001
        cells = [
            f"{measure_chosen_in_looks(truth, documents, runs // 4, rule, planned):6.1%}"
            for planned in (1, LOOKS)
            for documents in (60, 150, 300)
            if documents // truth.size // LOOKS >= 2
        ]
        print(f"{name:32}        " + "  ".join(cells))
    print("\nas good within 0.05, though the difference is 0.05; where it is 0.01; where it is 0")
    for documents in (60, 150, 300):
        cells = [
            f"{measure_equivalent(loss, documents, runs // 4):6.1%}" for loss in (0.05, 0.01, 0)
        ]
        print(f"{documents:>4} documents  " + "  ".join(cells))
    print("\nchosen where it should be: truth 0.98, rule 0.95")
    for name in ("scattered, 0.98", "shared difficulty, 0.98", "all or nothing, 0.98"):
        truth = make_truths()[name]
        cells = [
            f"{measure_chosen(truth, documents, runs // 4, 0.95, models):6.1%}"
            for models in (1, 4)
            for documents in DOCUMENTS
        ]
        print(f"{name:32}        " + "  ".join(cells))
    print("\ngate, maximal drop 0.01: stopped (expected)")
    for documents in DOCUMENTS:
        for fall, whole in ((0.0, False), (0.05, False), (0.05, True)):
            stopped, expected = measure_gate(runs // 4, documents, fall, whole)
            loss = "whole documents" if whole else "scattered"
            print(f"{documents:>4} documents, fall {fall} {loss}: {stopped:.1%} ({expected:.1%})")
    for documents in (20, 60):
        share = measure_false_differences(runs // 4, documents)
        print(f"{documents:>4} documents, equally good: {share:.1%} differ (5 % expected)")


if __name__ == "__main__":
    main()
