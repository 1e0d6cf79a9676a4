"""Counts -> figures with intervals, one summary for every suite x model x prompt.

Intervals are percentile bootstrap over documents (Efron & Tibshirani 1993, ch. 13), seeded: the fields of one invoice
stand or fall together, so documents are what is resampled. Percentile, because BCa has no answer for a model that is
right everywhere.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_lab.tally import COUNTS, OUTCOMES, Key, Tally, tally
from vlm_lab.types import Estimate, FieldSummary, Model, Speed, Summary

RESAMPLES = 10_000
LEVEL = 0.95
Array = NDArray[np.float64]
Ratio = Callable[[Array], Array]  # sums (..., columns) -> figure (...)
_AT = {name: place for place, name in enumerate(COUNTS)}


def _f1(numerator: Sequence[str], expected: Sequence[str], given: Sequence[str]) -> Ratio:
    right, wanted, said = ([_AT[name] for name in names] for names in (numerator, expected, given))
    return lambda sums: _divide(2 * sums[..., right].sum(-1), sums[..., wanted].sum(-1) + sums[..., said].sum(-1))


def _share(numerator: Sequence[str], denominator: Sequence[str]) -> Ratio:
    top, bottom = ([_AT[name] for name in names] for names in (numerator, denominator))
    return lambda sums: _divide(sums[..., top].sum(-1), sums[..., bottom].sum(-1))


def _divide(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top / bottom)


_RIGHT = ("exact", "normalized")
_EXPECTED, _GIVEN = (*_RIGHT, "wrong", "missing"), (*_RIGHT, "wrong", "spurious")
_CELLS = [[f"cells_{name}" for name in names] for names in (_RIGHT, _EXPECTED, _GIVEN)]
SCORES: dict[str, Ratio] = {
    "field_f1": _f1(_RIGHT, _EXPECTED, _GIVEN),
    "field_f1_strict": _f1(("exact",), _EXPECTED, _GIVEN),
    "precision": _share(_RIGHT, _GIVEN),
    "recall": _share(_RIGHT, _EXPECTED),
    "row_f1": _f1(("rows_right",), ("rows_expected",), ("rows_predicted",)),
    "cell_f1": _f1(*_CELLS),
    "documents_right": _share(("document_right",), ("documents_judged",)),
}


@lru_cache(maxsize=8)
def weights(documents: int, seed: int, resamples: int = RESAMPLES) -> NDArray[np.float32]:
    """resamples x documents: how often each document is drawn. The same draw for all models: comparisons are paired."""
    draw = np.random.default_rng(seed)
    return draw.multinomial(documents, np.full(documents, 1 / documents), size=resamples).astype(np.float32)


def estimate(counts: Array, ratio: Ratio, seed: int = 0) -> Estimate:
    """A ratio of sums over documents (rows of `counts`) with its interval; below two documents there is none."""
    judged = counts[counts.sum(-1) > 0]
    n = len(judged)
    value = float(ratio(judged.sum(0))) if n else np.nan
    if not np.isfinite(value):
        return Estimate(None, n=n)
    if n < 2:
        return Estimate(value, n=n)
    drawn = ratio(weights(n, seed) @ judged)
    low, high = np.nanpercentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Estimate(value, float(low), float(high), n)


def summarize(
    records: Iterable[Mapping[str, Any]], models: Sequence[Model], planned: Mapping[Key, Sequence[str]], seed: int = 0
) -> list[Summary]:
    """One summary for each planned suite x model x prompt; a planned cell without a record is `not_run`."""
    tallies = tally(records)
    prices = {model.name: model for model in models}
    return [
        _summary(tallies.get(key, Tally(key)), documents, prices.get(key[1]), seed)
        for key, documents in planned.items()
    ]


def _summary(counted: Tally, planned: Sequence[str], model: Model | None, seed: int) -> Summary:
    statuses = {document: counted.statuses.get(document, "not_run") for document in planned}
    suite, name, prompt_id = counted.key
    speed = _speed(counted, model)
    return Summary(
        suite=suite,
        model=name,
        prompt_id=prompt_id,
        documents=len(planned),
        statuses=dict(Counter(statuses.values())),
        unanswered={
            document: (status, counted.reasons.get(document, ""))
            for document, status in statuses.items()
            if status not in ("ok", "dry_run")
        },
        cached=counted.cached,
        scores={name: estimate(counted.counts, ratio, seed) for name, ratio in SCORES.items()},
        fields={path: _field(counted.field_counts(path), seed) for path in counted.fields},
        tags=_tags(counted, seed),
        kinds=dict(counted.kinds.most_common()),
        examples=dict(counted.examples),
        speed=speed,
    )


def _field(counts: Array, seed: int) -> FieldSummary:
    """Accuracy: right / (right + wrong + missing + spurious)."""
    outcomes = dict(zip(OUTCOMES, counts.sum(0).astype(int).tolist(), strict=True))
    return FieldSummary(outcomes, estimate(counts, lambda sums: _divide(sums[..., :2].sum(-1), sums.sum(-1)), seed))


def _tags(counted: Tally, seed: int) -> dict[str, dict[str, Estimate]]:
    """`language=ru` -> headline figures over the documents that carry it; a tag that tells all apart is a name."""
    groups: dict[str, list[int]] = {}
    for place, document in enumerate(counted.documents):
        for tag, value in counted.tags[document].items():
            groups.setdefault(f"{tag}={value}", []).append(place)
    counts = counted.counts
    return {
        tag: {name: estimate(counts[places], SCORES[name], seed) for name in ("field_f1", "documents_right")}
        for tag, places in sorted(groups.items())
        if len(groups) <= max(12, len(counted.documents) // 2)
    }


def _speed(counted: Tally, model: Model | None) -> Speed:
    """From cases timed in this environment: a cached reply counts when it was measured in the newest one."""
    timed = [row for row in counted.timings if row["elapsed_seconds"] and row["environment"] == _today(counted)]
    seconds = [row["elapsed_seconds"] for row in timed]
    memory = [row["peak_memory_bytes"] for row in timed if row["peak_memory_bytes"]]
    tokens, visual = _known(timed, "output_tokens"), _known(timed, "visual_tokens")
    median = float(np.median(seconds)) if seconds else None
    return Speed(
        timed=len(timed),
        measured_at=max((row["measured_at"] for row in timed if row["measured_at"]), default=None),
        median_seconds=median,
        p95_seconds=float(np.percentile(seconds, 95)) if seconds else None,
        tokens_per_second=sum(tokens) / sum(seconds) if tokens and len(tokens) == len(timed) else None,
        visual_tokens=float(np.median(visual)) if visual else None,
        peak_memory_bytes=max(memory, default=None),
        cost_per_1000=_cost(timed, model.price) if model else None,
    )


def _known(timed: Sequence[Mapping[str, Any]], name: str) -> list[int]:
    counts = [(row["usage"] or {}).get(name) for row in timed]
    return [count for count in counts if count is not None]


def _today(counted: Tally) -> Any:
    fresh = [row["environment"] for row in counted.timings if not row["cached"]]
    return (fresh or [row["environment"] for row in counted.timings] or [None])[-1]


def _cost(timed: Sequence[Mapping[str, Any]], price: Mapping[str, float]) -> float | None:
    """Of 1,000 documents: mean seconds x price an hour, or mean tokens x price a million."""
    if not timed or not price:
        return None
    if "per_hour" in price:
        return float(np.mean([row["elapsed_seconds"] for row in timed])) / 3600 * price["per_hour"] * 1000
    usage = [row["usage"] or {} for row in timed]
    pairs = [(each.get("prompt_tokens"), each.get("output_tokens")) for each in usage]
    if any(None in pair for pair in pairs):
        return None
    spent = [a * price.get("per_million_input", 0) + b * price.get("per_million_output", 0) for a, b in pairs]  # type: ignore[operator]
    return float(np.mean(spent)) / 1e6 * 1000
