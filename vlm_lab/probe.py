"""`--probe N`: is a second answer the same? A model is asked some of its documents again while it is still loaded.

    scripts/bench -k qwen --probe 5

One at a time, and all of them as a batch where the backend can do that: padding and another order of sums change
what a model says even when nothing is drawn. Second replies are compared with the first ones and then forgotten.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from vlm_lab.backends import Candidate
from vlm_lab.documents import shown
from vlm_lab.errors import UserError
from vlm_lab.outcomes import CORRECT
from vlm_lab.parsing import parse
from vlm_lab.run_folder import case_key, read_records
from vlm_lab.scoring import score_values
from vlm_lab.types import CandidateKey, Case, Flip, Generation, Probe, Prompt, Reason

How = Literal["alone", "batch"]
ProbeKey = tuple[CandidateKey, How]
Reply = TypeVar("Reply")
WAYS: tuple[How, ...] = ("alone", "batch")
FEW = 3


@dataclass(frozen=True, slots=True)
class _Answered:
    """A case and its first reply."""

    case: Case
    reply: Generation


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
            blank = _blank(key, how)
            why_not = _why_not(candidate, first, how)
            if why_not:
                yield replace(blank, not_measured=why_not)
            else:
                again = (_alone if how == "alone" else _batch)(candidate, [prompt_of(each.case) for each in first])
                yield _compared(blank, first, again)


def complete(found: Mapping[ProbeKey, Probe], cases: Iterable[Case], why: Reason) -> list[Probe]:
    """One probe for each candidate of a run and each way of asking; one that is missing was not measured: `why`."""
    return [
        found.get((key, how)) or replace(_blank(key, how), not_measured=why) for key in grouped(cases) for how in WAYS
    ]


def by_key(probes: Iterable[Probe]) -> dict[ProbeKey, Probe]:
    """What a probe is known by."""
    return {(each.candidate, each.how): each for each in probes}


def grouped(cases: Iterable[Case]) -> dict[CandidateKey, list[Case]]:
    """The cases of each suite, model and prompt."""
    groups: dict[CandidateKey, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.candidate, []).append(case)
    return groups


def _blank(key: CandidateKey, how: How) -> Probe:
    return Probe(**key._asdict(), how=how)


def _chosen(folder: Path, cases: Sequence[Case], count: int, seed: int) -> list[_Answered]:
    """The first `count` that have an answer, in an order that depends on seed and document alone: it is the same for
    every candidate."""
    known = {case.key: case for case in cases}
    order = sorted(known, key=lambda key: random.Random(f"{seed} {key[3]}").random())  # noqa: S311 - reproducible
    rows = (row for row in read_records(folder, order) if row["raw_response"] is not None)
    return [_Answered(known[case_key(row)], _reply(row)) for row in islice(rows, count)]


def _reply(row: Mapping[str, Any]) -> Generation:
    return Generation(
        raw_response=row["raw_response"],
        page_responses=tuple(row["page_responses"]),
        finish_reason=row["finish_reason"],
        cached=row["cached"],
    )


def _why_not(candidate: Candidate, first: Sequence[_Answered], how: How) -> Reason | str:
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


def _compared(blank: Probe, first: Sequence[_Answered], again: Sequence[Generation | str]) -> Probe:
    """What became of each first reply's values."""
    failed = {one.case.document.id: other for one, other in zip(first, again, strict=True) if isinstance(other, str)}
    pairs = [(one, other) for one, other in zip(first, again, strict=True) if isinstance(other, Generation)]
    values, flips = 0, list[Flip]()
    for one, other in pairs:
        count, changed = _changed(one, other)
        values += count
        flips += changed
    return replace(
        blank,
        documents=tuple(each.case.document.id for each in first),
        cached=sum(each.reply.cached for each in first),
        repeats=len(pairs),
        identical=sum(one.reply.raw_response == other.raw_response for one, other in pairs),
        values=values,
        flipped=len(flips),
        flips=tuple(flips),
        failed=failed,
        not_measured="" if pairs else next(iter(failed.values())),
    )


def _changed(first: _Answered, again: Generation) -> tuple[int, list[Flip]]:
    """How many values the two replies have, and those that differ: the second is scored as if the first were the
    reference, so rows are paired and a value that is only written otherwise is the same."""
    document = first.case.document
    suite = document.suite
    before = parse(first.reply).value or {}
    results = score_values(parse(again).value, before, suite.fields, suite.conventions).fields
    changed = [
        Flip(document.id, each.path, each.expected, each.actual) for each in results if each.outcome not in CORRECT
    ]
    return len(results), changed


def lines(probes: Sequence[Probe]) -> list[Reason]:
    """A line a model and prompt; one for all where none was measured for one and the same reason."""
    why = probes[0].not_measured if probes else ""
    if why and all(each.not_measured == why for each in probes):
        return [Reason("not_asked_again", {"why": _safe(why)})]
    found = by_key(probes)
    candidates = dict.fromkeys(each.candidate for each in probes)
    several = len({key.suite for key in candidates}) > 1
    return [
        Reason(
            "asked_again",
            {
                "candidate": shown(f"{key.suite}, {key.label}" if several else key.label),
                **{how: _said(found.get((key, how)) or _blank(key, how)) for how in WAYS},
            },
        )
        for key in candidates
    ]


def _said(probe: Probe) -> Reason:
    """`1 of 6 values flipped (inv_2: totals.gross), 2 of 3 replies identical`"""
    if probe.not_measured:
        return Reason("not_measured", {"why": _safe(probe.not_measured)})
    counts = {name: getattr(probe, name) for name in ("flipped", "values", "identical", "repeats")}
    failed = Reason("no_second_reply", {"n": len(probe.failed)}) if probe.failed else ""
    return Reason("flipped", {**counts, "where": _where(probe), "failed": failed})


def _where(probe: Probe) -> Reason | str:
    """The first values that flipped, in brackets."""
    places = shown(", ".join(f"{flip.document}: {flip.path}" for flip in probe.flips[:FEW]))
    if probe.flipped > FEW:
        return Reason("more_flips", {"places": places, "n": probe.flipped - FEW})
    return f" ({places})" if places else ""


def _safe(why: Reason | str) -> Reason | str:
    """An error's own text is from outside."""
    return shown(why) if isinstance(why, str) else why
