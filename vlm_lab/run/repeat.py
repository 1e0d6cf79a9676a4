"""`--probe N`: is a second answer the same? A model is asked again while it is still loaded.

    scripts/bench -k qwen --probe 5

One at a time, and all of them as a batch where the backend can do that: padding and another order
of sums change what a model says even when nothing is drawn. Second replies are compared with the
first ones and then forgotten.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from vlm_lab.analysis.repeatability import (
    REPEAT_MODES,
    AnsweredCase,
    RepeatMode,
    compare_replies,
    group_cases,
    make_empty_probe,
)
from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import UserError
from vlm_lab.messages import Message
from vlm_lab.records.run_folder import read_records
from vlm_lab.types import Case, Generation, Prompt, Record, Repeatability

Reply = TypeVar("Reply")


def repeat_cases(
    candidate: Candidate,
    cases: Sequence[Case],
    folder: Path,
    build_prompt: Callable[[Case], Prompt],
    count: int,
    seed: int,
) -> Iterator[Repeatability]:
    """Asks `count` of a model's cases again, by suite and prompt; `folder` has first answers."""
    for candidate_key, candidate_cases in group_cases(cases).items():
        first_answers = _choose_answered(folder, candidate_cases, count, seed)
        for mode in REPEAT_MODES:
            empty_probe = make_empty_probe(candidate_key, mode)
            reason = _check_measurable(candidate, first_answers, mode)
            if reason:
                yield replace(empty_probe, not_measured=reason)
                continue
            generate = _generate_singly if mode == "alone" else _generate_batch
            prompts = [build_prompt(answer.case) for answer in first_answers]
            second_replies = generate(candidate, prompts)
            yield compare_replies(empty_probe, first_answers, second_replies)


def _choose_answered(
    folder: Path, cases: Sequence[Case], count: int, seed: int
) -> list[AnsweredCase]:
    """The first `count` that have an answer, in an order that depends on seed and document alone:
    it is the same for every candidate."""
    known = {case.key: case for case in cases}
    order = sorted(known, key=lambda key: random.Random(f"{seed} {key[3]}").random())  # noqa: S311 - reproducible
    answered = (
        AnsweredCase(known[record.key], _build_generation(record, record.raw_response))
        for record in read_records(folder, order)
        if record.raw_response is not None
    )
    return list(islice(answered, count))


def _build_generation(record: Record, raw_response: str) -> Generation:
    return Generation(
        raw_response=raw_response,
        page_responses=record.page_responses,
        finish_reason=record.finish_reason,
        cached=record.cached,
    )


def _check_measurable(
    candidate: Candidate, first_answers: Sequence[AnsweredCase], mode: RepeatMode
) -> Message | str:
    """Why there is nothing to measure; "" where there is."""
    if not first_answers:
        return Message("no_first_answer")
    load_error = _run_guarded(candidate.load)
    if load_error:
        return load_error
    if candidate.recorded:
        return Message("replayed")
    if mode == "batch" and len(first_answers) < 2:
        return Message("no_batch")
    if mode == "batch" and not candidate.supports_batches:
        return Message("one_at_a_time", {"backend": candidate.model.backend})
    return ""


def _generate_singly(candidate: Candidate, prompts: Sequence[Prompt]) -> list[Generation | str]:
    """Each prompt's second reply, or why there is none."""
    return [_run_guarded(lambda prompt=prompt: candidate.generate(prompt)) for prompt in prompts]  # type: ignore[misc]


def _generate_batch(candidate: Candidate, prompts: Sequence[Prompt]) -> Sequence[Generation | str]:
    replies = _run_guarded(lambda: candidate.generate_batch(prompts))
    return [replies] * len(prompts) if isinstance(replies, str) else replies


def _run_guarded(generate: Callable[[], Reply]) -> Reply | str:
    """A backend's own mistakes included: every case has its answer, and a probe takes none away."""
    try:
        return generate()
    except Exception as error:
        error_type = error.kind if isinstance(error, UserError) else type(error).__name__
        return f"{error_type}: {error}"
