"""The regression gate: did a candidate get worse since somebody accepted a run?

Only documents are compared whose file and whatever decides their score (reference, corrections,
map, conventions) are the same, and only under the same schema and prompt. Two figures are gated,
`field_f1` and `cell_f1`, each by the interval of its paired drop.

pytest benchmarks --baseline results/baseline.json
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.paired_difference import PairedDifference, estimate_paired_difference
from vlm_lab.analysis.power import minimum_detectable_effect
from vlm_lab.analysis.units import Units, number_units
from vlm_lab.decision.baseline import Baseline, CandidateBaseline, DocumentBaseline
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import Message, list_alternatives, list_first_names
from vlm_lab.types import ANSWERED, CORRECT, CandidateKey, Estimate

GATED_SCORES: tuple[Literal["field_f1", "cell_f1"], ...] = ("field_f1", "cell_f1")
MIN_COMPARABLE_SHARE = 0.8  # of the baseline's documents that must still be there, unchanged
MAX_LISTED_DOCUMENTS = 8
Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GateResult:
    """`lines` say what was compared, what was left out, and which fields on which documents got
    worse; `by_candidate` has the same for each candidate that both have."""

    status: Literal["ok", "regressed", "not_comparable"]
    lines: tuple[Message, ...]
    by_candidate: Mapping[CandidateKey, "GateResult"] = field(default_factory=dict)

    @property
    def exit_status(self) -> ExitStatus:
        """How a run or `compare` ends that came to this."""
        return _EXIT_STATUSES[self.status]


_EXIT_STATUSES = {
    "ok": ExitStatus.OK,
    "regressed": ExitStatus.FAILED,
    "not_comparable": ExitStatus.NOT_COMPARABLE,
}


def check_regression(
    before: Baseline,
    now: Baseline,
    max_drop: float = 0.01,
    fail_on_lost_field: bool = False,
    seed: int = 0,
) -> GateResult:
    """Holds a run against a baseline, candidate by candidate. One that regressed outweighs one not
    comparable."""
    run_candidates = {candidate.candidate: candidate for candidate in now.candidates}
    by_candidate = {
        candidate.candidate: _check_candidate(
            candidate, run_candidates[candidate.candidate], max_drop, fail_on_lost_field, seed
        )
        for candidate in before.candidates
        if candidate.candidate in run_candidates
    }
    absent_lines = [
        Message("gate_absent", {"candidate": candidate.candidate.label})
        for candidate in before.candidates
        if candidate.candidate not in run_candidates
    ]
    if not by_candidate:
        none_run = Message("gate_none_run", {"run": before.run})
        return GateResult("not_comparable", (*absent_lines, none_run))
    severity = ("regressed", "not_comparable", "ok")
    results = sorted(by_candidate.values(), key=lambda result: severity.index(result.status))
    lines = (*(line for result in results for line in result.lines), *absent_lines)
    return GateResult(results[0].status, lines, by_candidate)


@dataclass(frozen=True, slots=True)
class _Overlap:
    """The baseline's documents that were answered: those that the run answered too, those that are
    errors now, and those that cannot be compared since they changed or are gone."""

    answered: Mapping[str, DocumentBaseline]
    compared: Sequence[str]
    broken: Sequence[str]
    changed: Sequence[str]
    gone: Sequence[str]

    @property
    def remaining(self) -> int:
        return len(self.compared) + len(self.broken)


def _check_candidate(
    before: CandidateBaseline,
    now: CandidateBaseline,
    max_drop: float,
    fail_on_lost_field: bool,
    seed: int,
) -> GateResult:
    label = before.candidate.label
    for part in ("schema", "prompt"):
        if getattr(before, f"{part}_sha256") != getattr(now, f"{part}_sha256"):
            line = Message(f"gate_other_{part}", {"candidate": label})
            return GateResult("not_comparable", (line,))
    overlap = _find_overlap(before, now)
    left_out_lines = _describe_left_out(label, overlap)
    too_few = _describe_too_few(label, overlap)
    if too_few:
        return GateResult("not_comparable", (too_few, *left_out_lines))
    pairs = [(overlap.answered[name], now.documents[name]) for name in overlap.compared]
    changes = _estimate_changes(pairs, seed)
    lost_fields = _find_lost_fields(zip(overlap.compared, pairs, strict=True))
    failures = _find_regressions(changes, max_drop)
    if overlap.broken:
        failures.append(Message("errors_now", {"names": _list_names(overlap.broken)}))
    if lost_fields and fail_on_lost_field and not failures:
        failures.append(Message("fields_lost"))
    compared_line = _describe_comparison(label, pairs)
    if not failures:
        power_lines = _describe_power(label, changes)
        return GateResult("ok", (compared_line, *power_lines, *left_out_lines))
    lines = [Message("gate_failures", {"candidate": label, "failures": failures})]
    if lost_fields:
        lines.append(Message("gate_lost", {"candidate": label, "fields": lost_fields}))
    return GateResult("regressed", (*lines, compared_line, *left_out_lines))


def _find_overlap(before: CandidateBaseline, now: CandidateBaseline) -> _Overlap:
    answered = {
        name: document for name, document in before.documents.items() if document.status in ANSWERED
    }
    names: dict[str, list[str]] = {"compared": [], "broken": [], "changed": [], "gone": []}
    for name, document in answered.items():
        names[_classify_document(document, now.documents.get(name))].append(name)
    return _Overlap(answered, **names)


def _classify_document(before: DocumentBaseline, now: DocumentBaseline | None) -> str:
    """Which of `_Overlap`'s lists a document belongs to."""
    is_same = _is_same_document(before, now)
    if now is None or (now.status not in ANSWERED and not (is_same and now.status == "error")):
        return "gone"
    if not is_same:
        return "changed"
    return "broken" if now.status == "error" else "compared"


def _describe_too_few(label: str, overlap: _Overlap) -> Message | None:
    """Why so few documents cannot be compared; None where there are enough."""
    remaining, needed = overlap.remaining, len(overlap.answered)
    if remaining == needed == 1 and not overlap.broken:
        return Message("gate_one_document", {"candidate": label})
    if not needed:
        return Message("gate_none_answered", {"candidate": label})
    if remaining < MIN_COMPARABLE_SHARE * needed:
        figures = {"candidate": label, "n": remaining, "documents": needed}
        return Message("gate_few_documents", figures)
    return None


def _describe_left_out(label: str, overlap: _Overlap) -> list[Message]:
    """Which of the baseline's documents have no part in the comparison, and why."""
    names_by_kind = {"gate_changed": overlap.changed, "gate_gone": overlap.gone}
    return [
        Message(kind, {"candidate": label, "names": _list_names(names)})
        for kind, names in names_by_kind.items()
        if names
    ]


def _is_same_document(before: DocumentBaseline, now: DocumentBaseline | None) -> bool:
    """Whether the file and all that decides its score are the same; of an older baseline the
    reference's file is all that is known of the latter."""
    if now is None or before.document_sha256 != now.document_sha256:
        return False
    if before.scoring_sha256 and now.scoring_sha256:
        return before.scoring_sha256 == now.scoring_sha256
    return before.reference_sha256 == now.reference_sha256


def _estimate_changes(
    pairs: Sequence[tuple[DocumentBaseline, DocumentBaseline]], seed: int
) -> dict[str, PairedDifference]:
    """The paired change of each gated score."""
    changes: dict[str, PairedDifference] = {}
    groups = [now.group for _, now in pairs]
    units = None
    if any(group is not None for group in groups):
        units = number_units([("document", i) if g is None else g for i, g in enumerate(groups)])
    for score in GATED_SCORES if pairs else ():
        was = np.array([before.compute_f1_ratio(score) for before, _ in pairs])
        is_now = np.array([now.compute_f1_ratio(score) for _, now in pairs])
        changes[score] = estimate_score_change(is_now, was, seed, units)
    return changes


def _find_regressions(changes: Mapping[str, PairedDifference], max_drop: float) -> list[Message]:
    failures: list[Message] = []
    for score, paired in changes.items():
        change = paired.estimate
        if not has_regressed(change, max_drop):
            continue
        if change.value is not None and change.low is not None and change.high is not None:
            figures = {"value": -change.value, "low": -change.high, "high": -change.low}
            scope = {"name": score, "n": change.n, "limit": max_drop}
            failures.append(Message("score_fell", {**figures, **scope}))
    return failures


def estimate_score_change(
    now: Counts, before: Counts, seed: int = 0, units: Units | None = None
) -> PairedDifference:
    """The paired change of a ratio; both are documents x 2, numerator and denominator. `units` has
    the group of each document, where groups are resampled."""
    judged = now[:, 1] + before[:, 1] > 0
    judged_units = None if units is None else number_units(units[judged].tolist())
    return estimate_paired_difference(now[judged], before[judged], seed, judged_units)


def _describe_power(label: str, changes: Mapping[str, PairedDifference]) -> list[Message]:
    """What a gate that found nothing could have missed; nothing where nothing varied."""
    falls: list[Message] = []
    for score, paired in changes.items():
        detectable = minimum_detectable_effect(paired.standard_error)
        if detectable:
            falls.append(Message("fall_of", {"name": score, "value": detectable}))
    if not falls:
        return []
    return [Message("gate_power", {"candidate": label, "falls": list_alternatives(falls)})]


def has_regressed(change: Estimate, max_drop: float) -> bool:
    """Whether the drop is larger than allowed, and its interval excludes zero."""
    return (
        change.value is not None
        and change.high is not None
        and -change.value > max_drop
        and change.high < 0
    )


def _find_lost_fields(
    document_pairs: Iterable[tuple[str, tuple[DocumentBaseline, DocumentBaseline]]],
) -> list[Message]:
    """`totals.gross on inv_3, inv_7`, `issue_date on inv_9`: right before, and not now."""
    documents_by_field: dict[str, dict[str, None]] = {}
    for document, (before, now) in document_pairs:
        outcomes_now = now.collect_outcomes()
        for (field_name, path), outcome in before.collect_outcomes().items():
            if outcome in CORRECT and outcomes_now.get((field_name, path)) not in CORRECT:
                documents_by_field.setdefault(field_name, {})[document] = None
    sorted_fields = sorted(documents_by_field.items(), key=lambda row: -len(row[1]))
    return [
        Message("lost_field", {"field": field_name, "names": _list_names(list(documents))})
        for field_name, documents in sorted_fields
    ]


def _describe_comparison(
    label: str, pairs: Sequence[tuple[DocumentBaseline, DocumentBaseline]]
) -> Message:
    """How many documents were compared, and their median seconds where both are known."""
    figures: dict[str, Any] = {"candidate": label, "n": len(pairs)}
    seconds_pairs = [
        (before.seconds, now.seconds) for before, now in pairs if before.seconds and now.seconds
    ]
    if not seconds_pairs:
        return Message("gate_compared_untimed", figures)
    before_seconds, now_seconds = (median(each) for each in zip(*seconds_pairs, strict=True))
    return Message("gate_compared", {**figures, "before": before_seconds, "now": now_seconds})


def _list_names(documents: Sequence[str]) -> Message | str:
    return list_first_names(documents, MAX_LISTED_DOCUMENTS)
