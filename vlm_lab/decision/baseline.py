"""A run that somebody accepted -> the baseline that later runs are held against, and back.

A baseline holds hashes, outcomes and seconds, no values and no replies: it may be kept in git.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.sanitize import quote_value, shorten
from vlm_lab.suite.tags import label_group
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import (
    CORRECT,
    EXPECTED,
    JUDGED,
    PREDICTED,
    CandidateKey,
    HasCandidate,
    Record,
    Report,
)

BASELINE_SCHEMA_VERSION: Literal[2] = 2


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
    text = json.dumps(get_adapter(Baseline).dump_python(baseline), ensure_ascii=False, indent=1)
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
        return get_adapter(Baseline).validate_json(data)
    except ValidationError as error:
        version = _find_version(data)
        if version not in (None, BASELINE_SCHEMA_VERSION):
            raise UserError(
                f"{path}: is no baseline of this version (schema_version"
                f" {BASELINE_SCHEMA_VERSION} is wanted, it has {quote_value(version)});"
                f" write it anew: {format_command('accept')}"
            ) from None
        first_error = error.errors()[0]
        location = shorten(".".join(map(str, first_error["loc"])))
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
