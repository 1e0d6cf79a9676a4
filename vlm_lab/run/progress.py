"""The live line of a run: which model, which document of how many, how it goes, and the time that
is left."""

import time
from collections.abc import Sequence

from vlm_lab.scoring.counts import compute_f1
from vlm_lab.types import CORRECT, EXPECTED, PREDICTED, Case, Record


class Progress:
    """Counts cases as they start and are written; `line` is what a terminal shows while one
    runs."""

    def __init__(self, plan: Sequence[Case]) -> None:
        self.total, self.done, self.errors = len(plan), 0, 0
        self.sizes: dict[tuple[str, str], int] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.sums: dict[tuple[str, str], list[int]] = {}
        for case in plan:
            group = case.model.name, case.prompt_id
            self.sizes[group] = self.sizes.get(group, 0) + 1
        self.started = time.monotonic()

    def line(self, case: Case) -> str:
        """`qwen2-vl-2b (terse): document 3 of 24, inv_003; F1 0.93 so far; 1 error; 2 min left`"""
        group = case.model.name, case.prompt_id
        self.seen[group] = self.seen.get(group, 0) + 1
        place = f"document {self.seen[group]} of {self.sizes.get(group, 0)}, {case.document.id}"
        said = [f"{case.candidate.label}: {place}", self._f1(group), self._errors(), self._left()]
        return "; ".join(part for part in said if part)

    def note(self, record: Record) -> None:
        """Takes a written case into account."""
        self.done += 1
        self.errors += record.status == "error"
        sums = self.sums.setdefault((record.model, record.prompt_id), [0, 0, 0])
        for place, outcomes in enumerate((CORRECT, EXPECTED, PREDICTED)):
            sums[place] += sum(record.scores.get(outcome, 0) for outcome in outcomes)

    def _f1(self, group: tuple[str, str]) -> str:
        value = compute_f1(*self.sums[group]) if group in self.sums else None
        return "" if value is None else f"F1 {value:.2f} so far"

    def _errors(self) -> str:
        return f"{self.errors} error{'s' if self.errors > 1 else ''}" if self.errors else ""

    def _left(self) -> str:
        if not self.done:
            return ""
        return f"{format_duration((time.monotonic() - self.started) / self.done * (self.total - self.done))} left"


def format_duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`"""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
