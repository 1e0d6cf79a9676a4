"""Counts -> figures with intervals, one summary for every suite x model x prompt.

How the intervals are made stands in `vlm_lab.analysis.intervals`.

python tools/bench_statistics.py
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vlm_lab.analysis.aggregation import (
    COUNT_COLUMNS,
    NO_CLUSTERS,
    CandidateCounts,
    aggregate_records,
)
from vlm_lab.analysis.amount_errors import sum_amount_errors
from vlm_lab.analysis.intervals import estimate_ratios
from vlm_lab.analysis.labelled_share import estimate_labelled_share
from vlm_lab.analysis.speed import summarize_speed
from vlm_lab.analysis.units import Array
from vlm_lab.messages import Message
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


def compute_field_ratios(counts: CandidateCounts, path: str) -> tuple[Array, Array]:
    """How often a field is right in each document, and how often it is judged; each documents x
    1."""
    outcome_counts = counts.count_field_outcomes(path)
    correct_columns = [JUDGED.index(outcome) for outcome in CORRECT]
    correct = outcome_counts[:, correct_columns].sum(-1, keepdims=True)
    return correct, outcome_counts.sum(-1, keepdims=True)


def _sum_columns(counts: Array, names: Sequence[str]) -> Array:
    return np.asarray(counts[:, [COUNT_COLUMNS.index(name) for name in names]].sum(-1))


def summarize_records(
    records: Iterable[Record],
    models: Sequence[Model],
    planned: Mapping[CandidateKey, Sequence[str]],
    seed: int = 0,
    clusters: Mapping[str, str] = NO_CLUSTERS,
) -> list[Summary]:
    """One summary for each planned suite x model x prompt; a planned cell without a record is
    `not_run`. `clusters` has the tag that groups a suite's documents."""
    return summarize_counts(aggregate_records(records, clusters), models, planned, seed)


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
        document: counts.statuses.get(document, "not_run")
        for document in planned_documents
        if document not in counts.left_out
    }
    suite, model_name, prompt_id = counts.candidate
    estimates_by_group = _estimate_scores(counts, seed)
    return Summary(
        suite=suite,
        model=model_name,
        prompt_id=prompt_id,
        documents=len(statuses),
        left_out=sum(document in counts.left_out for document in planned_documents),
        statuses=dict(Counter(statuses.values())),
        unanswered=_list_unanswered(counts, statuses),
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
        speed=summarize_speed(counts, model),
        amount_error=sum_amount_errors(counts.amount_errors),
        labelled_share=estimate_labelled_share(counts, seed),
    )


def _list_unanswered(
    counts: CandidateCounts, statuses: Mapping[str, str]
) -> dict[str, tuple[str, str | Message]]:
    """Each document that is not simply answered, with status and reason; those that the candidate
    is not judged by at the end."""
    unanswered: dict[str, tuple[str, str | Message]] = {
        document: (status, counts.reasons.get(document, ""))
        for document, status in statuses.items()
        if status not in ("ok", "dry_run")
    }
    for document, reason in counts.left_out.items():
        unanswered[document] = "left_out", reason
    return unanswered


def _estimate_scores(counts: CandidateCounts, seed: int) -> dict[str, dict[str, Estimate]]:
    """Scores under "", accuracies of fields under "field", headline scores under each tag; all in
    one resampling.

    A field's accuracy is right / (right + wrong + missing + spurious).
    """
    numerators, denominators = compute_score_ratios(counts.count_matrix)
    names = [("", name) for name in SCORES]
    blocks = [(numerators, denominators)]
    for path in counts.field_outcomes:
        names.append(("field", path))
        blocks.append(compute_field_ratios(counts, path))
    for tag, mask in _build_tag_masks(counts).items():
        for name in ("field_f1", "documents_right"):
            column = list(SCORES).index(name)
            names.append((tag, name))
            blocks.append((numerators[:, [column]] * mask, denominators[:, [column]] * mask))
    all_numerators, all_denominators = (
        np.concatenate(arrays, -1) for arrays in zip(*blocks, strict=True)
    )
    units = counts.index_units(counts.answered_documents)
    weights = counts.label_weights[:, None]
    estimates = estimate_ratios(all_numerators * weights, all_denominators * weights, seed, units)
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
