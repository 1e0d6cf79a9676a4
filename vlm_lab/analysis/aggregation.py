"""Records -> counts: one pass over a run's lines, after which no reply is held in memory.

A `CandidateCounts` is one model with one prompt over one suite: a row a document, a column a count,
as numpy arrays, which is what resampling needs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.amount_errors import AmountErrors, compute_amount_errors
from vlm_lab.types import ANSWERED, JUDGED, CandidateKey

COUNT_COLUMNS = (
    *JUDGED,
    *(f"cells_{outcome}" for outcome in JUDGED),
    "rows_right",
    "rows_expected",
    "rows_predicted",
    "document_right",
    "documents_judged",
)
MAX_EXAMPLES = 5  # of a kind of error; the report shows no more


@dataclass(slots=True)
class CandidateCounts:
    """One model with one prompt over one suite. `counts` has the answered documents alone, in
    `documents`' order."""

    candidate: CandidateKey
    statuses: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    answered_documents: list[str] = field(default_factory=list)
    document_counts: list[list[int]] = field(default_factory=list)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    field_outcomes: dict[str, dict[str, dict[str, int]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    error_types: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    timings: list[dict[str, Any]] = field(default_factory=list)
    cached: int = 0
    amount_errors: AmountErrors = field(default_factory=dict)

    @property
    def count_matrix(self) -> NDArray[np.float64]:
        """documents x COUNTS."""
        return np.array(self.document_counts, dtype=np.float64).reshape(
            len(self.document_counts), len(COUNT_COLUMNS)
        )

    def count_field_outcomes(self, path: str) -> NDArray[np.float64]:
        """documents x JUDGED of one field, in all rows where it has any (`line_items[].amount`)."""
        seen = self.field_outcomes[path]
        counts = np.zeros((len(self.answered_documents), len(JUDGED)))
        for place, document in enumerate(self.answered_documents):
            for outcome, count in seen.get(document, {}).items():
                counts[place, JUDGED.index(outcome)] = count
        return counts

    def sum_field_outcomes(self, path: str) -> dict[str, int]:
        """How often each outcome of one field, over all documents."""
        return dict(
            zip(JUDGED, self.count_field_outcomes(path).sum(0).astype(int).tolist(), strict=True)
        )

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Counts one record."""
        document = record["document"]
        self.statuses[document] = record["status"]
        self.tags[document] = record.get("tags", {})
        reason = (record.get("error") or {}).get("message") or record.get("reason")
        if reason:
            self.reasons[document] = reason
        if record["status"] not in ANSWERED:
            return
        self.cached += bool(record.get("cached"))
        self.timings.append({key: record.get(key) for key in TIMING_KEYS})
        self.answered_documents.append(document)
        self.document_counts.append(_extract_counts(record["scores"]))
        for result in record["fields"]:
            self._add_field_result(document, result)
        for path, currency, error in compute_amount_errors(record["fields"]):
            self.amount_errors.setdefault(path, {}).setdefault(currency, []).append(error)

    def _add_field_result(self, document: str, result: Mapping[str, Any]) -> None:
        if result["outcome"] not in JUDGED:
            return
        seen = self.field_outcomes[result["field"]].setdefault(document, {})
        seen[result["outcome"]] = seen.get(result["outcome"], 0) + 1
        kind = result.get("kind") or ("format" if result["outcome"] == "normalized" else None)
        if kind:
            self.error_types[kind] += 1
            if len(self.examples[kind]) < MAX_EXAMPLES:
                keys = ("path", "expected", "actual")
                self.examples[kind].append(
                    {"document": document, **{key: result[key] for key in keys}}
                )


TIMING_KEYS = (
    "elapsed_seconds",
    "cached",
    "environment",
    "measured_at",
    "usage",
    "peak_memory_bytes",
)


def aggregate_records(records: Iterable[Mapping[str, Any]]) -> dict[CandidateKey, CandidateCounts]:
    """Counts for every suite x model x prompt, in the order in which they first appear."""
    tallies: dict[CandidateKey, CandidateCounts] = {}
    for record in records:
        key = CandidateKey.from_record(record)
        tallies.setdefault(key, CandidateCounts(key)).add_record(record)
    return tallies


def _extract_counts(scores: Mapping[str, Any]) -> list[int]:
    right = scores.get("document_right")
    judged = [int(bool(right)), int(right is not None)]
    return [int(scores.get(name) or 0) for name in COUNT_COLUMNS[:-2]] + judged
