"""First and second replies to the same prompts -> which values flipped, in figures and sentences.

The second is scored as if the first were the reference, so a value that is only written otherwise
is the same. What asks the second time is `vlm_lab.run.repeat`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vlm_lab.messages import Message
from vlm_lab.parsing import parse
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scoring import score_values
from vlm_lab.types import CORRECT, CandidateKey, Case, Generation, Repeatability, ValueChange

RepeatMode = Literal["alone", "batch"]
ProbeKey = tuple[CandidateKey, RepeatMode]
REPEAT_MODES: tuple[RepeatMode, ...] = ("alone", "batch")
MAX_NAMED_FLIPS = 3


@dataclass(frozen=True, slots=True)
class AnsweredCase:
    """A case and its first reply."""

    case: Case
    reply: Generation


def complete_probes(
    found: Mapping[ProbeKey, Repeatability], cases: Iterable[Case], why: Message
) -> list[Repeatability]:
    """One probe for each candidate of a run and each way of asking; one that is missing was not
    measured: `why`."""
    return [
        found.get((key, how)) or replace(make_empty_probe(key, how), not_measured=why)
        for key in group_cases(cases)
        for how in REPEAT_MODES
    ]


def index_probes(probes: Iterable[Repeatability]) -> dict[ProbeKey, Repeatability]:
    """What a probe is known by."""
    return {(each.candidate, each.how): each for each in probes}


def group_cases(cases: Iterable[Case]) -> dict[CandidateKey, list[Case]]:
    """The cases of each suite, model and prompt."""
    groups: dict[CandidateKey, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.candidate, []).append(case)
    return groups


def make_empty_probe(key: CandidateKey, how: RepeatMode) -> Repeatability:
    return Repeatability(**key._asdict(), how=how)


def compare_replies(
    blank: Repeatability, first: Sequence[AnsweredCase], again: Sequence[Generation | str]
) -> Repeatability:
    """What became of each first reply's values."""
    failed = {
        one.case.document.id: other
        for one, other in zip(first, again, strict=True)
        if isinstance(other, str)
    }
    pairs = [
        (one, other)
        for one, other in zip(first, again, strict=True)
        if isinstance(other, Generation)
    ]
    values, flips = 0, list[ValueChange]()
    for one, other in pairs:
        count, changed = _compare_values(one, other)
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


def _compare_values(first: AnsweredCase, again: Generation) -> tuple[int, list[ValueChange]]:
    """How many values the two replies have, and those that differ: the second is scored as if the
    first were the reference, so rows are paired and a value that is only written otherwise is the
    same."""
    document = first.case.document
    suite = document.suite
    before, after = (
        parse(replace(reply, fields=suite.fields)).value for reply in (first.reply, again)
    )
    results = score_values(after, before or {}, suite.fields, suite.conventions).fields
    changed = [
        ValueChange(document.id, each.path, each.expected, each.actual)
        for each in results
        if each.outcome not in CORRECT
    ]
    return len(results), changed


def summarize_probes(probes: Sequence[Repeatability]) -> list[Message]:
    """A line a model and prompt; one for all where none was measured for one and the same
    reason."""
    why = probes[0].not_measured if probes else ""
    if why and all(each.not_measured == why for each in probes):
        return [Message("not_asked_again", {"why": _sanitize_text(why)})]
    found = index_probes(probes)
    candidates = dict.fromkeys(each.candidate for each in probes)
    several = len({key.suite for key in candidates}) > 1
    return [
        Message(
            "asked_again",
            {
                "candidate": terminal_safe(f"{key.suite}, {key.label}" if several else key.label),
                **{
                    how: _summarize_probe(found.get((key, how)) or make_empty_probe(key, how))
                    for how in REPEAT_MODES
                },
            },
        )
        for key in candidates
    ]


def _summarize_probe(probe: Repeatability) -> Message:
    """`1 of 6 values flipped (inv_2: totals.gross), 2 of 3 replies identical`"""
    if probe.not_measured:
        return Message("not_measured", {"why": _sanitize_text(probe.not_measured)})
    counts = {name: getattr(probe, name) for name in ("flipped", "values", "identical", "repeats")}
    failed = Message("no_second_reply", {"n": len(probe.failed)}) if probe.failed else ""
    return Message("flipped", {**counts, "where": _summarize_flips(probe), "failed": failed})


def _summarize_flips(probe: Repeatability) -> Message | str:
    """The first values that flipped, in brackets."""
    places = terminal_safe(
        ", ".join(f"{flip.document}: {flip.path}" for flip in probe.flips[:MAX_NAMED_FLIPS])
    )
    if probe.flipped > MAX_NAMED_FLIPS:
        return Message("more_flips", {"places": places, "n": probe.flipped - MAX_NAMED_FLIPS})
    return f" ({places})" if places else ""


def _sanitize_text(why: Message | str) -> Message | str:
    """An error's own text is from outside."""
    return terminal_safe(why) if isinstance(why, str) else why
