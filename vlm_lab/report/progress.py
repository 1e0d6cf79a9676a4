"""The live line of a run: which model, which document of how many, and the time that is left."""

import time
from collections.abc import Sequence

from vlm_lab.types import Case


class Progress:
    """Counts cases as they start; `line` is what a terminal shows while one runs."""

    def __init__(self, plan: Sequence[Case]) -> None:
        self.total = len(plan)
        self.sizes: dict[tuple[str, str], int] = {}
        for case in plan:
            group = case.model.name, case.prompt_id
            self.sizes[group] = self.sizes.get(group, 0) + 1
        self.seen: dict[tuple[str, str], int] = {}
        self.started = time.monotonic()

    def line(self, case: Case) -> str:
        """`qwen2-vl-2b (terse): document 3 of 24, inv_003; 2 min left`"""
        done = sum(self.seen.values())
        group = case.model.name, case.prompt_id
        self.seen[group] = self.seen.get(group, 0) + 1
        place = f"document {self.seen[group]} of {self.sizes.get(group, 0)}, {case.document.id}"
        return f"{case.model.name} ({case.prompt_id}): {place}{self._left(done)}"

    def _left(self, done: int) -> str:
        if not done:
            return ""
        seconds = (time.monotonic() - self.started) / done * (self.total - done)
        return f"; {duration(seconds)} left"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`"""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
