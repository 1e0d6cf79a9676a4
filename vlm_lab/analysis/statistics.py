"""Counts -> figures with intervals, one summary for every suite x model x prompt.

Intervals are percentile bootstrap over documents (Efron & Tibshirani 1993, ch. 13), seeded: the
fields of one invoice stand or fall together, so documents are what is resampled. Percentile,
because BCa has no answer for a model that is right everywhere; its percentiles are moved outwards
as Student's t asks (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.3),
without which intervals of 20 documents cover 92 % instead of 95 %.

python tools/bench_statistics.py
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlm_lab.analysis.aggregation import (
    COUNT_COLUMNS,
    CandidateCounts,
    ReplyCost,
    aggregate_records,
)
from vlm_lab.analysis.amount_errors import sum_amount_errors
from vlm_lab.types import (
    CORRECT,
    EXPECTED,
    JUDGED,
    PREDICTED,
    CandidateKey,
    Estimate,
    FieldSummary,
    Model,
    Record,
    Speed,
    Summary,
)

RESAMPLES = 10_000
# resamples x documents: beyond 1,000 documents fewer resamples do, and memory stays flat
MAX_DRAWS = 10_000_000
CONFIDENCE_LEVEL = 0.95
PRIOR_WEIGHT = 0.25  # of a document; tools/simulate_decisions.py shows what it is good for
Array = NDArray[np.float64]
_CELL_COLUMNS = [[f"cells_{name}" for name in names] for names in (CORRECT, EXPECTED, PREDICTED)]
# Each score is a ratio of sums over documents: what is counted above, and the means of what stands
# below.
SCORES: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]] = {
    "field_f1": (CORRECT, [EXPECTED, PREDICTED]),
    "field_f1_strict": (("exact",), [EXPECTED, PREDICTED]),
    "precision": (CORRECT, [PREDICTED]),
    "recall": (CORRECT, [EXPECTED]),
    "row_f1": (("rows_right",), [("rows_expected",), ("rows_predicted",)]),
    "cell_f1": (_CELL_COLUMNS[0], _CELL_COLUMNS[1:]),
    "documents_right": (("document_right",), [("documents_judged",)]),
}


def compute_score_ratios(counts: Array, names: Iterable[str] = SCORES) -> tuple[Array, Array]:
    """documents x COUNTS -> numerators and denominators of the named scores, each documents x
    scores."""
    tops, bottoms = [], []
    for name in names:
        above, below = SCORES[name]
        tops.append(_sum_columns(counts, above))
        bottoms.append(sum(_sum_columns(counts, each) for each in below) / len(below))
    return np.stack(tops, -1), np.stack(bottoms, -1)


def _sum_columns(counts: Array, names: Sequence[str]) -> Array:
    return np.asarray(counts[:, [COUNT_COLUMNS.index(name) for name in names]].sum(-1))


@lru_cache(maxsize=4)
def draw_bootstrap_weights(documents: int, seed: int) -> NDArray[np.float32]:
    """resamples x documents: how often each document is drawn. The same draw for all models:
    comparisons are paired."""
    resamples = max(1000, min(RESAMPLES, MAX_DRAWS // documents))
    drawn = np.random.default_rng(seed).integers(
        documents, size=(resamples, documents), dtype=np.int32
    )
    drawn += np.arange(0, resamples * documents, documents, dtype=np.int32)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float32)


def resample_ratios(tops: Array, bottoms: Array, seed: int = 0) -> Array:
    """resamples x figures: each figure (a sum over a sum) in every resample of the documents; NaN
    where 0 / 0."""
    sums = draw_bootstrap_weights(len(tops), seed) @ np.concatenate([tops, bottoms], -1).astype(
        np.float32
    )
    above, below = np.split(sums.astype(np.float64), 2, axis=-1)
    return divide(above, below)


def divide(top: Array, bottom: Array) -> Array:
    """Ratios, NaN where there is nothing to judge."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top / bottom, dtype=np.float64)


def estimate_ratios(tops: Array, bottoms: Array, seed: int = 0) -> list[Estimate]:
    """Each figure with its interval, over the documents that have something to judge; below two
    there is none."""
    judged = ((bottoms > 0) | (tops > 0)).sum(0)
    drawn = resample_ratios(*_add_prior_documents(tops, bottoms, judged), seed)
    values = divide(tops.sum(0), bottoms.sum(0))
    return [
        _build_estimate(float(values[i]), drawn[:, i], int(judged[i])) for i in range(tops.shape[1])
    ]


def _add_prior_documents(
    tops: Array, bottoms: Array, judged: NDArray[np.int64]
) -> tuple[Array, Array]:
    """The documents, and two more that stand for what they do not show: one wholly wrong, one
    wholly right, each of UNSEEN of a document's weight (after Agresti & Coull 1998). Without them
    five of five would be certain."""
    size = PRIOR_WEIGHT * divide(bottoms.sum(0), np.maximum(judged, 1).astype(np.float64))
    return np.vstack([tops, np.zeros_like(size), size]), np.vstack([bottoms, size, size])


def _build_estimate(value: float, drawn: Array, n: int) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None, n=n)
    if n < 2:
        return Estimate(value, n=n)
    low, high = compute_interval(drawn, n)
    return Estimate(value, min(low, value), max(high, value), n)


def compute_interval(drawn: Array, n: int) -> tuple[float, float]:
    """The percentiles of the resamples that stand for 2.5 % and 97.5 % with n documents."""
    tail = _compute_t_percentile(n)
    low, high = np.quantile(drawn[np.isfinite(drawn)], [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=4096)
def _compute_t_percentile(n: int) -> float:
    """The percentile that stands for 2.5 % with n documents."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(stdtrit(n - 1, (1 - CONFIDENCE_LEVEL) / 2) * np.sqrt(n / (n - 1))))


def summarize_records(
    records: Iterable[Record],
    models: Sequence[Model],
    planned: Mapping[CandidateKey, Sequence[str]],
    seed: int = 0,
) -> list[Summary]:
    """One summary for each planned suite x model x prompt; a planned cell without a record is
    `not_run`."""
    return summarize_counts(aggregate_records(records), models, planned, seed)


def summarize_counts(
    tallies: Mapping[CandidateKey, CandidateCounts],
    models: Sequence[Model],
    planned: Mapping[CandidateKey, Sequence[str]],
    seed: int = 0,
) -> list[Summary]:
    """`summarize` for records that are counted already."""
    known = {model.name: model for model in models}
    return [
        _summarize_candidate(
            tallies.get(key, CandidateCounts(key)), documents, known.get(key.model), seed
        )
        for key, documents in planned.items()
    ]


def _summarize_candidate(
    counted: CandidateCounts, planned: Sequence[str], model: Model | None, seed: int
) -> Summary:
    statuses = {document: counted.statuses.get(document, "not_run") for document in planned}
    suite, name, prompt_id = counted.candidate
    figures = _estimate_scores(counted, seed)
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
        scores=figures[""],
        fields={
            path: FieldSummary(counted.sum_field_outcomes(path), figures["field"][path])
            for path in counted.field_outcomes
        },
        tags={tag: found for tag, found in figures.items() if tag not in ("", "field")},
        kinds=dict(counted.error_types.most_common()),
        examples=dict(counted.examples),
        speed=_summarize_speed(counted, model),
        amount_error=sum_amount_errors(counted.amount_errors),
    )


def _estimate_scores(counted: CandidateCounts, seed: int) -> dict[str, dict[str, Estimate]]:
    """Scores under "", accuracies of fields under "field", headline scores under each tag; all in
    one resampling.

    A field's accuracy is right / (right + wrong + missing + spurious).
    """
    tops, bottoms = compute_score_ratios(counted.count_matrix)
    names = [("", name) for name in SCORES]
    blocks = [(tops, bottoms)]
    for path in counted.field_outcomes:
        counts = counted.count_field_outcomes(path)
        correct = counts[:, [JUDGED.index(outcome) for outcome in CORRECT]]
        names.append(("field", path))
        blocks.append((correct.sum(-1, keepdims=True), counts.sum(-1, keepdims=True)))
    for tag, inside in _build_tag_masks(counted).items():
        for name in ("field_f1", "documents_right"):
            column = list(SCORES).index(name)
            names.append((tag, name))
            blocks.append((tops[:, [column]] * inside, bottoms[:, [column]] * inside))
    above, below = (np.concatenate(part, -1) for part in zip(*blocks, strict=True))
    figures: dict[str, dict[str, Estimate]] = {"": {}, "field": {}}
    for (group, name), found in zip(names, estimate_ratios(above, below, seed), strict=True):
        figures.setdefault(group, {})[name] = found
    return figures


def _build_tag_masks(counted: CandidateCounts) -> dict[str, Array]:
    """`language=ru` -> which documents carry it (documents x 1); a tag that tells all apart is a
    name, and left out."""
    places: dict[str, list[int]] = {}
    for place, document in enumerate(counted.answered_documents):
        for tag, value in counted.tags[document].items():
            places.setdefault(f"{tag}={value}", []).append(place)
    if len(places) > max(12, len(counted.answered_documents) // 2):
        return {}
    every = np.arange(len(counted.answered_documents))
    return {
        tag: np.isin(every, found)[:, None].astype(np.float64)
        for tag, found in sorted(places.items())
    }


def _summarize_speed(counts: CandidateCounts, model: Model | None) -> Speed:
    """From cases that were timed as those of today were, or, when all replies are cached, as the
    newest of them: on the same device, with the same dtype and attention. `measured_at` says when
    the last of them was."""
    uncached = [cost for cost in counts.reply_costs if not cost.cached]
    newest = max(
        uncached or counts.reply_costs, key=lambda cost: cost.measured_at or "", default=None
    )
    timed = [
        cost
        for cost in counts.reply_costs
        if cost.elapsed_seconds and newest and cost.settings == newest.settings
    ]
    seconds = [cost.elapsed_seconds for cost in timed if cost.elapsed_seconds]
    peak_memory = [cost.peak_memory_bytes for cost in timed if cost.peak_memory_bytes]
    output_tokens = _keep_known(cost.usage.output_tokens for cost in timed)
    visual_tokens = _keep_known(cost.usage.visual_tokens for cost in timed)
    tokens_per_second = None
    if output_tokens and len(output_tokens) == len(timed):
        tokens_per_second = sum(output_tokens) / sum(seconds)
    return Speed(
        timed=len(timed),
        measured_at=max((cost.measured_at for cost in timed if cost.measured_at), default=None),
        median_seconds=float(np.median(seconds)) if seconds else None,
        p95_seconds=float(np.percentile(seconds, 95)) if seconds else None,
        tokens_per_second=tokens_per_second,
        visual_tokens=float(np.median(visual_tokens)) if visual_tokens else None,
        peak_memory_bytes=max(peak_memory, default=None),
        cost_per_1000=_compute_cost(timed, seconds, model.price) if model else None,
    )


def _keep_known(counts: Iterable[int | None]) -> list[int]:
    return [count for count in counts if count is not None]


def _compute_cost(
    timed: Sequence[ReplyCost], seconds: Sequence[float], price: Mapping[str, float]
) -> float | None:
    """Of 1,000 documents: mean seconds x price an hour, or mean tokens x price a million."""
    if not timed or not price:
        return None
    if "per_hour" in price:
        return float(np.mean(seconds)) / 3600 * price["per_hour"] * 1000
    prices = []
    for cost in timed:
        prompt_tokens, output_tokens = cost.usage.prompt_tokens, cost.usage.output_tokens
        if prompt_tokens is None or output_tokens is None:
            return None
        input_price = prompt_tokens * price.get("per_million_input", 0)
        prices.append(input_price + output_tokens * price.get("per_million_output", 0))
    return float(np.mean(prices)) / 1e6 * 1000
