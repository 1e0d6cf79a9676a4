"""`--probe N`: is a second answer the same? A model is asked some of its documents again while it is still loaded.

    scripts/bench -k qwen --probe 5

One at a time, and all of them as a batch where the backend can do that: padding and another order of sums change
what a model says even when nothing is drawn. Second replies are compared with the first ones and then forgotten.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from vlm_lab.analysis.repeatability import WAYS, Answered, How, blank_probe, compared, grouped
from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import UserError
from vlm_lab.messages import Reason
from vlm_lab.records.run_folder import case_key, read_records
from vlm_lab.types import Case, Generation, Probe, Prompt

Reply = TypeVar("Reply")


def probe(
    candidate: Candidate,
    cases: Sequence[Case],
    folder: Path,
    prompt_of: Callable[[Case], Prompt],
    count: int,
    seed: int,
) -> Iterator[Probe]:
    """Asks `count` of one model's `cases`, for each suite and prompt, again; first answers are in the run's folder."""
    for key, group in grouped(cases).items():
        first = _chosen(folder, group, count, seed)
        for how in WAYS:
            blank = blank_probe(key, how)
            why_not = _why_not(candidate, first, how)
            if why_not:
                yield replace(blank, not_measured=why_not)
            else:
                again = (_alone if how == "alone" else _batch)(candidate, [prompt_of(each.case) for each in first])
                yield compared(blank, first, again)


def _chosen(folder: Path, cases: Sequence[Case], count: int, seed: int) -> list[Answered]:
    """The first `count` that have an answer, in an order that depends on seed and document alone: it is the same for
    every candidate."""
    known = {case.key: case for case in cases}
    order = sorted(known, key=lambda key: random.Random(f"{seed} {key[3]}").random())  # noqa: S311 - reproducible
    rows = (row for row in read_records(folder, order) if row["raw_response"] is not None)
    return [Answered(known[case_key(row)], _reply(row)) for row in islice(rows, count)]


def _reply(row: Mapping[str, Any]) -> Generation:
    return Generation(
        raw_response=row["raw_response"],
        page_responses=tuple(row["page_responses"]),
        finish_reason=row["finish_reason"],
        cached=row["cached"],
    )


def _why_not(candidate: Candidate, first: Sequence[Answered], how: How) -> Reason | str:
    """Why there is nothing to measure; "" where there is."""
    if not first:
        return Reason("no_first_answer")
    broken = _guarded(candidate.load)
    if broken:
        return broken
    if candidate.recorded:
        return Reason("replayed")
    if how == "batch" and len(first) < 2:
        return Reason("no_batch")
    if how == "batch" and not candidate.batches:
        return Reason("one_at_a_time", {"backend": candidate.model.backend})
    return ""


def _alone(candidate: Candidate, prompts: Sequence[Prompt]) -> list[Generation | str]:
    """Each prompt's second reply, or why there is none."""
    return [_guarded(lambda prompt=prompt: candidate.generate(prompt)) for prompt in prompts]  # type: ignore[misc]


def _batch(candidate: Candidate, prompts: Sequence[Prompt]) -> Sequence[Generation | str]:
    replies = _guarded(lambda: candidate.generate_batch(prompts))
    return [replies] * len(prompts) if isinstance(replies, str) else replies


def _guarded(ask: Callable[[], Reply]) -> Reply | str:
    """A backend's own mistakes included: every case has its answer already, and a probe takes none away."""
    try:
        return ask()
    except Exception as error:
        kind = error.kind if isinstance(error, UserError) else type(error).__name__
        return f"{kind}: {error}"
