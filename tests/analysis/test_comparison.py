"""pytest tests/analysis/test_comparison.py: paired differences, chance, and how many documents
would tell."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.case_records import failed, record
from vlm_lab.analysis.aggregation import CandidateCounts, aggregate_records
from vlm_lab.analysis.comparison import (
    adjust_p_values,
    collect_prompt_warnings,
    compare_all_pairs,
    compare_pair,
    estimate_paired_difference,
)
from vlm_lab.analysis.power import (
    compute_power,
    estimate_further_documents,
    minimum_detectable_effect,
)
from vlm_lab.analysis.statistics import summarize_counts
from vlm_lab.messages import in_english
from vlm_lab.types import Comparison, Estimate, Record

PATHS = [f"f{number}" for number in range(10)]


def answers(model: str, wrong: Sequence[int], prompt: str = "default") -> list[Record]:
    """One document for each number of wrong fields of ten."""
    return [
        record(
            f"d{place}",
            {p: "wrong" if i < count else "exact" for i, p in enumerate(PATHS)},
            model=model,
            prompt_id=prompt,
        )
        for place, count in enumerate(wrong)
    ]


def counted(*records: Record) -> list[CandidateCounts]:
    return list(aggregate_records(records).values())


def test_difference_is_over_the_documents_that_both_answered() -> None:
    first = [*answers("a", [0, 1, 2]), failed("d3", model="a")]
    second = [*answers("b", [1, 2, 3]), *answers("b", [0, 0, 0, 9])[3:]]
    (found,) = compare_all_pairs(aggregate_records([*first, *second]))
    assert (found.first, found.second) == (("a", "default"), ("b", "default"))
    assert (found.difference.value, found.difference.n) == (pytest.approx(27 / 30 - 24 / 30), 3)
    assert found.left_out == ("d3",)


def test_a_constant_difference_is_found_and_equal_answers_are_not() -> None:
    wrong = [1, 0, 2, 1, 3, 0, 1, 2, 0, 1] * 3
    better, worse, same = counted(
        *answers("a", wrong), *answers("b", [w + 2 for w in wrong]), *answers("c", wrong)
    )
    clear, none = compare_pair(better, worse), compare_pair(better, same)
    assert clear.difference.low is not None
    assert clear.difference.low > 0.15
    assert clear.p_value is not None
    assert clear.p_value < 0.001
    assert (none.difference.value, none.p_value, none.detectable, none.more_documents) == (
        0,
        1,
        None,
        None,
    )


def test_permutation_by_hand() -> None:
    """Four documents, each one field better: of 16 swaps two differ as much, so p is about 1/8."""
    better, worse = np.array([[9.0, 10]] * 4), np.array([[8.0, 10]] * 4)
    p_value = estimate_paired_difference(better, worse).p_value
    assert p_value == pytest.approx(2 / 16, abs=0.02)


def test_holm() -> None:
    blank = Comparison(
        suite="s", first=("a", "p"), second=("b", "p"), score="field_f1", difference=Estimate(0.1)
    )
    given_values = [0.01, 0.04, 0.03, None, 0.005]
    made = adjust_p_values([replace(blank, p_value=value) for value in given_values])
    assert [each.p_adjusted for each in made] == pytest.approx([0.03, 0.06, 0.06, None, 0.02])
    assert [each.is_significant for each in made] == [True, False, False, False, True]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_never_lowers_and_keeps_the_order(values: list[float]) -> None:
    blank = Comparison(
        suite="s", first=("a", "p"), second=("b", "p"), score="field_f1", difference=Estimate(0.1)
    )
    made = [
        each.p_adjusted or 0.0
        for each in adjust_p_values([replace(blank, p_value=value) for value in values])
    ]
    assert all(value <= after <= 1 for value, after in zip(values, made, strict=True))
    assert [made[place] for place in np.argsort(values, kind="stable")] == sorted(made)


def test_how_many_more() -> None:
    """A difference of 0.02 with a standard error of 0.02: (1.960 + 0.842)^2 = 7.85 times the 100
    documents."""
    assert estimate_further_documents(0.02, 0.02, 100) == 685
    assert estimate_further_documents(0.2, 0.02, 100) == 0
    assert estimate_further_documents(0.0, 0.02, 100) is None
    assert minimum_detectable_effect(0.02) == pytest.approx(0.05603, abs=1e-4)
    assert compute_power(0.05603, 0.02) == pytest.approx(0.80, abs=1e-3)
    assert math.isclose(compute_power(0, 0.02), 0.05)


def test_many_prompts_are_warned_of() -> None:
    records = [
        *answers("a", [0, 1], "default"),
        *answers("a", [1, 1], "terse"),
        *answers("b", [1, 1]),
    ]
    tallies = aggregate_records(records)
    made = collect_prompt_warnings(
        summarize_counts(tallies, [], {key: ["d0", "d1"] for key in tallies})
    )
    assert len(made) == 1
    assert in_english(made[0]).startswith("a (invoices): the best of 2 prompts")
    assert len(compare_all_pairs(tallies)) == 3


def test_one_document_is_no_comparison() -> None:
    (found,) = compare_all_pairs(aggregate_records([*answers("a", [0]), *answers("b", [5])]))
    assert (found.difference.value, found.difference.low, found.p_value, found.is_significant) == (
        0.5,
        None,
        None,
        False,
    )
    (none,) = compare_all_pairs(aggregate_records([*answers("a", [0]), *answers("b", [5, 5])[1:]]))
    assert none.difference == Estimate(None)
