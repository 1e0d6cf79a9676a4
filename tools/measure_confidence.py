"""How well does what can be known of a value without its reference tell right from wrong? Of run
folders: the area under the ROC curve, and which documents could be booked unseen, by agreement, by
log-probabilities and by a document's own sums.

python tools/measure_confidence.py RUN [RUN ...]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from vlm_lab.analysis.answers import read_suite_fields
from vlm_lab.analysis.value_confidence import assess_confidences
from vlm_lab.decision.run_decisions import find_clusters
from vlm_lab.messages import in_english
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.report.formatting import format_estimate, format_interval
from vlm_lab.types import Confidence, ConfidenceBasis, StraightThrough

HEAD = (
    "| candidate | documents | values | wrong | told by | AUROC | 95 % | booked for 99 %"
    " | booked for 99.5 % |"
)


def main(folders: list[Path]) -> None:
    for folder in folders:
        report = read_report(folder)
        confidences = assess_confidences(
            lambda folder=folder: read_records(folder),  # type: ignore[misc]
            read_suite_fields(report.suites),
            find_clusters(report),
        )
        print(f"{folder.name}\n\n{HEAD}\n{'|---' * HEAD.count(' | ')}|---|")
        for confidence in confidences:
            print("\n".join(format_rows(confidence)))
        print()
        for confidence in confidences:
            counts = ", ".join(f"{name} {count}" for name, count in confidence.measured.items())
            note = f"; {in_english(confidence.note)}" if confidence.note else ""
            print(f"{confidence.candidate.label}: values measured: {counts}{note}")
        print()


def format_rows(confidence: Confidence) -> Iterator[str]:
    """A row for each kind of signals."""
    for basis in confidence.bases:
        cells = (
            confidence.candidate.label,
            confidence.documents,
            confidence.values,
            confidence.wrong,
            *format_basis(basis, is_fitted=not confidence.note),
        )
        yield f"| {' | '.join(map(str, cells))} |"


def format_basis(basis: ConfidenceBasis, is_fitted: bool) -> Iterator[str]:
    yield basis.name if is_fitted else "nothing: all values alike"
    yield format_estimate(basis.auroc)
    yield format_interval(basis.auroc)
    yield from map(format_promise, basis.straight_through)


def format_promise(promise: StraightThrough) -> str:
    """`41 of 65, 1 wrong: 88.9 %`"""
    rate = promise.rate.value
    if promise.booked.low is None or rate is None:
        return "none"
    share = f"{rate:.0%}, {promise.booked.n} documents"
    return f"{share}, {promise.wrong} wrong: at least {promise.booked.low:.1%} right"


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
