"""The live line of a run: model, document of how many, F1 and errors so far, time that is left."""

import time
from collections.abc import Sequence

from vlm_lab.scoring.counts import compute_f1
from vlm_lab.types import CORRECT, EXPECTED, PREDICTED, Case, Record


class Progress:
    """Counts cases as they start and are written; makes the line that a terminal shows."""

    def __init__(self, plan: Sequence[Case]) -> None:
        self.total, self.done_count, self.error_count = len(plan), 0, 0
        self.case_counts: dict[tuple[str, str], int] = {}
        self.started_counts: dict[tuple[str, str], int] = {}
        self.f1_counts: dict[tuple[str, str], list[int]] = {}
        for case in plan:
            candidate_key = case.model.name, case.prompt_id
            self.case_counts[candidate_key] = self.case_counts.get(candidate_key, 0) + 1
        self.started = time.monotonic()

    def start_case(self, case: Case) -> str:
        """`qwen2-vl-2b (terse): document 3 of 24, inv_003; F1 0.93 so far; 1 error; 2 min left`"""
        candidate_key = case.model.name, case.prompt_id
        number = self.started_counts.get(candidate_key, 0) + 1
        self.started_counts[candidate_key] = number
        count = self.case_counts.get(candidate_key, 0)
        parts = [
            f"{case.candidate.label}: document {number} of {count}, {case.document.id}",
            self._format_f1(candidate_key),
            self._format_errors(),
            self._format_time_left(),
        ]
        return "; ".join(part for part in parts if part)

    def add_record(self, record: Record) -> None:
        """Takes a written case into account."""
        self.done_count += 1
        self.error_count += record.status == "error"
        candidate_sums = self.f1_counts.setdefault((record.model, record.prompt_id), [0, 0, 0])
        for index, outcomes in enumerate((CORRECT, EXPECTED, PREDICTED)):
            candidate_sums[index] += sum(record.scores.get(outcome, 0) for outcome in outcomes)

    def _format_f1(self, candidate_key: tuple[str, str]) -> str:
        if candidate_key not in self.f1_counts:
            return ""
        f1 = compute_f1(*self.f1_counts[candidate_key])
        return "" if f1 is None else f"F1 {f1:.2f} so far"

    def _format_errors(self) -> str:
        if not self.error_count:
            return ""
        return f"{self.error_count} error{'s' if self.error_count > 1 else ''}"

    def _format_time_left(self) -> str:
        if not self.done_count:
            return ""
        seconds_per_case = (time.monotonic() - self.started) / self.done_count
        return f"{format_duration(seconds_per_case * (self.total - self.done_count))} left"


def format_duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`"""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
