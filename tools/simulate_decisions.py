"""Do the figures keep their promises? Runs of known truth: do intervals cover, is `chosen` wrong,
does the gate err?

python tools/simulate_decisions.py [RUNS]

A simulated invoice has eight fields and a difficulty of its own (Beta, correlation 0.2 between its
fields), which both candidates of a comparison share; that is what makes pairing worth while and
counting fields wrong.
"""

import sys

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.comparison import estimate_paired_difference
from vlm_lab.analysis.power import compute_power
from vlm_lab.analysis.statistics import estimate_ratios
from vlm_lab.decision.decide import make_decisions
from vlm_lab.decision.regression_gate import estimate_score_change, has_regressed
from vlm_lab.types import Estimate, Rules, Summary

FIELDS = 8
CORRELATION = 0.2
RULE = 0.95
Counts = NDArray[np.float64]


def answers(draw: np.random.Generator, documents: int, accuracy: float) -> Counts:
    """documents x (right, fields): each document has its own share of fields that are read."""
    spread = (1 - CORRELATION) / CORRELATION
    shares = draw.beta(accuracy * spread, (1 - accuracy) * spread, documents)
    right = draw.binomial(FIELDS, shares)
    return np.stack([right, np.full(documents, FIELDS)], -1).astype(np.float64)


def twins(
    draw: np.random.Generator, documents: int, accuracy: float, fall: float
) -> tuple[Counts, Counts]:
    """The same documents answered twice; of the fields right before, the second time a share is
    lost, and of those wrong before some are found, so that the true fall is `fall`."""
    before = answers(draw, documents, accuracy)
    noise = 0.02  # what changes between two runs of one model
    lost = draw.binomial(before[:, 0].astype(int), (noise + fall) / accuracy)
    gained = draw.binomial((FIELDS - before[:, 0]).astype(int), noise / (1 - accuracy))
    return before, np.stack([before[:, 0] - lost + gained, before[:, 1]], -1)


def coverage(runs: int, documents: int, accuracy: float, seed: int = 0) -> float:
    """Share of the runs whose interval has the truth in it."""
    draw = np.random.default_rng(seed)
    hits = 0
    for _ in range(runs):
        counts = answers(draw, documents, accuracy)
        (made,) = estimate_ratios(counts[:, :1], counts[:, 1:])
        hits += made.low is not None and made.high is not None and made.low <= accuracy <= made.high
    return hits / runs


def chosen(runs: int, documents: int, accuracy: float, prompts: int = 1, seed: int = 0) -> float:
    """Share of the runs in which a model of this accuracy (each of its prompts) is chosen under the
    rule."""
    draw = np.random.default_rng(seed)
    times = 0
    for _ in range(runs):
        summaries = []
        for prompt in range(prompts):
            counts = answers(draw, documents, accuracy)
            (made,) = estimate_ratios(counts[:, :1], counts[:, 1:])
            summaries.append(_summary(f"p{prompt}", documents, made))
        (word,) = make_decisions(summaries, [], [], Rules({"field_f1": RULE}), {})
        times += word.verdict == "chosen"
    return times / runs


def gated(runs: int, documents: int, fall: float, seed: int = 0) -> tuple[float, float]:
    """Share of the runs that the gate (maximal drop 0.01) stops, and the share that the power
    calculation expects."""
    draw = np.random.default_rng(seed)
    stopped, changes = 0, []
    for _ in range(runs):
        before, now = twins(draw, documents, 0.9, fall)
        change = estimate_score_change(now, before)
        stopped += has_regressed(change, 0.01)
        changes.append(change.value or 0.0)
    return stopped / runs, compute_power(fall, float(np.std(changes))) if fall else 0.025


def false_differences(runs: int, documents: int, seed: int = 0) -> float:
    """Share of the runs in which two equally good candidates differ at 5 % by the permutation
    test."""
    draw = np.random.default_rng(seed)
    p_values = [
        estimate_paired_difference(*twins(draw, documents, 0.9, 0.0))[2] for _ in range(runs)
    ]
    return sum(p is not None and p < 0.05 for p in p_values) / runs


def _summary(prompt_id: str, documents: int, found: Estimate) -> Summary:
    scores, statuses = {"field_f1": found}, {"ok": documents}
    return Summary(
        suite="s",
        model="m",
        prompt_id=prompt_id,
        documents=documents,
        statuses=statuses,
        scores=scores,
    )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"{runs} simulated runs each; {FIELDS} fields a document, correlation {CORRELATION}\n")
    for documents in (20, 60, 120, 300):
        for accuracy in (0.7, 0.9, 0.95, 0.98):
            share = coverage(runs, documents, accuracy)
            print(f"covers   {documents:>4} documents, truth {accuracy}: {share:.1%}")
    for documents in (20, 60, 300):
        for accuracy, prompts in ((0.949, 1), (0.949, 4), (0.93, 1), (0.98, 1), (0.99, 1)):
            share = chosen(runs, documents, accuracy, prompts)
            print(
                f"chosen   {documents:>4} documents, truth {accuracy}, {prompts} prompts, "
                f"rule {RULE}: {share:.1%}"
            )
    for documents, fall in ((60, 0.0), (200, 0.0), (60, 0.03), (60, 0.05), (20, 0.05)):
        stopped, expected = gated(runs, documents, fall)
        print(
            f"gate     {documents:>4} documents, fall {fall}: "
            f"stops {stopped:.1%}, expected {expected:.1%}"
        )
    for documents in (20, 60):
        share = false_differences(runs, documents)
        print(f"differ   {documents:>4} documents, equally good: {share:.1%} (5 % expected)")


if __name__ == "__main__":
    main()
