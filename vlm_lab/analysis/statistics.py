"""Counts -> figures with intervals, one summary for every suite x model x prompt.

How the intervals are made stands in `vlm_lab.analysis.intervals`.

python tools/bench_statistics.py
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vlm_lab.analysis.aggregation import (
    COUNT_COLUMNS,
    CandidateCounts,
    ReplyCost,
    aggregate_records,
)
from vlm_lab.analysis.amount_errors import sum_amount_errors
from vlm_lab.analysis.intervals import Array, estimate_ratios
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
    """documents x COUNT_COLUMNS -> numerators and denominators of the named scores, each
    documents x scores."""
    numerators, denominators = [], []
    for name in names:
        numerator_columns, denominator_columns = SCORES[name]
        numerators.append(_sum_columns(counts, numerator_columns))
        denominators.append(
            sum(_sum_columns(counts, columns) for columns in denominator_columns)
            / len(denominator_columns)
        )
    return np.stack(numerators, -1), np.stack(denominators, -1)


def _sum_columns(counts: Array, names: Sequence[str]) -> Array:
    return np.asarray(counts[:, [COUNT_COLUMNS.index(name) for name in names]].sum(-1))


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
    counts_by_candidate: Mapping[CandidateKey, CandidateCounts],
    models: Sequence[Model],
    planned: Mapping[CandidateKey, Sequence[str]],
    seed: int = 0,
) -> list[Summary]:
    """`summarize_records` for records that are counted already."""
    models_by_name = {model.name: model for model in models}
    return [
        _summarize_candidate(
            counts_by_candidate.get(candidate, CandidateCounts(candidate)),
            planned_documents,
            models_by_name.get(candidate.model),
            seed,
        )
        for candidate, planned_documents in planned.items()
    ]


def _summarize_candidate(
    counts: CandidateCounts, planned_documents: Sequence[str], model: Model | None, seed: int
) -> Summary:
    statuses = {
        document: counts.statuses.get(document, "not_run") for document in planned_documents
    }
    suite, model_name, prompt_id = counts.candidate
    estimates_by_group = _estimate_scores(counts, seed)
    return Summary(
        suite=suite,
        model=model_name,
        prompt_id=prompt_id,
        documents=len(planned_documents),
        statuses=dict(Counter(statuses.values())),
        unanswered={
            document: (status, counts.reasons.get(document, ""))
            for document, status in statuses.items()
            if status not in ("ok", "dry_run")
        },
        cached=counts.cached,
        scores=estimates_by_group[""],
        fields={
            path: FieldSummary(counts.sum_field_outcomes(path), estimates_by_group["field"][path])
            for path in counts.field_outcomes
        },
        tags={
            tag: tag_estimates
            for tag, tag_estimates in estimates_by_group.items()
            if tag not in ("", "field")
        },
        kinds=dict(counts.error_types.most_common()),
        unmatched=dict(counts.unmatched.most_common()),
        examples=dict(counts.examples),
        speed=_summarize_speed(counts, model),
        amount_error=sum_amount_errors(counts.amount_errors),
    )


def _estimate_scores(counts: CandidateCounts, seed: int) -> dict[str, dict[str, Estimate]]:
    """Scores under "", accuracies of fields under "field", headline scores under each tag; all in
    one resampling.

    A field's accuracy is right / (right + wrong + missing + spurious).
    """
    numerators, denominators = compute_score_ratios(counts.count_matrix)
    names = [("", name) for name in SCORES]
    blocks = [(numerators, denominators)]
    correct_columns = [JUDGED.index(outcome) for outcome in CORRECT]
    for path in counts.field_outcomes:
        outcome_counts = counts.count_field_outcomes(path)
        correct = outcome_counts[:, correct_columns]
        names.append(("field", path))
        blocks.append((correct.sum(-1, keepdims=True), outcome_counts.sum(-1, keepdims=True)))
    for tag, mask in _build_tag_masks(counts).items():
        for name in ("field_f1", "documents_right"):
            column = list(SCORES).index(name)
            names.append((tag, name))
            blocks.append((numerators[:, [column]] * mask, denominators[:, [column]] * mask))
    all_numerators, all_denominators = (
        np.concatenate(arrays, -1) for arrays in zip(*blocks, strict=True)
    )
    estimates = estimate_ratios(all_numerators, all_denominators, seed)
    estimates_by_group: dict[str, dict[str, Estimate]] = {"": {}, "field": {}}
    for (group, name), estimate in zip(names, estimates, strict=True):
        estimates_by_group.setdefault(group, {})[name] = estimate
    return estimates_by_group


def _build_tag_masks(counts: CandidateCounts) -> dict[str, Array]:
    """`language=ru` -> which documents carry it (documents x 1); a tag that tells all apart is a
    name, and left out."""
    rows_by_tag: dict[str, list[int]] = {}
    for row, document in enumerate(counts.answered_documents):
        for tag, value in counts.tags[document].items():
            rows_by_tag.setdefault(f"{tag}={value}", []).append(row)
    if len(rows_by_tag) > max(12, len(counts.answered_documents) // 2):
        return {}
    all_rows = np.arange(len(counts.answered_documents))
    return {
        tag: np.isin(all_rows, tag_rows)[:, None].astype(np.float64)
        for tag, tag_rows in sorted(rows_by_tag.items())
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
