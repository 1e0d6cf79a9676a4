"""pytest tests/analysis/test_units.py: documents that are read alike are one unit."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.case_records import record
from vlm_lab.analysis.aggregation import aggregate_records
from vlm_lab.analysis.cluster_warnings import find_cluster_warnings
from vlm_lab.analysis.comparison import compare_all_pairs
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.analysis.units import index_units, measure_cluster_effect, sum_by_unit
from vlm_lab.messages import in_english
from vlm_lab.types import CandidateKey, Estimate, Record

CLUSTERS = {"invoices": "supplier"}


def answers(wrong: Sequence[bool], size: int, model: str = "m") -> list[Record]:
    """Documents of one field, `size` of each supplier; all of a supplier are right or wrong."""
    return [
        record(
            f"d{number}",
            {"total": "wrong" if wrong[number // size] else "exact"},
            model=model,
            tags={"supplier": f"S{number // size}"},
        )
        for number in range(size * len(wrong))
    ]


def field_f1(records: Sequence[Record], clusters: dict[str, str]) -> Estimate:
    counts = aggregate_records(records, clusters)
    documents = [each.document for each in records]
    planned = {CandidateKey("invoices", "m", "default"): documents}
    return summarize_counts(counts, (), planned)[0].scores["field_f1"]


def test_groups_are_folded_and_documents_without_the_tag_stand_alone() -> None:
    tags = [{"s": "ACME  GmbH"}, {"s": "acme gmbh"}, {}, {}, {"s": "Other"}]
    units = index_units(tags, "s")
    assert units is not None
    assert units.tolist() == [0, 0, 1, 2, 3]
    assert sum_by_unit(np.ones((5, 1)), units)[:, 0].tolist() == [2, 1, 1, 1]
    assert index_units(tags, "") is None


def test_an_interval_of_groups_is_that_of_as_many_documents() -> None:
    """Ten documents of each of twelve suppliers say what twelve documents do."""
    wrong = [True, *[False] * 11]
    grouped = field_f1(answers(wrong, 10), CLUSTERS)
    alone = field_f1(answers(wrong, 1), {})
    assert (grouped.n, grouped.units, grouped.resampled) == (120, 12, 12)
    assert (alone.n, alone.units, alone.resampled) == (12, None, 12)
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high))
    ungrouped = field_f1(answers(wrong, 10), {})
    assert (ungrouped.low or 0) > (grouped.low or 0) + 0.1


def test_one_group_has_no_interval() -> None:
    estimate = field_f1(answers([False], 30), CLUSTERS)
    assert (estimate.value, estimate.low, estimate.n, estimate.units) == (1.0, None, 30, 1)


def test_a_difference_of_groups_is_tested_by_groups() -> None:
    """Three suppliers of four lost: certain by thirty documents, by groups one in four."""
    records = [*answers([False] * 4, 10), *answers([True, True, True, False], 10, "n")]
    (by_documents,) = compare_all_pairs(aggregate_records(records))
    (by_groups,) = compare_all_pairs(aggregate_records(records, CLUSTERS))
    assert (by_documents.p_value or 1) < 0.001
    assert (by_groups.p_value or 0) == pytest.approx(0.25, abs=0.03)
    assert by_groups.difference.units == 4


@pytest.mark.parametrize(
    ("wrong", "size", "warned"),
    [
        ([True, True, *[False] * 10], 5, True),
        ([False] * 12, 5, False),  # nothing is wrong
        ([True, *[False] * 59], 1, False),  # each supplier once
        ([True, True, False, False], 15, False),  # four kinds, no groups
    ],
)
def test_a_tag_that_explains_errors_is_named_where_the_suite_has_no_cluster(
    wrong: list[bool], size: int, warned: bool
) -> None:
    records = answers(wrong, size)
    warnings = [*map(in_english, find_cluster_warnings(aggregate_records(records)))]
    assert len(warnings) == warned
    if warned:
        assert warnings[0].startswith("invoices: m (default) reads documents of one supplier alike")
        assert "correlation 1.00, 12 groups" in warnings[0]
        assert "5.0 times as many" in warnings[0]
        assert warnings[0].endswith("write cluster: supplier into suite.yaml")
    assert find_cluster_warnings(aggregate_records(records, CLUSTERS)) == []


def test_errors_that_a_tag_does_not_explain_are_no_warning() -> None:
    generator = np.random.default_rng(3)
    records = [
        record(
            f"d{number}",
            {"total": "wrong" if generator.random() < 0.2 else "exact"},
            tags={"supplier": f"S{number % 12}"},
        )
        for number in range(60)
    ]
    assert find_cluster_warnings(aggregate_records(records)) == []


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
def test_the_correlation_is_found(correlation: float) -> None:
    """Shares of 400 groups of five, the sum of a part of the group and one of the document."""
    generator = np.random.default_rng(1)
    units = np.repeat(np.arange(400), 5)
    of_groups = generator.normal(size=400)[units] * correlation**0.5
    shares = of_groups + generator.normal(size=2000) * (1 - correlation) ** 0.5
    effect = measure_cluster_effect(shares, units, permutations=99)
    assert effect.correlation == pytest.approx(correlation, abs=0.05)
    assert effect.design_effect == pytest.approx(1 + 4 * correlation, abs=0.2)
    assert (effect.p_value <= 0.01) == (correlation > 0)


def test_intervals_of_groups_hold_whatever_their_sizes() -> None:
    """A few large groups: the one that was not seen is as large as the largest."""
    generator = np.random.default_rng(5)
    inside = 0
    for run in range(200):
        sizes = generator.choice([1, 2, 20], 25, p=[0.5, 0.4, 0.1])
        units = np.repeat(np.arange(25), sizes)
        right = (generator.random(25) < 0.9)[units].astype(np.float64)
        (estimate,) = estimate_ratios(right[:, None], np.ones((len(right), 1)), run, units)
        if estimate.low is not None and estimate.high is not None:
            inside += estimate.low <= 0.9 <= estimate.high
    assert inside / 200 >= 0.93
