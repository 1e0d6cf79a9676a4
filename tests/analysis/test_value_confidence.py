"""pytest tests/analysis/test_value_confidence.py: confidences of candidates whose truth is known,
and what is said where there is too little."""

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.confidence_records import SUITES, answer
from vlm_lab.analysis.signals import SIGNALS, DocumentSample, ValueSample
from vlm_lab.analysis.value_confidence import (
    CandidateValues,
    assess_candidate,
    assess_confidences,
    fit_basis,
)
from vlm_lab.messages import in_english
from vlm_lab.types import CandidateKey, Confidence, Record

KEY = CandidateKey("invoices", "m", "default")
TRUE = {"invoice_number": "R-1", "totals": {"gross": "119.00"}}
WRONG = {"invoice_number": "R-1", "totals": {"gross": "719.00"}}


def assess(records: list[Record], **options: object) -> Confidence:
    found = assess_confidences(lambda: records, SUITES, **options)  # type: ignore[arg-type]
    return next(each for each in found if each.candidate == KEY)


def half_wrong(documents: int = 60) -> list[Record]:
    """Every third total is wrong, and another family says so."""
    return [
        made
        for number in range(documents)
        for made in (
            answer(f"d{number}", WRONG if number % 3 == 0 else TRUE, TRUE),
            answer(f"d{number}", TRUE, TRUE, "qwen"),
        )
    ]


def test_agreement_that_always_tells_is_worth_one() -> None:
    found = assess(half_wrong())
    assert (found.documents, found.values, found.wrong) == (60, 120, 20)
    assert found.measured == {**dict.fromkeys(SIGNALS, 0), "families": 120}
    assert [basis.name for basis in found.bases] == ["all", "agreement"]
    assert found.beside == ("qwen (default)",)
    (all_signals, agreement) = found.bases
    assert all_signals.auroc.value == agreement.auroc.value == 1.0
    assert [share for share, right in all_signals.curve if right == 1.0][-1] == pytest.approx(2 / 3)


def test_nothing_of_a_document_is_in_the_model_that_judges_it() -> None:
    """A signal that is measured in one document alone cannot speak for that one."""
    values = [ValueSample((None, None, None, None, None), is_right=True)]
    documents = [
        DocumentSample(str(number), None, {}, number % 2 == 0, True, list(values))
        for number in range(40)
    ]
    for number, document in enumerate(documents):
        document.values[0] = replace(document.values[0], is_right=number % 2 == 0)
    odd_one = documents[7]
    odd_one.values[0] = ValueSample((0.0, None, None, None, None), is_right=False)
    basis = fit_basis(CandidateValues(documents), SIGNALS, is_fitted=True)
    weights = basis.weights[2:4]  # of families, and of their not being measured
    assert np.abs(weights).max() > 0.01
    assert basis.probabilities[7] == pytest.approx(0.5, abs=0.1)
    assert basis.scores[7] < 0.5


@pytest.mark.parametrize("cluster", ["", "supplier"])
def test_groups_that_are_read_alike_are_in_one_fold(cluster: str) -> None:
    records = [
        replace(record, tags={"supplier": str(number // 8)})
        for number, record in enumerate(half_wrong(120))
    ]
    found = assess(records, clusters={"invoices": cluster})
    (basis, _) = found.bases
    assert basis.auroc.n == (30 if cluster else 120)
    (booked, _) = (each.booked for each in basis.straight_through)
    assert (booked.n, booked.units) == (80, 30 if cluster else None)


@pytest.mark.parametrize(
    ("records", "note"),
    [
        (
            [answer(f"d{n}", TRUE, {"invoice_number": "R-1"}) for n in range(30)],
            "nothing tells right from wrong",
        ),
        (
            [answer(f"d{n}", TRUE, TRUE, model) for n in range(30) for model in ("m", "qwen")],
            "60 right values and 0 wrong ones in 30 documents, where 10 of each in 20 are needed;"
            " label about 270 more",
        ),
        (half_wrong(12), "20 right values and 4 wrong ones"),
    ],
    ids=["no signal", "no error", "few documents"],
)
def test_where_there_is_too_little_it_is_said(records: list[Record], note: str) -> None:
    found = assess(records)
    assert note in in_english(found.note)
    (basis,) = found.bases
    assert basis.auroc.value is None


def test_without_an_error_all_documents_are_booked_together() -> None:
    """No confidence is needed where nothing was ever wrong: 299 documents show it."""
    values = [ValueSample((1.0, None, None, None, None), is_right=True)] * 3
    documents = [DocumentSample(str(n), None, {}, True, True, values) for n in range(299)]
    (basis,) = assess_candidate(KEY, CandidateValues(documents)).bases
    at_99, at_995 = basis.straight_through
    assert (at_99.is_shown, at_99.booked.n, at_99.wrong) == (True, 299, 0)
    assert (at_995.is_shown, at_995.more_documents) == (False, 299)


def test_what_was_not_answered_is_in_the_denominator_and_never_booked() -> None:
    records = half_wrong(60)
    unanswered = answer("z", None, TRUE, status="unparsed")
    found = assess([*records, unanswered])
    assert found.documents == 61
    assert found.bases[0].curve[-1][0] == pytest.approx(60 / 61)


def test_calibrated_probabilities_are_right_as_often_as_they_say() -> None:
    """Of values that agreement and log-probabilities tell apart with known odds."""
    draw = np.random.default_rng(3)
    agreement, sure = draw.random((400, 6)) < 0.8, draw.beta(5, 1, (400, 6))
    log_odds = -1 + 3 * agreement + 0.7 * np.log(sure / (1 - sure))
    right = draw.random((400, 6)) < 1 / (1 + np.exp(-log_odds))
    documents = [
        DocumentSample(
            str(n), None, {}, bool(right[n].all()), True,
            [
                ValueSample(
                    (float(agreement[n, f]), None, None, None, float(sure[n, f])),
                    is_right=bool(right[n, f]),
                )
                for f in range(6)
            ],
        )
        for n in range(400)
    ]  # fmt: skip
    values = CandidateValues(documents)
    found = fit_basis(values, SIGNALS, is_fitted=True).probabilities
    for low, high in ((0.0, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        is_in_bin = (found >= low) & (found < high)
        assert found[is_in_bin].mean() == pytest.approx(
            values.value_right[is_in_bin].mean(), abs=0.04
        )
