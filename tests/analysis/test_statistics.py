"""pytest tests/analysis/test_statistics.py: each figure worked by hand, and intervals that say what
they may."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.case_records import failed, record
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.types import CandidateKey, Model, Record, Summary

MODEL = Model(name="m", model_id="x")
KEY = CandidateKey("invoices", "m", "default")


def summary(*records: Record, planned: tuple[str, ...] = (), model: Model = MODEL) -> Summary:
    names = [each.document for each in records]
    (made,) = summarize_records(records, [model], {KEY: [*names, *planned]})
    return made


# Two documents: a has 3 fields right (one by format) of 4, b has 1 right, 1 wrong, 1 missing, 1
# spurious.
A = record(
    "a",
    {"p": "exact", "q": "exact", "r": "normalized", "s": "wrong"},
    {"rows[].x": ("exact", "wrong")},
)
B = record("b", {"p": "exact", "q": "wrong", "r": "missing", "s": "spurious"})
C = record("c", {"p": "exact"})


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("field_f1", 2 * 5 / (8 + 8), 3),  # expected 4 + 3 + 1, given 4 + 3 + 1
        ("field_f1_strict", 2 * 4 / (8 + 8), 3),
        ("precision", 5 / 8, 3),
        ("recall", 5 / 8, 3),
        ("cell_f1", 2 * 1 / (2 + 2), 1),
        ("row_f1", 2 * 1 / (2 + 2), 1),
        ("documents_right", 1 / 3, 3),
    ],
)
def test_scores_by_hand(name: str, value: float, n: int) -> None:
    found = summary(A, B, C).scores[name]
    assert (found.value, found.n) == (pytest.approx(value), n)
    assert (found.low is None) == (n < 2)
    if found.low is not None and found.high is not None and found.value is not None:
        assert found.low <= found.value <= found.high


def test_no_usable_answer_counts_and_no_measurement_does_not() -> None:
    refused = record("d", {"p": "missing", "q": "missing"}, status="refused", reason="I cannot")
    made = summary(C, refused, failed("e"), failed("f", "skipped", "no weights"), planned=("g",))
    assert made.scores["recall"].value == pytest.approx(1 / 3)
    assert made.statuses == {"ok": 1, "refused": 1, "error": 1, "skipped": 1, "not_run": 1}
    assert made.unanswered == {
        "d": ("refused", "I cannot"),
        "e": ("error", "needs 9 GB"),
        "f": ("skipped", "no weights"),
        "g": ("not_run", ""),
    }
    assert made.documents == 5


def test_without_reference_no_score_but_counted() -> None:
    made = summary(C, record("d"))
    assert (made.scores["field_f1"].n, made.scores["documents_right"].n, made.documents) == (
        1,
        1,
        2,
    )


def test_a_dry_run_has_no_figures() -> None:
    made = summary(record("a", {"p": "exact"}, status="dry_run"))
    assert {estimate.value for estimate in made.scores.values()} == {None}
    assert (made.statuses, made.unanswered, made.fields) == ({"dry_run": 1}, {}, {})


def test_fields_and_tags() -> None:
    made = summary(
        replace(A, tags={"language": "de"}),
        replace(B, tags={"language": "ru"}),
        replace(C, tags={"language": "de"}),
    )
    assert made.fields["p"].accuracy.value == 1
    assert made.fields["s"].outcomes == {
        "exact": 0,
        "normalized": 0,
        "wrong": 1,
        "missing": 0,
        "spurious": 1,
    }
    assert (made.fields["s"].accuracy.value, made.fields["s"].accuracy.n) == (0, 2)
    assert made.fields["rows[].x"].accuracy.value == 0.5
    german = made.tags["language=de"]
    assert (german["field_f1"].value, german["field_f1"].n) == (pytest.approx(4 / 5), 2)
    assert made.tags["language=ru"]["field_f1"].low is None, "one document has no interval"


def test_speed_counts_what_was_timed_today() -> None:
    timed = [record(f"d{i}", {"p": "exact"}, elapsed_seconds=float(i)) for i in (1, 2, 3)]
    here = record("e", {"p": "exact"}, elapsed_seconds=6.0, cached=True)
    elsewhere = record(
        "f", {"p": "exact"}, elapsed_seconds=90.0, cached=True, environment={"device": "cuda"}
    )
    speed = summary(
        here, elsewhere, *timed, model=Model(name="m", model_id="x", price={"per_hour": 3.6})
    ).speed
    assert (speed.timed, speed.median_seconds, speed.visual_tokens) == (4, 2.5, 64)
    assert speed.p95_seconds == pytest.approx(np.percentile([1, 2, 3, 6], 95))
    assert speed.tokens_per_second == pytest.approx(80 / 12)
    assert speed.cost_per_1000 == pytest.approx(3.0)  # 3 seconds a document at 0.001 a second
    tokens = Model(
        name="m", model_id="x", price={"per_million_input": 10, "per_million_output": 100}
    )
    assert summary(*timed, model=tokens).speed.cost_per_1000 == pytest.approx(
        1000 * (100 * 10 + 20 * 100) / 1e6
    )


def timed(
    name: str, day: int, seconds: float, device: str, cached: bool = True, **more: str
) -> Record:
    environment = {
        "device": {"value": device, "reason": f"on day {day}"},
        "dtype": "float32",
        **more,
    }
    return record(
        name,
        {"p": "exact"},
        cached=cached,
        elapsed_seconds=seconds,
        environment=environment,
        measured_at=f"2026-01-0{day}T00:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("records", "median", "day"),
    [
        (
            [timed("a", 1, 1, "cpu"), timed("b", 2, 3, "cpu", transformers="5.1")],
            2,
            2,
        ),  # reasons and versions differ
        ([timed("a", 3, 1, "cuda"), timed("b", 2, 9, "cpu")], 1, 3),  # the newest, not the last one
        (
            [timed("a", 3, 1, "cuda"), timed("b", 2, 9, "cpu", cached=False)],
            9,
            2,
        ),  # what was asked today
        ([timed("a", 1, 1, "cpu"), timed("b", 2, 9, "cpu", attn_implementation="eager")], 9, 2),
    ],
)
def test_cached_replies_count_as_the_newest_of_them_were_made(
    records: list[Record], median: float, day: int
) -> None:
    speed = summary(*records).speed
    assert (speed.median_seconds, speed.measured_at) == (median, f"2026-01-0{day}T00:00:00+00:00")


@pytest.mark.parametrize("n", [2, 5, 60, 300])
def test_right_everywhere_is_not_certain(n: int) -> None:
    """About three documents in n may be wrong without one among the n; a quarter of that where few
    fields are."""
    (found,) = estimate_ratios(np.ones((n, 1)), np.ones((n, 1)))
    assert (found.value, found.high) == (1, 1)
    assert found.low is not None
    assert 1 - 3.7 / n < found.low <= 1 - 0.5 / n


def test_documents_are_resampled_not_fields() -> None:
    """Ten documents wholly right or wholly wrong: a hundred fields each make the interval no
    narrower."""
    right = np.array([[1.0]] * 5 + [[0.0]] * 5)
    (few,), (many,) = (
        estimate_ratios(right, np.ones((10, 1))),
        estimate_ratios(right * 100, np.full((10, 1), 100.0)),
    )
    assert (few.low, few.high) == (many.low, many.high)
    assert few.low is not None
    assert few.low <= 0.2


def test_the_same_seed_gives_the_same_interval() -> None:
    right = np.random.default_rng(1).random((40, 1)) < 0.8
    first, again, other = (
        estimate_ratios(right * 1.0, np.ones((40, 1)), seed)[0] for seed in (0, 0, 1)
    )
    assert first == again
    assert other.value == first.value


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=30))
def test_order_of_documents_changes_no_value(pairs: list[tuple[int, int]]) -> None:
    counts = np.array([(right, right + wrong) for right, wrong in pairs], dtype=float)
    (found,) = estimate_ratios(counts[:, :1], counts[:, 1:])
    (turned,) = estimate_ratios(counts[::-1, :1], counts[::-1, 1:])
    assert (found.value, found.n) == (turned.value, turned.n)
    if found.value is not None and found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.value + 1e-6
        assert found.value - 1e-6 <= found.high <= 1
