"""What became of prefilled values when documents were labelled -> whether prefilling leads astray.

A person who sees a value that candidates agree on keeps it more easily than one who types it from
the page. How often such values were changed is held against how often they are wrong on documents
that were labelled blind; both are drawn by chance from one batch. Where less was changed than is
wrong, references keep errors of the models, and figures flatter these.
"""

from collections.abc import Sequence

import numpy as np

from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.messages import Message
from vlm_lab.suite.label_checks import LabelCheck
from vlm_lab.types import Estimate, PrefillBias

MIN_BLIND = 2  # documents: below it there is no interval


def measure_prefill_bias(suite: str, checks: Sequence[LabelCheck]) -> PrefillBias | None:
    """None where nothing was labelled on the page."""
    if not checks:
        return None
    changed, values = _estimate_changed([check for check in checks if not check.blind])
    blind_wrong, blind_values = _estimate_changed([check for check in checks if check.blind])
    return PrefillBias(
        suite=suite,
        changed=changed,
        values=values,
        blind_wrong=blind_wrong,
        blind_values=blind_values,
    )


def describe_prefill_bias(bias: PrefillBias) -> Message:
    """Both shares, or why there are none."""
    prefilled = _describe_share(bias.changed, bias.values)
    if bias.blind_wrong.n < MIN_BLIND:
        figures = {"suite": bias.suite, "n": bias.blind_wrong.n, "what": prefilled}
        return Message("prefill_bias_unknown", figures)
    blind = _describe_share(bias.blind_wrong, bias.blind_values)
    return Message("prefill_bias", {"suite": bias.suite, "what": prefilled, "blind": blind})


def _estimate_changed(checks: Sequence[LabelCheck]) -> tuple[Estimate, int]:
    """The share of agreed values that the reference has otherwise, its interval by document, and
    the number of values."""
    changed = np.array([[len(check.changed)] for check in checks], dtype=float).reshape(-1, 1)
    kept = np.array([[len(check.kept)] for check in checks], dtype=float).reshape(-1, 1)
    (estimate,) = estimate_ratios(changed, changed + kept)
    return estimate, int((changed + kept).sum())


def _describe_share(share: Estimate, values: int) -> Message:
    if share.value is None:
        return Message("no_values")
    figures = {"value": share.value, "n": values, "documents": share.n}
    if share.low is None or share.high is None:
        return Message("share_of_values", figures)
    return Message("share_with_interval", {**figures, "low": share.low, "high": share.high})
