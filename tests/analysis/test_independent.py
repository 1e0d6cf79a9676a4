"""pytest tests/analysis/test_independent.py: each interval and test that has a counterpart in scipy
or statsmodels gives what that gives."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from vlm_lab.analysis.bounds import compute_bounds
from vlm_lab.analysis.comparison import adjust_p_values
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.paired_difference import estimate_paired_difference
from vlm_lab.analysis.paired_values import estimate_value_difference
from vlm_lab.analysis.power import count_units_all_right
from vlm_lab.analysis.units import measure_cluster_effect
from vlm_lab.types import Comparison, Estimate

GENERATOR = np.random.default_rng(11)


@pytest.mark.parametrize(("right", "documents"), [(0, 12), (7, 12), (40, 40), (97, 100)])
def test_the_interval_of_a_rate_is_exact(right: int, documents: int) -> None:
    column = (np.arange(documents) < right).astype(np.float64)[:, None]
    (estimate,) = estimate_ratios(column, np.ones((documents, 1)))
    expected = proportion_confint(right, documents, 0.05, method="beta")
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("right", "documents", "tail"), [(97, 100, 0.05), (40, 40, 0.0125)])
def test_a_bound_at_any_level_is_exact(right: int, documents: int, tail: float) -> None:
    low, high = proportion_confint(right, documents, 0.05, method="beta")
    estimate = Estimate(right / documents, low, high, documents)
    wanted = stats.binomtest(right, documents).proportion_ci(1 - 2 * tail, "exact")
    assert compute_bounds(estimate, tail) == pytest.approx((wanted.low, wanted.high), abs=1e-4)


def test_so_many_documents_without_an_error_show_a_rule() -> None:
    needed = count_units_all_right(0.98, 0.05)
    assert needed == 149
    for documents, shown in ((needed, True), (needed - 1, False)):
        test = stats.binomtest(documents, documents, 0.98, alternative="greater")
        assert (test.pvalue <= 0.05) == shown


def draw_pair(documents: int) -> tuple[np.ndarray, np.ndarray]:
    judged = np.full(documents, 8.0)
    first = GENERATOR.binomial(8, 0.95, documents)
    second = GENERATOR.binomial(8, 0.90, documents)
    return np.stack([first, judged], -1), np.stack([second, judged], -1)


@pytest.mark.parametrize("documents", [9, 40])
def test_the_permutation_test_is_scipys(documents: int) -> None:
    first, second = draw_pair(documents)

    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray((x - y).mean(axis) / 8)

    theirs = stats.permutation_test(
        (first[:, 0], second[:, 0]), statistic, permutation_type="samples", n_resamples=20_000
    )
    ours = estimate_paired_difference(first, second)
    assert ours.estimate.value == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.02)


def test_the_interval_of_a_difference_is_near_scipys() -> None:
    """Ours is a little wider, as Student's t asks."""
    first, second = draw_pair(60)
    theirs = stats.bootstrap(
        ((first[:, 0] - second[:, 0]) / 8,), np.mean, n_resamples=10_000, method="percentile"
    ).confidence_interval
    ours = estimate_paired_difference(first, second).estimate
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_the_difference_of_medians_is_near_scipys() -> None:
    first = GENERATOR.lognormal(0.3, 0.4, 60)
    second = first * GENERATOR.lognormal(-0.2, 0.2, 60)

    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.median(x, axis=axis) - np.median(y, axis=axis))

    theirs = stats.bootstrap((first, second), statistic, paired=True, method="percentile")
    ours = estimate_value_difference(first, second, 0.5)
    assert ours.estimate.value == pytest.approx(statistic(first, second, 0), abs=0.03)
    interval = (theirs.confidence_interval.low, theirs.confidence_interval.high)
    assert (ours.estimate.low, ours.estimate.high) == pytest.approx(interval, abs=0.06)
    assert ((ours.p_value or 0) < 0.05) == (interval[0] > 0 or interval[1] < 0)


def test_holm_is_statsmodels() -> None:
    p_values = [0.001, 0.2, 0.03, 0.03, 0.9, 0.012]
    comparisons = [
        Comparison(
            suite="s",
            first=("a", "p"),
            second=("b", "p"),
            score="field_f1",
            difference=Estimate(0.1),
            p_value=p_value,
        )
        for p_value in p_values
    ]
    ours = [comparison.p_adjusted for comparison in adjust_p_values(comparisons)]
    assert ours == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_the_correlation_within_groups_is_that_of_an_analysis_of_variance() -> None:
    units = np.repeat(np.arange(20), 4)
    shares = GENERATOR.normal(size=20)[units] + GENERATOR.normal(size=80)
    f_ratio = stats.f_oneway(*(shares[units == unit] for unit in range(20))).statistic
    effect = measure_cluster_effect(shares, units, permutations=99)
    assert effect.correlation == pytest.approx((f_ratio - 1) / (f_ratio + 3))
