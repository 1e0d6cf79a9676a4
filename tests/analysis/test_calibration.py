"""pytest tests/analysis/test_calibration.py: confidence that is known to be right, known to be
wrong, and too little of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.case_records import failed, record
from vlm_lab.analysis.calibration import MIN_ERROR_FREE_DOCUMENTS, calibrate_candidates
from vlm_lab.messages import in_english
from vlm_lab.types import Calibration, CandidateKey, Record

KEY = CandidateKey("invoices", "m", "default")


def answer(name: object, values: Sequence[tuple[float | None, str]], **other: Any) -> Record:
    """A record whose values have these confidences and outcomes."""
    made = record(str(name), {f"f{i}": outcome for i, (_, outcome) in enumerate(values)}, **other)
    fields = [replace(each, confidence=values[i][0]) for i, each in enumerate(made.fields)]
    return replace(made, fields=tuple(fields))


def calibration(records: Sequence[Record]) -> Calibration:
    return calibrate_candidates(records)[KEY]


def test_bins_and_their_error_by_hand() -> None:
    """Twenty values at 0.9 of which 15 are right, twenty at 0.6 of which 12 are: (20 x 0.15 + 20 x
    0) / 40."""
    low = [answer(f"a{i}", [(0.6, "exact" if i < 12 else "wrong")]) for i in range(20)]
    high = [answer(f"b{i}", [(0.9, "normalized" if i < 15 else "spurious")]) for i in range(20)]
    found = calibration([*low, *high])
    assert [(each.confidence, each.accuracy.value, each.values) for each in found.bins] == [
        (pytest.approx(0.6), 0.6, 20),
        (pytest.approx(0.9), 0.75, 20),
    ]
    assert found.error.value == pytest.approx(0.075)
    assert found.source == "log-probabilities"


def test_a_document_is_as_sure_as_its_least_sure_value() -> None:
    records = [
        answer("a", [(0.99, "exact"), (0.9, "exact")]),
        answer("b", [(0.99, "exact"), (0.95, "exact")]),
        answer("c", [(0.5, "wrong"), (0.99, "exact")]),
        answer("d", [(0.7, "exact"), (None, "missing")]),
    ]
    found = calibration(records)
    assert found.curve == ((0.25, 1.0), (0.5, 1.0), (0.75, pytest.approx(2 / 3)), (1.0, 0.5))
    assert (found.unseen.value, found.threshold, found.booked.value, found.booked.n) == (
        0.5,
        0.9,
        1.0,
        2,
    )


def test_documents_of_one_confidence_are_booked_together_or_not_at_all() -> None:
    found = calibration(
        [
            answer("a", [(0.9, "exact")]),
            answer("b", [(0.9, "wrong")]),
            answer("c", [(0.8, "exact")]),
        ]
    )
    assert found.curve == ((pytest.approx(2 / 3), 0.5), (1.0, pytest.approx(2 / 3)))
    assert found.unseen.value == 0
    assert "at no confidence are 99% of" in in_english(found.note)


@pytest.mark.parametrize("fate", ["failed check", "no usable answer", "no confidence"])
def test_what_nobody_may_book_is_in_the_denominator(fate: str) -> None:
    last = {
        "failed check": answer(
            "z", [(0.999, "exact")], checks={"net_plus_tax": False, "rows_add_up": None}
        ),
        "no usable answer": answer("z", [(0.999, "exact")], status="truncated"),
        "no confidence": answer("z", [(None, "exact")]),
    }[fate]
    found = calibration(
        [answer(i, [(0.9, "exact")], checks={"net_plus_tax": True}) for i in range(9)] + [last]
    )
    assert (found.documents, found.unseen.value) == (10, 0.9)


def test_what_has_no_answer_or_no_reference_is_not_judged() -> None:
    found = calibration([answer("a", [(0.9, "exact")]), failed("b"), answer("c", [])])
    assert found.documents == 1


def test_checks_alone_tell_sure_documents_from_others() -> None:
    passed = [answer(f"a{i}", [(None, "exact")], checks={"rows_add_up": True}) for i in range(6)]
    unknown = [answer(f"b{i}", [(None, "wrong")], checks={"rows_add_up": None}) for i in range(3)]
    broken = [answer("c", [(None, "exact")], checks={"rows_add_up": False})]
    found = calibration([*passed, *unknown, *broken])
    assert (found.source, found.bins, found.error.value) == ("checks", (), None)
    assert found.unseen.value == 0.6
    assert found.curve == ((0.6, 1.0), (0.9, pytest.approx(2 / 3)))


def test_without_any_confidence_nothing_is_claimed() -> None:
    found = calibration([answer(i, [(None, "exact")]) for i in range(5)])
    assert (found.source, found.unseen.value, found.documents) == ("", None, 5)
    assert "no log-probabilities" in in_english(found.note)


@pytest.mark.parametrize(
    ("documents", "shown"),
    [(40, False), (MIN_ERROR_FREE_DOCUMENTS - 1, False), (MIN_ERROR_FREE_DOCUMENTS, True)],
)
def test_99_in_100_is_not_shown_by_fewer_than_299(documents: int, shown: bool) -> None:
    found = calibration([answer(i, [(0.9, "exact")]) for i in range(documents)])
    assert found.unseen.value == 1.0
    assert (found.unseen.low == 1.0) is shown
    assert (str(MIN_ERROR_FREE_DOCUMENTS) in in_english(found.note)) is not shown
    assert found.booked.low == pytest.approx(0.05 ** (1 / documents))


def simulated(documents: int, seed: int, overconfident: float = 0.0) -> list[Record]:
    """Six in ten invoices are easy; a value is right as often as its confidence says, less
    `overconfident`."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(documents):
        sure = 1 - draw.beta(1, 800, 6) if draw.random() < 0.6 else draw.beta(8, 2, 6)
        right = draw.random(6) < sure - overconfident
        made.append(
            answer(
                number,
                [
                    (p, "exact" if ok else "wrong")
                    for p, ok in zip(sure.tolist(), right, strict=True)
                ],
            )
        )
    return made


def test_a_known_calibration_is_found_again() -> None:
    honest, vain = calibration(simulated(1500, 1)), calibration(simulated(1500, 1, 0.1))
    assert honest.error.value == pytest.approx(0.0, abs=0.015)
    assert vain.error.value == pytest.approx(0.1, abs=0.015)
    assert vain.error.low is not None
    assert vain.error.low > 0.08
    for each in honest.bins:
        assert each.accuracy.low is not None
        assert each.accuracy.high is not None
        assert each.accuracy.low - 0.02 <= each.confidence <= each.accuracy.high + 0.02


def test_the_share_that_can_be_booked_is_within_its_interval() -> None:
    """0.606, from 40,000 documents of this kind."""
    found = [calibration(simulated(150, seed)).unseen for seed in range(12)]
    inside = [
        each.low <= 0.606 <= each.high
        for each in found
        if each.low is not None and each.high is not None
    ]
    assert sum(inside) >= 10


def test_candidates_stay_apart() -> None:
    other = answer("a", [(0.9, "wrong")], prompt_id="terse")
    found = calibrate_candidates([answer("a", [(0.9, "exact")]), other])
    assert [each.curve for each in found.values()] == [((1.0, 1.0),), ((1.0, 0.0),)]
