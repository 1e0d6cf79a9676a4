"""pytest tests/test_confidence_simulation.py: a quick, seeded look at what
tools/simulate_confidence.py measures in full."""

import pytest

from tests.tool_scripts import load_script

RUNS = 40  # the share of 40 runs has a standard error of 3.4 points at 95 %


simulate = load_script("simulate_confidence")


@pytest.mark.parametrize(
    "name", ["two other families and log-probabilities", "errors that families share"]
)
def test_the_bound_of_what_is_booked_holds(name: str) -> None:
    truth = simulate.TRUTHS[name]
    rows = simulate.measure(truth, 300, RUNS, simulate.draw_population(truth))
    for held, _, missed, _ in rows:
        assert held is None or held >= 0.93 - 2 * 0.034
        assert missed <= 0.05 + 2 * 0.034


def test_a_candidate_that_is_told_apart_is_shown() -> None:
    truth = simulate.TRUTHS["few documents read badly"]
    (_, shown, _, rate), _ = simulate.measure(truth, 300, 10, simulate.draw_population(truth))
    assert shown >= 0.9
    assert rate >= 0.9
