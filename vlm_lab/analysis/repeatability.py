"""First and second replies to the same prompts -> which values flipped, in figures and sentences.

The second is scored as if the first were the reference, so a value that is only written otherwise
is the same. What asks the second time is `vlm_lab.run.repeat`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vlm_lab.messages import Reason
from vlm_lab.parsing import parse
from vlm_lab.sanitize import shown
from vlm_lab.scoring import score_values
from vlm_lab.types import CORRECT, CandidateKey, Case, Flip, Generation, Probe

How = Literal["alone", "batch"]
ProbeKey = tuple[CandidateKey, How]
WAYS: tuple[How, ...] = ("alone", "batch")
FEW = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """A case and its first reply."""

    case: Case
    reply: Generation


def complete(found: Mapping[ProbeKey, Probe], cases: Iterable[Case], why: Reason) -> list[Probe]:
    """One probe for each candidate of a run and each way of asking; one that is missing was not measured: `why`."""
    return [
        found.get((key, how)) or replace(blank_probe(key, how), not_measured=why)
        for key in grouped(cases)
        for how in WAYS
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


def blank_probe(key: CandidateKey, how: How) -> Probe:
    return Probe(**key._asdict(), how=how)


def compared(blank: Probe, first: Sequence[Answered], again: Sequence[Generation | str]) -> Probe:
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


def _changed(first: Answered, again: Generation) -> tuple[int, list[Flip]]:
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
                **{how: _said(found.get((key, how)) or blank_probe(key, how)) for how in WAYS},
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
