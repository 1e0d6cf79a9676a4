"""The regression gate: did a candidate get worse since somebody accepted a run?

A baseline holds hashes, outcomes and seconds, no values and no replies: it may be kept in git. Only
documents are compared whose file and whatever decides their score (reference, corrections, map,
conventions) are the same, and only under the same schema and prompt. Two figures are gated,
`field_f1` and `cell_f1`, each by the interval of its paired drop.

pytest benchmarks --baseline results/baseline.json
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from vlm_lab.analysis.paired_difference import PairedDifference, estimate_paired_difference
from vlm_lab.analysis.power import minimum_detectable_effect
from vlm_lab.analysis.units import Units, number_units
from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.suite.tags import label_group
from vlm_lab.types import (
    ANSWERED,
    CORRECT,
    EXPECTED,
    JUDGED,
    PREDICTED,
    CandidateKey,
    Estimate,
    HasCandidate,
    Record,
    Report,
)

BASELINE_SCHEMA_VERSION: Literal[2] = 2
GATED_SCORES: tuple[Literal["field_f1", "cell_f1"], ...] = ("field_f1", "cell_f1")
MIN_COMPARABLE_SHARE = 0.8  # of the baseline's documents that must still be there, unchanged
MAX_LISTED_DOCUMENTS = 8
Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DocumentBaseline:
    """One document as it was answered: the outcome of each header field, and by field those of the
    cells, by path. `group` numbers the documents that the suite's `cluster` puts together;
    `scoring_sha256` is None in baselines of an older version."""

    document_sha256: str | None
    reference_sha256: str | None
    status: str
    seconds: float | None = None
    group: int | None = None
    header_fields: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scoring_sha256: str | None = None

    def compute_f1_ratio(self, score: Literal["field_f1", "cell_f1"]) -> tuple[float, float]:
        """Right, and the mean of what was expected and what was given: their ratio is F1."""
        columns = self.cells.values() if score == "cell_f1" else [self.header_fields]
        document_outcomes = [outcome for column in columns for outcome in column.values()]
        correct, expected, predicted = (
            sum(outcome in outcomes for outcome in document_outcomes)
            for outcomes in (CORRECT, EXPECTED, PREDICTED)
        )
        return correct, (expected + predicted) / 2

    def collect_outcomes(self) -> dict[tuple[str, str], str]:
        """All of them by field and path; a header field's path is its field's."""
        outcomes = {(path, path): outcome for path, outcome in self.header_fields.items()}
        for field_name, column in self.cells.items():
            outcomes |= {(field_name, path): outcome for path, outcome in column.items()}
        return outcomes


@dataclass(frozen=True, slots=True)
class CandidateBaseline(HasCandidate):
    """One model with one prompt over one suite."""

    suite: str
    model: str
    prompt_id: str
    schema_sha256: str | None
    prompt_sha256: str | None
    documents: Mapping[str, DocumentBaseline] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What `accept` writes. `run` is the id of the run that was accepted."""

    schema_version: Literal[2]
    run: str
    accepted: str
    candidates: Sequence[CandidateBaseline]


@dataclass(frozen=True, slots=True)
class GateResult:
    """`lines` say what was compared, what was left out, and which fields on which documents got
    worse; `by_candidate` has the same for each candidate that both have."""

    status: Literal["ok", "regressed", "not_comparable"]
    lines: tuple[str, ...]
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
_BASELINE_ADAPTER = TypeAdapter(Baseline)


def build_run_baseline(report: Report, records: Iterable[Record]) -> Baseline:
    """A finished run as a baseline. UserError where it was a dry run."""
    if report.run["dry_run"]:
        raise UserError(
            f"{report.run['id']} was a dry run: no model was called,"
            " so there is nothing to hold on to"
        )
    return build_baseline(
        {"run": report.run, "suites": report.suites, "prompts": report.prompts}, records
    )


def build_baseline(report_head: Mapping[str, Any], records: Iterable[Record]) -> Baseline:
    """A run as a baseline; `head` is what report.json says beside its records."""
    schemas = {suite["name"]: suite["schema_sha256"] for suite in report_head["suites"]}
    prompts = {
        (prompt["suite"], prompt["id"]): prompt["sha256"] for prompt in report_head["prompts"]
    }
    clusters = {suite["name"]: suite.get("cluster", "") for suite in report_head["suites"]}
    groups: dict[str, int] = {}
    documents: dict[CandidateKey, dict[str, DocumentBaseline]] = {}
    for record in records:
        label = label_group(record.tags, clusters.get(record.suite, ""))
        group = groups.setdefault(label, len(groups)) if label else None
        baseline = replace(_build_document_baseline(record), group=group)
        documents.setdefault(record.candidate, {})[record.document] = baseline
    now = datetime.now(UTC).isoformat(timespec="seconds")
    candidates = [
        CandidateBaseline(
            *candidate,
            schemas.get(candidate.suite),
            prompts.get((candidate.suite, candidate.prompt_id)),
            documents_by_id,
        )
        for candidate, documents_by_id in documents.items()
    ]
    return Baseline(BASELINE_SCHEMA_VERSION, report_head["run"]["id"], now, candidates)


def _build_document_baseline(record: Record) -> DocumentBaseline:
    header_fields: dict[str, str] = {}
    cells: dict[str, dict[str, str]] = {}
    for result in record.fields:
        if result.outcome in JUDGED:
            target = cells.setdefault(result.field, {}) if result.in_row else header_fields
            target[result.path] = result.outcome
    return DocumentBaseline(
        document_sha256=record.document_sha256,
        reference_sha256=record.reference_sha256,
        status=record.status,
        seconds=record.elapsed_seconds,
        header_fields=header_fields,
        cells=cells,
        scoring_sha256=record.scoring_sha256,
    )


def encode_baseline(baseline: Baseline) -> bytes:
    """As it is written: JSON, indented so that git shows what changed. Half a character from a
    hostile report is written as its escape."""
    text = json.dumps(_BASELINE_ADAPTER.dump_python(baseline), ensure_ascii=False, indent=1)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def load_baseline(path: Path) -> Baseline:
    """UserError where the file is not there or is no baseline."""
    try:
        data = read_bounded_bytes(path, MAX_DATA_BYTES)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); {format_command('accept')} writes one"
        ) from None
    try:
        return _BASELINE_ADAPTER.validate_json(data)
    except ValidationError as error:
        version = _find_version(data)
        if version not in (None, BASELINE_SCHEMA_VERSION):
            raise UserError(
                f"{path}: is no baseline of this version (schema_version"
                f" {BASELINE_SCHEMA_VERSION} is wanted, it has {version});"
                f" write it anew: {format_command('accept')}"
            ) from None
        first_error = error.errors()[0]
        location = ".".join(map(str, first_error["loc"]))
        raise UserError(
            f"{path}: is no baseline ({location}: {first_error['msg']});"
            f" write it anew: {format_command('accept')}"
        ) from None


def forget_in_baseline(path: Path, suite: str, documents: Collection[str]) -> None:
    """Writes the baseline without some documents of a suite. UserError where it is none."""
    baseline = load_baseline(path)
    candidates = [
        replace(candidate, documents=_leave_out(candidate.documents, documents))
        if candidate.suite == suite
        else candidate
        for candidate in baseline.candidates
    ]
    with atomic_private_file(path, durable=True) as file:
        file.write(encode_baseline(replace(baseline, candidates=candidates)))


def _leave_out(
    baselines: Mapping[str, DocumentBaseline], documents: Collection[str]
) -> Mapping[str, DocumentBaseline]:
    return {name: each for name, each in baselines.items() if name not in documents}


def _find_version(data: bytes) -> int | None:
    """What a file says of its own version; None where it says nothing of the kind."""
    with suppress(ValueError, RecursionError):
        content = json.loads(data)
        return content.get("schema_version") if isinstance(content, dict) else None
    return None


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
        f"left out: {candidate.candidate.label} was not in this run"
        for candidate in before.candidates
        if candidate.candidate not in run_candidates
    ]
    if not by_candidate:
        return GateResult(
            "not_comparable",
            (*absent_lines, f"no candidate of the baseline ({before.run}) was run"),
        )
    severity = ("regressed", "not_comparable", "ok")
    results = sorted(by_candidate.values(), key=lambda result: severity.index(result.status))
    lines = (*(line for result in results for line in result.lines), *absent_lines)
    return GateResult(results[0].status, lines, by_candidate)


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
            return GateResult(
                "not_comparable", (f"{label}: not comparable: the {part} is another one",)
            )
    answered_before = {
        document: before_document
        for document, before_document in before.documents.items()
        if before_document.status in ANSWERED
    }
    unchanged = [
        document
        for document, before_document in answered_before.items()
        if _is_same_document(before_document, now.documents.get(document))
    ]
    compared_documents = [
        document for document in unchanged if now.documents[document].status in ANSWERED
    ]
    broken = [document for document in unchanged if now.documents[document].status == "error"]
    notes = _describe_left_out(label, answered_before, now, {*compared_documents, *broken})
    remaining, needed = len(compared_documents) + len(broken), len(answered_before)
    if remaining == needed == 1 and not broken:
        explanation = "the baseline has one document, which can tell nothing"
        return GateResult("not_comparable", (f"{label}: not comparable: {explanation}", *notes))
    if not answered_before or remaining < MIN_COMPARABLE_SHARE * needed:
        explanation = f"{remaining} of the baseline's {needed} documents remain, 80 % are needed"
        return GateResult("not_comparable", (f"{label}: not comparable: {explanation}", *notes))
    pairs = [
        (answered_before[document], now.documents[document]) for document in compared_documents
    ]
    changes = _estimate_changes(pairs, seed)
    failures = _find_regressions(changes, max_drop)
    lost = _format_lost_fields(zip(compared_documents, pairs, strict=True))
    if broken:
        failures.append(f"now an error, answered before: {_format_names(broken)}")
    if lost and fail_on_lost_field and not failures:
        failures.append("fields that were right are not")
    lines = [f"{label}: regressed: {'; '.join(failures)}"] if failures else []
    lines += [f"{label}: lost {lost}"] if lost and failures else []
    lines += [
        f"{label}: {len(compared_documents)} documents compared with {_format_speed_change(pairs)}"
    ]
    power = _format_power(changes)
    lines += [f"{label}: {power}"] if power and not failures else []
    return GateResult("regressed" if failures else "ok", (*lines, *notes))


def _describe_left_out(
    label: str, before: Iterable[str], now: CandidateBaseline, compared: Collection[str]
) -> list[str]:
    """Which of the baseline's documents have no part in the comparison, and why."""
    left_out = [document for document in before if document not in compared]
    unanswered = [
        document
        for document in left_out
        if document not in now.documents or now.documents[document].status not in ANSWERED
    ]
    changed = [document for document in left_out if document not in unanswered]
    what_changed = "the document, its reference, a correction or a rule of suite.yaml changed"
    reasons = {f"not comparable: {what_changed}": changed, "gone or not answered": unanswered}
    return [
        f"{label}: left out ({reason}): {_format_names(documents)}"
        for reason, documents in reasons.items()
        if documents
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


def _find_regressions(changes: Mapping[str, PairedDifference], max_drop: float) -> list[str]:
    failures: list[str] = []
    for score, paired in changes.items():
        change = paired.estimate
        if not has_regressed(change, max_drop):
            continue
        if change.value is not None and change.low is not None and change.high is not None:
            failures.append(
                f"{score} fell by {-change.value:.3f} ({-change.high:.3f} to {-change.low:.3f})"
                f" on {change.n} documents, allowed is {max_drop:g}"
            )
    return failures


def estimate_score_change(
    now: Counts, before: Counts, seed: int = 0, units: Units | None = None
) -> PairedDifference:
    """The paired change of a ratio; both are documents x 2, numerator and denominator. `units` has
    the group of each document, where groups are resampled."""
    judged = now[:, 1] + before[:, 1] > 0
    judged_units = None if units is None else number_units(units[judged].tolist())
    return estimate_paired_difference(now[judged], before[judged], seed, judged_units)


def _format_power(changes: Mapping[str, PairedDifference]) -> str:
    """What a gate that found nothing could have missed; "" where nothing varied."""
    parts = []
    for score, paired in changes.items():
        detectable = minimum_detectable_effect(paired.standard_error)
        if detectable:
            parts.append(f"of {score} by less than {detectable:.3f}")
    return f"a fall {' or '.join(parts)} may not be seen (80 % power)" if parts else ""


def has_regressed(change: Estimate, max_drop: float) -> bool:
    """Whether the drop is larger than allowed, and its interval excludes zero."""
    return (
        change.value is not None
        and change.high is not None
        and -change.value > max_drop
        and change.high < 0
    )


def _format_lost_fields(
    document_pairs: Iterable[tuple[str, tuple[DocumentBaseline, DocumentBaseline]]],
) -> str:
    """`totals.gross on inv_3, inv_7; issue_date on inv_9`: right before, and not now."""
    documents_by_field: dict[str, dict[str, None]] = {}
    for document, (before, now) in document_pairs:
        outcomes_now = now.collect_outcomes()
        for (field_name, path), outcome in before.collect_outcomes().items():
            if outcome in CORRECT and outcomes_now.get((field_name, path)) not in CORRECT:
                documents_by_field.setdefault(field_name, {})[document] = None
    sorted_fields = sorted(documents_by_field.items(), key=lambda row: -len(row[1]))
    return "; ".join(
        f"{field_name} on {_format_names(list(documents))}"
        for field_name, documents in sorted_fields
    )


def _format_speed_change(pairs: Sequence[tuple[DocumentBaseline, DocumentBaseline]]) -> str:
    seconds_pairs = [
        (before_document.seconds, now_document.seconds)
        for before_document, now_document in pairs
        if before_document.seconds and now_document.seconds
    ]
    if not seconds_pairs:
        return "the baseline; seconds are not known"
    before, now = (median(seconds) for seconds in zip(*seconds_pairs, strict=True))
    return f"the baseline; median seconds {before:.2f} -> {now:.2f}"


def _format_names(documents: Sequence[str]) -> str:
    hidden_count = len(documents) - MAX_LISTED_DOCUMENTS
    return ", ".join(documents[:MAX_LISTED_DOCUMENTS]) + (
        f" and {hidden_count} more" if hidden_count > 0 else ""
    )
