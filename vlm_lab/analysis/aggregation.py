"""Records -> counts: one pass over a run's lines, after which no reply is held in memory.

A `CandidateCounts` is one model with one prompt over one suite: a row a document, a column a count,
as numpy arrays, which is what resampling needs.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.amount_errors import AmountErrors, compute_amount_errors
from vlm_lab.analysis.judged_records import explain_left_out
from vlm_lab.analysis.label_weights import weigh_labels
from vlm_lab.analysis.units import Units, index_units
from vlm_lab.messages import Message
from vlm_lab.scoring.missing_values import UNMATCHED_ERROR_TYPES
from vlm_lab.types import ANSWERED, JUDGED, Batch, CandidateKey, FieldResult, Reading, Record, Usage

COUNT_COLUMNS = (
    *JUDGED,
    *(f"cells_{outcome}" for outcome in JUDGED),
    "rows_right",
    "rows_expected",
    "rows_predicted",
    "document_right",
    "documents_judged",
)
DOCUMENTS_JUDGED = COUNT_COLUMNS.index("documents_judged")
NO_CLUSTERS: Mapping[str, str] = {}
MAX_EXAMPLES = 5  # of a type of error; the report shows no more
SPEED_SETTINGS = ("device", "dtype", "attn_implementation")  # what decides how fast a reply is


@dataclass(frozen=True, slots=True)
class ReplyCost:
    """What one reply took, and under which settings: these without the reasons and versions that an
    environment has beside them. `readings` are those by which the pages were read for the prompt;
    their seconds are among the elapsed ones."""

    elapsed_seconds: float | None
    cached: bool
    measured_at: str | None
    usage: Usage
    peak_memory_bytes: int | None
    settings: tuple[Any, ...]
    batch: Batch | None = None
    readings: tuple[Reading, ...] = ()
    reading_seconds: float | None = None

    @property
    def model_seconds(self) -> float | None:
        """Without those in which the pages' text was read."""
        if self.elapsed_seconds is None:
            return None
        return self.elapsed_seconds - (self.reading_seconds or 0.0)


@dataclass(slots=True)
class CandidateCounts:
    """One model with one prompt over one suite. `document_counts` and `reply_costs` have the
    answered documents alone, in the order of `answered_documents`; `left_out` are not judged by,
    and are in nothing else. `cluster` is the tag that groups the suite's documents.
    `inclusion_probabilities` are those of the documents that were drawn for their label;
    `agreement` says of documents whether other families of candidates agree with this one."""

    candidate: CandidateKey
    cluster: str = ""
    statuses: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str | Message] = field(default_factory=dict)
    reasons: dict[str, Message | str] = field(default_factory=dict)
    answered_documents: list[str] = field(default_factory=list)
    document_counts: list[list[int]] = field(default_factory=list)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    field_outcomes: dict[str, dict[str, dict[str, int]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    error_types: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    reply_costs: list[ReplyCost] = field(default_factory=list)
    unmatched: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    amount_errors: AmountErrors = field(default_factory=dict)
    inclusion_probabilities: Mapping[str, float] = field(default_factory=dict)
    agreement: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_labelled(self) -> list[bool]:
        """Of each answered document, whether anything of it is judged as a whole."""
        return [bool(row[DOCUMENTS_JUDGED]) for row in self.document_counts]

    @property
    def label_weights(self) -> NDArray[np.float64]:
        """What each answered document counts, by the probability with which it was labelled."""
        return weigh_labels(self.answered_documents, self.is_labelled, self.inclusion_probabilities)

    @property
    def count_matrix(self) -> NDArray[np.float64]:
        """documents x COUNT_COLUMNS."""
        counts = np.array(self.document_counts, dtype=np.float64)
        return counts.reshape(len(self.document_counts), len(COUNT_COLUMNS))

    def index_units(self, documents: Sequence[str]) -> Units | None:
        """The unit of each document, where groups of them are the units."""
        return index_units([self.tags[document] for document in documents], self.cluster)

    def count_field_outcomes(self, path: str) -> NDArray[np.float64]:
        """documents x JUDGED of one field, in all rows where it has any (`line_items[].amount`)."""
        outcomes_by_document = self.field_outcomes.get(path, {})
        counts = np.zeros((len(self.answered_documents), len(JUDGED)))
        for row, document in enumerate(self.answered_documents):
            for outcome, count in outcomes_by_document.get(document, {}).items():
                counts[row, JUDGED.index(outcome)] = count
        return counts

    def sum_field_outcomes(self, path: str) -> dict[str, int]:
        """How often each outcome of one field, over all documents."""
        sums = self.count_field_outcomes(path).sum(0).astype(int)
        return dict(zip(JUDGED, sums.tolist(), strict=True))

    def restrict_to(self, documents: Iterable[str]) -> "CandidateCounts":
        """What of this is about some of the documents: statuses, counts and costs; not the types of
        error, which are counted for all."""
        kept = set(documents)
        rows = [row for row, name in enumerate(self.answered_documents) if name in kept]
        return CandidateCounts(
            self.candidate,
            self.cluster,
            statuses={name: self.statuses[name] for name in self.statuses if name in kept},
            left_out={name: self.left_out[name] for name in self.left_out if name in kept},
            answered_documents=[self.answered_documents[row] for row in rows],
            document_counts=[self.document_counts[row] for row in rows],
            tags=self.tags,
            field_outcomes=_keep_judged_fields(self.field_outcomes, kept),
            reply_costs=[self.reply_costs[row] for row in rows],
            inclusion_probabilities=self.inclusion_probabilities,
            agreement=self.agreement,
        )

    def add_record(self, record: Record) -> None:
        """Counts one record, of which no text stays."""
        document = record.document
        reason = explain_left_out(record)
        if reason is not None:
            self.left_out[document] = reason
            return
        self.statuses[document] = record.status
        self.tags[document] = record.tags
        if record.failure_reason:
            self.reasons[document] = record.failure_reason
        if record.status not in ANSWERED:
            return
        self.cached += record.cached
        self.reply_costs.append(_extract_cost(record))
        self.answered_documents.append(document)
        self.document_counts.append(_extract_counts(record.scores))
        error_types = {result.kind for result in record.fields if result.kind}
        self.unmatched.update(error_types & UNMATCHED_ERROR_TYPES)
        for result in record.fields:
            self._add_field_result(document, result)
        for path, currency, error in compute_amount_errors(record.fields):
            self.amount_errors.setdefault(path, {}).setdefault(currency, []).append(error)

    def _add_field_result(self, document: str, result: FieldResult) -> None:
        if result.outcome not in JUDGED:
            return
        outcome_counts = self.field_outcomes[result.field].setdefault(document, {})
        outcome_counts[result.outcome] = outcome_counts.get(result.outcome, 0) + 1
        error_type = result.kind or ("format" if result.outcome == "normalized" else None)
        if error_type is None:
            return
        self.error_types[error_type] += 1
        if len(self.examples[error_type]) < MAX_EXAMPLES:
            example = {"path": result.path, "expected": result.expected, "actual": result.actual}
            self.examples[error_type].append({"document": document, **example})


def aggregate_records(
    records: Iterable[Record], clusters: Mapping[str, str] = NO_CLUSTERS
) -> dict[CandidateKey, CandidateCounts]:
    """Counts for every suite x model x prompt, in the order in which they first appear. `clusters`
    has the tag that groups a suite's documents."""
    counts_by_candidate: dict[CandidateKey, CandidateCounts] = {}
    for record in records:
        candidate = record.candidate
        if candidate not in counts_by_candidate:
            cluster = clusters.get(candidate.suite, "")
            counts_by_candidate[candidate] = CandidateCounts(candidate, cluster)
        counts_by_candidate[candidate].add_record(record)
    return counts_by_candidate


def _keep_judged_fields(
    outcomes: Mapping[str, Mapping[str, dict[str, int]]], documents: Container[str]
) -> dict[str, dict[str, dict[str, int]]]:
    """The outcomes of some documents; a field that none of them has is left out."""
    kept = {
        path: {name: counts for name, counts in by_document.items() if name in documents}
        for path, by_document in outcomes.items()
    }
    return {path: by_document for path, by_document in kept.items() if by_document}


def _extract_counts(scores: Mapping[str, Any]) -> list[int]:
    document_right = scores.get("document_right")
    document_columns = [int(bool(document_right)), int(document_right is not None)]
    return [int(scores.get(name) or 0) for name in COUNT_COLUMNS[:-2]] + document_columns


def _extract_cost(record: Record) -> ReplyCost:
    choices = [record.environment.get(name) for name in SPEED_SETTINGS]
    settings = tuple(
        choice.get("value") if isinstance(choice, Mapping) else choice for choice in choices
    )
    return ReplyCost(
        elapsed_seconds=record.elapsed_seconds,
        cached=record.cached,
        measured_at=record.measured_at,
        usage=record.usage,
        peak_memory_bytes=record.peak_memory_bytes,
        settings=settings,
        batch=record.batch,
        readings=record.page_text.readings if record.page_text else (),
        reading_seconds=record.page_text.seconds if record.page_text else None,
    )
