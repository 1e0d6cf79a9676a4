"""A run's records -> a policy of booking unseen, as a file, and back: which signals count how much,
from which confidence on a document needs no eyes, and what is promised of those documents.

A policy is written only where the promise is shown. It has weights, figures and hashes of the
documents that it stands on, and no values.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from vlm_lab.analysis.answers import SuiteFields
from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import MAX_SETTINGS_BYTES, atomic_file, read_bounded_bytes
from vlm_lab.sanitize import quote_value, shorten
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import (
    CandidateKey,
    Confidence,
    ConfidenceBasis,
    Estimate,
    HasCandidate,
    Record,
    Report,
    StraightThrough,
)

POLICY_FILE = "policy.json"
HASH_LENGTH = 16  # characters that tell documents apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(HasCandidate):
    """What `vlm-lab policy` writes. `weights` are of the logistic regression over the `signals`
    that were measured; a document whose least sure value has `threshold` or more is booked.
    `beside` names the candidates whose answers it needs. `rate` is the share that is expected to be
    booked, `booked` the share of them that was right with its one-sided bound."""

    version: Literal[1] = 1
    suite: str
    model: str
    prompt_id: str
    fields_sha256: str
    prompt_sha256: str | None
    target: float
    threshold: float
    signals: tuple[str, ...]
    weights: Mapping[str, float]
    beside: tuple[str, ...]
    documents: int
    rate: Estimate
    booked: Estimate
    wrong: int
    run: str
    written: str
    document_hashes: tuple[str, ...]


def build_policy(
    report: Report,
    confidence: Confidence,
    basis: ConfidenceBasis,
    promise: StraightThrough,
    fields: SuiteFields,
    document_hashes: Iterable[str],
) -> Policy:
    """Of a promise that is shown, and that has a threshold."""
    assert promise.threshold is not None  # noqa: S101
    return Policy(
        **confidence.candidate._asdict(),
        fields_sha256=hash_fields(fields),
        prompt_sha256=find_prompt_hash(report, confidence.candidate),
        target=promise.target,
        threshold=promise.threshold,
        signals=tuple(name for name, count in confidence.measured.items() if count),
        weights=basis.weights,
        beside=tuple(confidence.beside),
        documents=confidence.documents,
        rate=promise.rate,
        booked=promise.booked,
        wrong=promise.wrong,
        run=report.run["id"],
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        document_hashes=tuple(sorted(document_hashes)),
    )


def hash_fields(suite: SuiteFields) -> str:
    """sha256 of a suite's fields with their types and tolerances."""
    fields = [asdict(suite.fields[path]) for path in sorted(suite.fields)]
    return sha256(json.dumps(fields).encode()).hexdigest()


def hash_document(document_sha256: str | None) -> str | None:
    """By which a policy knows a document that it stands on; None where the file is not known."""
    return None if document_sha256 is None else document_sha256[:HASH_LENGTH]


def hash_labelled_documents(records: Iterable[Record], candidate: CandidateKey) -> list[str]:
    """Of the documents with a reference that a candidate was asked about."""
    hashes = {
        hash_document(record.document_sha256)
        for record in records
        if record.candidate == candidate and record.scores.get("document_right") is not None
    }
    return sorted(name for name in hashes if name is not None)


def find_prompt_hash(report: Report, candidate: CandidateKey) -> str | None:
    """sha256 of the candidate's prompt."""
    for prompt in report.prompts:
        if (prompt["suite"], prompt["id"]) == (candidate.suite, candidate.prompt_id):
            return str(prompt["sha256"])
    return None


def write_policy(path: Path, policy: Policy) -> None:
    """Writes it whole or not at all."""
    text = json.dumps(asdict(policy), ensure_ascii=False, indent=1)
    with atomic_file(path, durable=True) as file:
        file.write(text.encode() + b"\n")


def read_policy(path: Path) -> Policy:
    """UserError where the file is no policy of this version."""
    wanted = f"; write it anew: {format_command('policy', 'last')}"
    try:
        data: Any = json.loads(read_bounded_bytes(path, MAX_SETTINGS_BYTES))
        return get_adapter(Policy).validate_python(data)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}){wanted}") from None
    except ValidationError as error:
        detail = error.errors()[0]
        key = shorten(".".join(map(str, detail["loc"])))
        came = "" if detail["type"] == "missing" else f" (got {quote_value(detail['input'])})"
        raise UserError(f"{path}: is no policy: {key}: {detail['msg']}{came}{wanted}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is not JSON ({shorten(str(error))}){wanted}") from None
