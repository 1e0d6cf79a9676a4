"""pytest tests/decision/test_sweep.py: values of one setting -> the one to take."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.case_records import failed
from tests.decision.test_run_decisions import answers
from vlm_lab.analysis.aggregation import aggregate_records
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.decision.run_decisions import compare_for_decision
from vlm_lab.decision.sweep import build_sweep_curves
from vlm_lab.messages import in_english
from vlm_lab.types import Batch, CandidateKey, Record, Report, Rules, SweepCurve, Usage

DOCUMENTS = 60
NAMES = {64: "m+budget-64", 128: "m+budget-128", 256: "m+budget-256"}


def ask(value: int, wrong: Sequence[int] = (), **other: Any) -> list[Record]:
    """The answers of one value, which costs as many tokens and hundredths of a second."""
    rows = answers(NAMES[value], DOCUMENTS, wrong, "f3", **other)
    usage = Usage(100, value, 20)
    return [
        replace(row, usage=usage, elapsed_seconds=value / 100, rounds=(value / 100,))
        for row in rows
    ]


def build(
    records: Sequence[Record], margin: float | None = None, values: Mapping[str, Any] | None = None
) -> SweepCurve:
    planned: dict[CandidateKey, list[str]] = {}
    for each in records:
        planned.setdefault(each.candidate, []).append(each.document)
    values = values or {name: value for value, name in NAMES.items()}
    report = Report(
        run={"sweeps": [{"model": "m", "setting": "budget", "values": values}]},
        suites=[{"name": "invoices", "verified": True}],
        models=(),
        prompts=[],
        summaries=(),
    )
    counts = aggregate_records(records, {})
    rules = Rules(equivalence_margin=margin)
    report = replace(
        report,
        summaries=summarize_counts(counts, (), planned),
        comparisons=compare_for_decision(report, counts, rules),
    )
    (curve,) = build_sweep_curves(report, rules)
    return curve


SAME = (ask(64, [0]), ask(128), ask(256, [1]))
CASES = {
    "the best is the cheapest": ([ask(64), ask(128, [0])], None, 64, "64 is the best of 2, and"),
    "each cheaper one is worse": (
        [ask(64, range(50)), ask(128, range(40)), ask(256)],
        None,
        256,
        "256 is the best of 3, and each cheaper one is worse",
    ),
    "one cheaper one is not shown to be worse": (
        [ask(64, range(50)), ask(128, [0]), ask(256)],
        None,
        128,
        "128 is the cheapest of 3 that is not shown to be worse than the best; nor is it shown",
    ),
    "without a margin it is said that none is set": (SAME, None, 64, "equivalence_margin says"),
    "within a margin it is as good": (
        SAME,
        0.1,
        64,
        "64 is the cheapest of 3 that is shown to be as good as the best, within 0.1: budget 128"
        " differs by +0.002",
    ),
    "within a margin that is too small nothing is shown": (
        SAME,
        0.001,
        64,
        "not shown to be worse than the best; nor is it shown to be as good: budget 128 differs",
    ),
    "what is shown to be as good goes before what is not": (
        [ask(64, range(5)), ask(128, [0]), ask(256)],
        0.07,
        128,
        "128 is the cheapest of 3 that is shown to be as good as the best",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_cheapest_value_that_is_not_worse(case: str) -> None:
    groups, margin, cheapest, said = CASES[case]
    curve = build([row for group in groups for row in group], margin)
    assert (curve.cheapest, curve.model, curve.setting) == (cheapest, "m", "budget")
    assert said in in_english(curve.conclusion)


def test_points_say_what_each_value_comes_to() -> None:
    curve = build([*ask(256), *ask(64, range(50)), *ask(128, [0])])
    figures = [
        (point.value, point.visual_tokens, point.median_seconds, point.is_worse)
        for point in curve.points
    ]
    assert figures == [(64, 64, 0.64, True), (128, 128, 1.28, False), (256, 256, 2.56, False)]
    assert [point.score.low is not None for point in curve.points] == [True] * 3


def test_a_value_with_documents_that_failed_is_not_compared() -> None:
    """Its F1 is of the easier documents."""
    broken = [*ask(64)[:-1], failed("d59", "error", model=NAMES[64])]
    curve = build([*broken, *ask(128, [0]), *ask(256)])
    assert curve.cheapest == 128
    assert in_english(curve.conclusion).endswith("documents were not answered: budget 64")
    alone = build([*broken, *ask(128)])
    assert alone.cheapest is None
    assert "no two values of budget were answered" in in_english(alone.conclusion)


def test_seconds_rank_what_takes_the_same_tokens() -> None:
    rows = [replace(row, usage=Usage(100, 7, 20)) for row in [*ask(64), *ask(128)]]
    slower = {NAMES[64]: 3.0, NAMES[128]: 2.0}
    rows = [replace(row, elapsed_seconds=slower[row.model]) for row in rows]
    assert build(rows).cheapest == 128


def test_documents_a_second_rank_what_no_seconds_are_known_of() -> None:
    rows = [replace(row, usage=Usage(100, 7, 20)) for row in [*ask(64), *ask(128)]]
    ends = {NAMES[64]: 9.0, NAMES[128]: 3.0}
    rows = [
        replace(row, elapsed_seconds=None, rounds=(), batch=build_batch(ends[row.model]))
        for row in rows
    ]
    curve = build(rows)
    assert [point.documents_per_second for point in curve.points] == [60 / 9, 60 / 3]
    assert curve.cheapest == 128


def build_batch(end: float) -> Batch:
    """One that all documents were asked in."""
    return Batch(opened_at="2026-01-02T03:04:05", start=0.0, end=end, size=60)
