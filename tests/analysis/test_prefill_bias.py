"""pytest tests/analysis/test_prefill_bias.py: changed where prefilled, wrong where blind."""

import pytest

from vlm_lab.analysis.prefill_bias import describe_prefill_bias, measure_prefill_bias
from vlm_lab.messages import in_english
from vlm_lab.suite.label_checks import LabelCheck


def check(document: str, blind: bool, kept: int, changed: int) -> LabelCheck:
    return LabelCheck(
        document=document,
        blind=blind,
        kept=tuple(f"k{number}" for number in range(kept)),
        changed=tuple(f"c{number}" for number in range(changed)),
        reference_sha256="",
    )


def test_shares_are_by_document() -> None:
    checks = [check("a", False, 9, 1), check("b", False, 10, 0)]
    checks += [check("c", True, 8, 2), check("d", True, 10, 0), check("e", True, 0, 0)]
    bias = measure_prefill_bias("s", checks)
    assert bias is not None
    assert (bias.changed.value, bias.values, bias.changed.n) == (0.05, 20, 2)
    assert (bias.blind_wrong.value, bias.blind_values, bias.blind_wrong.n) == (0.1, 20, 2)
    assert bias.blind_wrong.low is not None
    assert bias.blind_wrong.low < 0.1 < (bias.blind_wrong.high or 0)
    said = in_english(describe_prefill_bias(bias))
    assert "s: when documents were labelled, people changed 5.0% (" in said
    assert ", 2 documents) of 20 values that were prefilled; of values that" in said


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        (
            [check("a", False, 3, 1)],
            "s: the bias of prefilling is not measured: 0 blind documents with values that"
            " candidates agreed on; people changed 25.0% of 4 values that were prefilled",
        ),
        (
            [check("a", True, 3, 1)],
            "s: the bias of prefilling is not measured: 1 blind document with values that"
            " candidates agreed on; people changed none of 0 values that were prefilled",
        ),
    ],
)
def test_too_few_blind_documents_measure_nothing(checks: list[LabelCheck], said: str) -> None:
    bias = measure_prefill_bias("s", checks)
    assert bias is not None
    assert in_english(describe_prefill_bias(bias)) == said


def test_without_labels_there_is_nothing_to_say() -> None:
    assert measure_prefill_bias("s", []) is None
