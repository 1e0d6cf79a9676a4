"""pytest tests/test_simulation.py: a quick, seeded look at what tools/simulate_decisions.py and
tools/simulate_labels.py measure in full."""

from collections.abc import Iterator

import pytest

from tests.tool_scripts import load_script
from vlm_lab.analysis import intervals

RUNS = 300  # the share of 300 runs has a standard error of 1.3 points at 95 %


simulate = load_script("simulate_decisions")
labels = load_script("simulate_labels")
TRUTHS = simulate.make_truths()


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("documents", [30, 150])
def test_intervals_cover_whatever_the_truth(name: str, documents: int) -> None:
    truth = TRUTHS[name]
    estimates = simulate.estimate_runs(truth, documents, RUNS)
    share = simulate.measure_coverage(estimates, truth.accuracy)
    assert share is None or share >= 0.93 - 2 * 0.013


@pytest.mark.parametrize("models", [1, 4])
@pytest.mark.parametrize("name", ["one value, 0.98", "all or nothing, 0.95", "scattered, 0.95"])
def test_a_model_below_the_rule_is_seldom_chosen(name: str, models: int) -> None:
    truth = TRUTHS[name]
    share = simulate.measure_chosen(truth, 150, RUNS // 2, truth.accuracy + 0.001, models)
    assert share <= 0.05 + 2 * 0.018


def test_four_planned_looks_are_as_safe_as_one() -> None:
    truth = TRUTHS["one value, 0.95"]
    rule = truth.accuracy + 0.001
    planned = simulate.measure_chosen_in_looks(truth, 300, RUNS, rule, 4)
    unplanned = simulate.measure_chosen_in_looks(truth, 300, RUNS, rule, 1)
    assert planned <= 0.05 + 2 * 0.013
    assert unplanned > planned


def test_equivalence_is_seldom_said_wrongly() -> None:
    assert simulate.measure_equivalent(0.05, 150, RUNS // 3) <= 0.05 + 2 * 0.022
    assert simulate.measure_equivalent(0.0, 150, RUNS // 10) >= 0.9


def test_a_good_model_is_chosen() -> None:
    assert simulate.measure_chosen(TRUTHS["scattered, 0.98"], 150, 100, 0.95) >= 0.8


def test_the_gate_errs_seldom_and_sees_five_points() -> None:
    assert simulate.measure_gate(150, 60, 0.0)[0] <= 0.08
    stopped, expected = simulate.measure_gate(150, 60, 0.05)
    assert stopped == pytest.approx(expected, abs=0.08)


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(intervals, "RESAMPLES", 1000)
    intervals.draw_unit_weights.cache_clear()
    yield
    intervals.draw_unit_weights.cache_clear()


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("name", ["own errors, 0.90", "invoices at three dpi"])
def test_intervals_from_few_labels_cover(name: str) -> None:
    truth = labels.make_truths()[name]
    *shares, normal = labels.measure_coverage(truth, 100)
    assert min(shares) >= 0.93 - 2 * 0.026
    assert normal < max(shares)


@pytest.mark.usefixtures("few_draws")
def test_what_others_say_saves_labels_and_its_figures_can_be_had_again() -> None:
    truth = labels.make_truths()["own errors, 0.90"]
    classical, powered = (
        labels.measure_labels(truth, method, 0.8, 30)
        for method in ("random, classical", "random, PPI")
    )
    assert powered[0] < classical[0]
    assert powered == labels.measure_labels(truth, "random, PPI", 0.8, 30)
