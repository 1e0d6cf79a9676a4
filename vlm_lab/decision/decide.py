"""Figures -> a word for each model: chosen, rejected or needs_more_data, and what would change it.

A model meets the rules only when every interval lies wholly on the right side; it is rejected when one lies wholly on
the wrong side; else it needs more data. Of those that meet them, the best on the first figure of `prefer` is chosen,
together with all that cannot be told from it; what is clearly worse is rejected. Nothing is chosen from a dry run, or
while cells were skipped or not run.

vlm-lab decide last
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlm_lab.analysis.aggregation import Tally, tally
from vlm_lab.analysis.comparison import adjusted, compare_all
from vlm_lab.analysis.statistics import SCORES
from vlm_lab.decision.requirements import LIMITS, Check, check, figure
from vlm_lab.messages import Reason
from vlm_lab.types import About, CandidateKey, Comparison, Decision, Model, Report, Rules, Summary, Verdict

ALIKE = 0.1  # seconds, bytes and money that differ by less than this share are not told apart
NEVER_ASKED = {"skipped", "not_run"}


@dataclass(frozen=True, slots=True)
class _Word:
    """What one candidate comes to by itself, before it is held against the others."""

    summary: Summary
    checks: tuple[Check, ...]
    blocked: tuple[Reason, ...]
    prompts: int

    @property
    def key(self) -> tuple[str, str]:
        """Model and prompt, as comparisons name it."""
        return self.summary.model, self.summary.prompt_id

    @property
    def verdict(self) -> Verdict:
        if self.blocked:
            return "needs_more_data"
        states = {each.state for each in self.checks}
        return "rejected" if "failed" in states else "needs_more_data" if "open" in states else "chosen"


def decide(
    summaries: Sequence[Summary],
    comparisons: Sequence[Comparison],
    models: Sequence[Model],
    rules: Rules,
    verified: Mapping[str, bool],
) -> list[Decision]:
    """One decision for each suite x model, the chosen first. `verified` is by suite; `comparisons` are a run's."""
    rules = rules if rules.prefer else replace(rules, prefer=("field_f1",))
    decisions = []
    for suite in dict.fromkeys(summary.suite for summary in summaries):
        own = [summary for summary in summaries if summary.suite == suite]
        words = [_best(own, name, rules) for name in dict.fromkeys(summary.model for summary in own)]
        paired = [each for each in comparisons if each.suite == suite]
        pipelines = {model.name for model in models if model.backend == "replay"}
        today = next((word for word in words if word.summary.model in pipelines), None)
        decisions += _decisions(words, paired, rules, today, verified.get(suite, False))
    return decisions


def comparisons_for(tallies: Mapping[CandidateKey, Tally], rules: Rules) -> list[Comparison]:
    """All that `decide` needs: every pair on the headline, and on the figure that is preferred first."""
    first = [name for name in rules.prefer[:1] if name in SCORES]
    return adjusted([each for score in dict.fromkeys(("field_f1", *first)) for each in compare_all(tallies, score)])


def decide_run(report: Report, records: Iterable[Mapping[str, Any]], rules: Rules) -> list[Decision]:
    """The decisions from a finished run, under rules that may have changed since; none from a part of a suite, none
    about a candidate that was not asked."""
    verified = {suite["name"]: bool(suite["verified"]) for suite in report.suites}
    partial = report.run.get("partial") or ()
    asked = [each for each in report.summaries if each.suite not in partial and each.statuses.keys() - NEVER_ASKED]
    return decide(asked, comparisons_for(tally(records), rules), report.models, rules, verified)


def _decisions(
    words: Sequence[_Word], paired: Sequence[Comparison], rules: Rules, today: _Word | None, verified: bool
) -> list[Decision]:
    words = sorted(words, key=lambda word: _rank(word, rules))
    met = [word for word in words if word.verdict == "chosen"]
    leader = _leader(met, rules)
    tied = [word for word in met if leader and not _worse(word, leader, paired, rules)]
    tied.sort(key=lambda word: [_cost(word, name) for name in (*rules.prefer[1:], "cost_per_1000", "median_seconds")])
    made = []
    for word in [*tied, *(word for word in words if word not in tied)]:
        beaten = [_beaten(word, leader, paired, rules)] if word in met and word not in tied and leader else []
        alike = [other.summary.model for other in tied if other is not word] if word in tied else []
        reasons: dict[About, tuple[Reason, ...]] = {
            "evidence": _met(word),
            "against": (*beaten, *_against(word, alike, verified)),
            "pipeline": _beside(word, today, paired),
        }
        made.append(_decision(word, "rejected" if beaten else word.verdict, reasons, verified))
    return made


def _decision(word: _Word, verdict: Verdict, reasons: Mapping[About, tuple[Reason, ...]], verified: bool) -> Decision:
    return Decision(
        suite=word.summary.suite,
        model=word.summary.model,
        prompt_id=word.summary.prompt_id,
        verdict=verdict,
        reasons=reasons,
        more_documents=_more(word),
        verified=verified,
    )


def _best(own: Sequence[Summary], model: str, rules: Rules) -> _Word:
    """The word of a model's best prompt: one that meets the rules, else one that may, else the least bad."""
    candidates = [summary for summary in own if summary.model == model]
    prompts = sum(any(each.value is not None for each in summary.scores.values()) for summary in candidates)
    words = [
        _Word(
            summary,
            tuple(check(summary, name, rule, max(1, prompts)) for name, rule in rules.require.items()),
            tuple(_blocked(summary)),
            prompts,
        )
        for summary in candidates
    ]
    return min(words, key=lambda word: _rank(word, rules))


def _blocked(summary: Summary) -> list[Reason]:
    """Why nothing can be chosen from this, whatever the figures."""
    if not summary.documents:
        return [Reason("no_document")]
    return [
        Reason(name, {"n": count, "documents": summary.documents})
        for name in ("dry_run", "skipped", "not_run")
        if (count := summary.statuses.get(name))
    ]


def _rank(word: _Word, rules: Rules) -> tuple[float, ...]:
    order = ("chosen", "needs_more_data", "rejected").index(word.verdict)
    return (order, bool(word.blocked), *(_cost(word, name) for name in rules.prefer))


def _cost(word: _Word, name: str) -> float:
    """Smaller is better, whichever way the figure counts; what is not measured comes last."""
    if name in LIMITS:
        value = LIMITS[name](word.summary) if word.summary.documents else None
        return float("inf") if value is None else value
    found = figure(word.summary, name)
    return float("inf") if found is None or found.value is None else -found.value


def _leader(met: Sequence[_Word], rules: Rules) -> _Word | None:
    return min(met, key=lambda word: _cost(word, rules.prefer[0])) if met else None


def _worse(word: _Word, leader: _Word, paired: Sequence[Comparison], rules: Rules) -> bool:
    """Whether this one is told from the leader on the figure that is preferred first."""
    name = rules.prefer[0]
    if word is leader:
        return False
    if name in LIMITS:
        return _cost(word, name) > (1 + ALIKE) * _cost(leader, name)
    found = _between(paired, leader.key, word.key, name)
    return bool(found and found.decided and (found.difference.value or 0) * _sign(found, leader.key) > 0)


def _between(
    paired: Sequence[Comparison], first: tuple[str, str], second: tuple[str, str], score: str
) -> Comparison | None:
    return next((each for each in paired if {each.first, each.second} == {first, second} and each.score == score), None)


def _sign(compared: Comparison, first: tuple[str, str]) -> int:
    return 1 if compared.first == first else -1


def _beaten(word: _Word, leader: _Word, paired: Sequence[Comparison], rules: Rules) -> Reason:
    return Reason("beaten", {"what": _difference(leader, word, paired, rules.prefer[0])})


def _difference(first: _Word, second: _Word, paired: Sequence[Comparison], score: str) -> Reason:
    """`a differs by +0.031 (+0.012 to +0.050) in field_f1 on 120 documents`"""
    found = _between(paired, first.key, second.key, score)
    figures: dict[str, Any] = {"model": first.summary.candidate.label, "name": score}
    if found is None or found.difference.value is None:
        return Reason("better", figures)
    sign = _sign(found, first.key)
    figures |= {"value": sign * found.difference.value, "n": found.difference.n}
    ends = [sign * end for end in (found.difference.low, found.difference.high) if end is not None]
    differs = Reason("differs", {**figures, "low": min(ends), "high": max(ends)}) if ends else None
    differs = differs or Reason("differs_somehow", figures)
    return differs if found.decided else Reason("chance", {"what": differs})


def _met(word: _Word) -> tuple[Reason, ...]:
    """The rules that are met for certain; what is open speaks for nobody."""
    met = tuple(each.reason for each in word.checks if each.state == "met")
    return met or (Reason("none_met" if word.checks else "no_rule"),)


def _against(word: _Word, alike: Sequence[str], verified: bool) -> list[Reason]:
    found = [*word.blocked, *(each.reason for each in word.checks if each.state == "failed")]
    found += [Reason("open", {"what": each.reason}) for each in word.checks if each.state == "open"]
    found += [Reason("alike", {"models": ", ".join(alike)})] if alike else []
    found += [Reason("best_prompt", {"n": word.prompts})] if word.prompts > 1 else []
    return found if verified else [*found, Reason("unverified")]


def _more(word: _Word) -> int | None:
    """The most that any open rule asks for; None where another open rule cannot be settled by documents."""
    needed = [each.more for each in word.checks if each.state == "open"]
    known = [each for each in needed if each is not None]
    return max(known) if known and len(known) == len(needed) and word.verdict == "needs_more_data" else None


def _beside(word: _Word, today: _Word | None, paired: Sequence[Comparison]) -> tuple[Reason, ...]:
    """How this candidate compares with the user's present pipeline."""
    if today is None or word is today:
        return ()
    found = _between(paired, word.key, today.key, "field_f1")
    model = {"model": today.summary.model}
    if found is None or found.difference.value is None:
        return (Reason("not_compared", model),)
    return (Reason("beside", {**model, "what": _difference(word, today, [found], "field_f1")}),)
