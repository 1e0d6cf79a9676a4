"""Confidences of a suite's candidates as rows and lines of text, for every form of the report: how
well each kind of signal tells right from wrong, what could be booked unseen by it, and whether the
policies beside the suite kept their promises.
"""

from collections.abc import Iterator, Mapping, Sequence
from gettext import NullTranslations

from vlm_lab.analysis.value_confidence import TARGETS
from vlm_lab.messages import ENGLISH, Message, translate_message
from vlm_lab.report.formatting import format_estimate, format_interval, format_number
from vlm_lab.types import Confidence, ConfidenceBasis, PolicyCheck, Report, StraightThrough, Summary

BASIS_NAMES = {
    "all": "all signals",
    "agreement": "agreement alone",
    "log-probabilities": "log-probabilities alone",
    "arithmetic": "sums and check digits alone",
}
CONFIDENCE_COLUMNS = (
    "model", "prompt", "told by", "AUROC", "95 %", "booked for 99 %", "right", "shown",
    "booked for 99.5 %", "right", "shown",
)  # fmt: skip
CONFIDENCE_LEGEND = (
    "AUROC: how often a right value has a higher confidence than a wrong one; 0.5 is chance."
    " Booked: documents whose least sure value is above a threshold, which was chosen on other"
    " documents than those that it is judged by. Shown: the share of them that is right at least,"
    " at a level of 95 %; 99 % takes 299 booked without an error, 99.5 % takes 598."
)
Curve = Sequence[tuple[float, float]]
LINE_TITLE = "Signals that tell right from wrong"
POLICY_TITLE = "Policies of booking unseen"


def build_confidence_rows(
    report: Report, suite: str, catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
    """A candidate's kinds of signals under CONFIDENCE_COLUMNS, all of them together first; nothing
    for one without a confidence."""
    return [
        _build_row(confidence, basis, catalogue)
        for confidence in _select_confidences(report, suite)
        if not confidence.note
        for basis in confidence.bases
    ]


def _select_confidences(report: Report, suite: str) -> list[Confidence]:
    return [confidence for confidence in report.confidences if confidence.suite == suite]


def _build_row(
    confidence: Confidence, basis: ConfidenceBasis, catalogue: NullTranslations
) -> list[str]:
    promises = {promise.target: promise for promise in basis.straight_through}
    return [
        confidence.model,
        confidence.prompt_id,
        catalogue.gettext(BASIS_NAMES.get(basis.name, basis.name)),
        format_estimate(basis.auroc, catalogue),
        format_interval(basis.auroc, catalogue),
        *(
            cell
            for target in TARGETS
            for cell in _format_promise(promises.get(target), confidence.documents, catalogue)
        ),
    ]


def _format_promise(
    promise: StraightThrough | None, documents: int, catalogue: NullTranslations
) -> list[str]:
    """`41/65`, `40/41`, `≥ 88.9 %`."""
    if promise is None or promise.booked.low is None:
        return [f"0/{documents}", "-", "-"]
    booked = promise.booked.n
    shown = format_number(promise.booked.low, ".1%", catalogue)
    return [f"{booked}/{documents}", f"{booked - promise.wrong}/{booked}", f"≥ {shown}"]


def format_confidence_lines(
    report: Report, suite: str, catalogue: NullTranslations = ENGLISH
) -> list[str]:
    """Which signals each candidate's values have, and why there is no confidence where there is
    none; candidates of which the same is said in one line."""
    labels_by_text: dict[str, list[str]] = {}
    for confidence in _select_confidences(report, suite):
        for message in _describe_signals(confidence):
            text = translate_message(message, catalogue)
            labels_by_text.setdefault(text, []).append(confidence.candidate.label)
    return [f"{', '.join(labels)}: {text}" for text, labels in labels_by_text.items()]


def _describe_signals(confidence: Confidence) -> Iterator[Message | str]:
    if confidence.note:
        yield confidence.note
    if any(confidence.measured.values()):
        yield _list_signals(confidence.measured)


def _list_signals(counts: Mapping[str, int]) -> Message:
    measured = [Message(f"signal_{name}") for name, count in counts.items() if count]
    absent = [Message(f"signal_{name}") for name, count in counts.items() if not count]
    if not absent:
        return Message("signals_all_measured", {"measured": measured})
    return Message("signals_measured", {"measured": measured, "absent": absent})


def format_policy_lines(
    report: Report, suite: str, catalogue: NullTranslations = ENGLISH
) -> list[str]:
    """Whether the suite's policies kept their promises in this run."""
    return [
        translate_message(message, catalogue)
        for check in report.policies
        if check.suite == suite
        for message in describe_policy_check(check)
    ]


def describe_policy_check(check: PolicyCheck) -> Iterator[Message]:
    """What came of a policy, then what it would do with documents without a reference."""
    name = check.candidate.label
    figures = {
        "candidate": name,
        "target": check.target,
        "booked": check.booked,
        "n": check.documents,
        "wrong": check.wrong,
        "low": check.right.low,
        "high": check.right.high,
    }
    if check.outcome == "not_checked":
        yield Message(
            "policy_not_checked", {"candidate": name, "target": check.target, "why": check.note}
        )
    elif not check.booked:
        yield Message("policy_booked_none", figures)
    else:
        kinds = {"held": "policy_held", "broken": "policy_broken"}
        yield Message(kinds.get(check.outcome, "policy_open"), figures)
    if check.unlabelled:
        counts = {"candidate": name, "n": check.unlabelled, "booked": check.unlabelled_booked}
        is_known = check.unlabelled_booked is not None
        yield Message("policy_unlabelled" if is_known else "policy_unlabelled_unknown", counts)


def collect_confidence_curves(
    report: Report, summaries: Sequence[Summary]
) -> dict[str, tuple[Curve, Curve]]:
    """Risk and coverage of each candidate by all signals, and by its log-probabilities or its sums
    alone, whichever there are."""
    candidates = {summary.candidate for summary in summaries}
    curves: dict[str, tuple[Curve, Curve]] = {}
    for confidence in report.confidences:
        together = confidence.find_basis("all")
        if confidence.candidate not in candidates or confidence.note or together is None:
            continue
        single = confidence.find_basis("log-probabilities") or confidence.find_basis("arithmetic")
        curves[confidence.candidate.label] = together.curve, single.curve if single else ()
    return curves
