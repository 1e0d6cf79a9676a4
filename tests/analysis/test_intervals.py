"""pytest tests/analysis/test_intervals.py: intervals against independent counterparts, and what
they must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vlm_lab.analysis.bounds import compute_bounds, count_further_units
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.power import count_units_all_right
from vlm_lab.types import Estimate


def estimate(right: list[float], judged: list[float], seed: int = 0) -> Estimate:
    (made,) = estimate_ratios(np.array(right)[:, None], np.array(judged)[:, None], seed)
    return made


@pytest.mark.parametrize(
    ("right", "n"), [(21, 21), (40, 40), (57, 60), (1, 30), (0, 25), (149, 150)]
)
@pytest.mark.parametrize("size", [1.0, 8.0])
def test_one_value_a_document_is_exact(right: int, n: int, size: float) -> None:
    made = estimate([size] * right + [0.0] * (n - right), [size] * n)
    exact = stats.binomtest(right, n).proportion_ci(0.95, "exact")
    assert (made.low, made.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_documents_without_the_field_do_not_count() -> None:
    made = estimate([1.0] * 19 + [0.0] + [0.0] * 100, [1.0] * 20 + [0.0] * 100)
    exact = stats.binomtest(19, 20).proportion_ci(0.95, "exact")
    assert (made.low, made.high, made.n) == (
        pytest.approx(exact.low),
        pytest.approx(exact.high),
        20,
    )


def test_a_drawn_interval_of_rates_is_the_exact_one() -> None:
    """A document of another size makes the same figure one that is drawn."""
    sizes = [1.0] * 59 + [1.0 + 1e-6]
    made = estimate([*sizes[:3], *[0.0] * 2, *sizes[5:]], sizes)
    exact = stats.binomtest(58, 60).proportion_ci(0.95, "exact")
    assert (made.low, made.high) == (
        pytest.approx(exact.low, abs=0.004),
        pytest.approx(exact.high, abs=0.002),
    )


def test_scattered_errors_say_more_than_whole_documents() -> None:
    scattered = estimate([7.0] * 20 + [8.0] * 80, [8.0] * 100)
    whole = estimate([0.0, 0.0, 4.0] + [8.0] * 97, [8.0] * 100)
    assert scattered.value == whole.value == 0.975
    assert scattered.low is not None
    assert whole.low is not None
    assert whole.low < scattered.low < 0.975


@pytest.mark.parametrize("n", [2, 5, 40])
def test_right_everywhere_is_not_certain(n: int) -> None:
    made = estimate([8.0] * n, [8.0] * n)
    assert (made.value, made.low, made.high) == (1.0, pytest.approx(0.025 ** (1 / n)), 1.0)


counts = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda pair: (min(pair), pair[1])),
    min_size=2,
    max_size=12,
)


@settings(max_examples=40)
@given(rows=counts, factor=st.sampled_from([2.0, 10.0]))
def test_the_interval_has_the_value_and_no_unit(rows: list[tuple[int, int]], factor: float) -> None:
    right, judged = ([float(row[column]) for row in rows] for column in (0, 1))
    made = estimate(right, judged)
    scaled = estimate([factor * count for count in right], [factor * count for count in judged])
    assert made.low is not None
    assert made.value is not None
    assert made.high is not None
    assert 0 <= made.low <= made.value <= made.high <= 1
    assert (scaled.low, scaled.high) == (
        pytest.approx(made.low, abs=1e-5),
        pytest.approx(made.high, abs=1e-5),
    )


@pytest.mark.parametrize(("right", "n"), [(40, 40), (57, 60), (118, 120), (3, 30)])
@pytest.mark.parametrize("tail", [0.05, 0.0125, 0.003125])
def test_bounds_at_another_level_are_exact_for_rates(right: int, n: int, tail: float) -> None:
    made = estimate([1.0] * right + [0.0] * (n - right), [1.0] * n)
    exact = stats.binomtest(right, n).proportion_ci(1 - 2 * tail, "exact")
    low, high = compute_bounds(made, tail)
    assert (low, high) == (pytest.approx(exact.low, abs=1e-4), pytest.approx(exact.high, abs=1e-4))


@pytest.mark.parametrize(
    ("tail", "units"), [(0.05, 149), (0.05 / 4, 217), (0.05 / 16, 286), (0.025, 183)]
)
def test_how_many_must_be_right_to_show_a_rule(tail: float, units: int) -> None:
    assert count_units_all_right(0.98, tail) == units
    low, _ = compute_bounds(estimate([1.0] * units, [1.0] * units), tail)
    assert low >= 0.98
    low, _ = compute_bounds(estimate([1.0] * (units - 1), [1.0] * (units - 1)), tail)
    assert low < 0.98


def test_a_rule_of_all_cannot_be_shown() -> None:
    assert count_units_all_right(1.0, 0.05) is None


def test_further_documents_settle_a_rule_four_times_in_five() -> None:
    """Of so many documents of the same kind, the share of runs that show the rule."""
    made = estimate([1.0] * 58 + [0.0] * 2, [1.0] * 60)
    further = count_further_units(made, 0.93, 0.05)
    assert further is not None
    units = 60 + further
    right = np.random.default_rng(0).binomial(units, 58 / 60, 2000)
    lower = stats.beta.ppf(0.05, right, units - right + 1)
    assert (lower >= 0.93).mean() == pytest.approx(0.8, abs=0.05)
    assert count_further_units(made, made.value or 0, 0.05) is None
