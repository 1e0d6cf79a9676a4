"""Score a file of predictions against references: our score, and the published metrics on the same
pairs.

PAIRS.jsonl has one JSON object a line: "id", "reference" (or "ref") and "prediction" (or "pred"),
both JSON objects; a prediction of null is a document without a usable answer, and counts. The
fields are those that each reference shows.

vlm-lab score PAIRS.jsonl            the totals as a table
vlm-lab score PAIRS.jsonl --json     the totals, and every document's figures
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vlm_lab.metrics import METRIC_LABELS, METRICS, KievalCounts
from vlm_lab.metrics.pairs import PredictionPair, read_pairs
from vlm_lab.registry import resolve_name
from vlm_lab.scoring import score_values
from vlm_lab.scoring.counts import compute_scores
from vlm_lab.types import JUDGED

FIGURE_LABELS = {
    "ours.field_f1": "fields outside lists, right after normalisation, micro F1",
    "ours.field_f1_strict": "the same, exactly right",
    "ours.row_f1": "rows of lists with every labelled cell right",
    "ours.cell_f1": "cells of those rows, right after normalisation",
    "ours.documents_right": "documents with every labelled field right",
    **METRIC_LABELS,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pairs", type=Path, metavar="PAIRS.jsonl")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with every document's figures"
    )


def main(args: argparse.Namespace) -> int:
    documents = [score_pair(pair) for pair in read_pairs(args.pairs)]
    totals = compute_totals(documents)
    if args.json:
        rows = [
            {**document, "kieval": _expand_kieval(document["kieval"])} for document in documents
        ]
        print(json.dumps({"totals": totals, "documents": rows}, ensure_ascii=True, indent=1))
    else:
        print("\n".join(format_totals(totals)))
    return 0


def score_pair(pair: PredictionPair) -> dict[str, Any]:
    """One document: `ours` as `vlm_lab.scoring` counts it, differences, each published metric."""
    is_answered = pair.prediction is not None
    score = score_values(
        pair.prediction, pair.reference, status="ok" if is_answered else "unparsed"
    )
    differences = [
        asdict(result) for result in score.fields if result.outcome not in ("exact", "unlabelled")
    ]
    published_scores = {
        name: resolve_name(name, METRICS, "metric")(pair.reference, pair.prediction)
        for name in METRICS
    }
    return {
        "id": pair.id,
        "answered": is_answered,
        "ours": dict(score.scores),
        "differences": differences,
        **published_scores,
    }


def compute_totals(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of counts with their ratios, and means over all documents of ratios."""
    differences = [result for document in documents for result in document["differences"]]
    error_type_counts = Counter(
        "format" if result["outcome"] == "normalized" else result["kind"] for result in differences
    )
    totals = {
        "documents": len(documents),
        "answered": sum(document["answered"] for document in documents),
    }
    totals["ours"] = _micro_average([document["ours"] for document in documents])
    totals["kinds"] = {name: count for name, count in error_type_counts.most_common() if name}
    kieval_counts = (document["kieval"] for document in documents)
    totals["kieval"] = _expand_kieval(sum(kieval_counts, KievalCounts()))
    for metric in METRICS:
        if metric != "kieval":
            totals[metric] = sum(document[metric] for document in documents) / len(documents)
    return totals


def _micro_average(document_scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Micro averages: the ratios of the sums, where a document's were those of its own counts."""
    count_sums: Counter[str] = Counter()
    for scores in document_scores:
        count_sums.update({name: value for name, value in scores.items() if type(value) is int})
    cell_counts: dict[str, int] = {outcome: count_sums[f"cells_{outcome}"] for outcome in JUDGED}
    micro_averages = compute_scores(count_sums, cell_counts, count_sums)
    micro_averages.pop("document_right", None)
    flags = [scores["document_right"] for scores in document_scores]
    judged_flags = [flag for flag in flags if flag is not None]
    share = sum(judged_flags) / len(judged_flags) if judged_flags else None
    return {**micro_averages, "documents_right": share}


def _expand_kieval(counts: KievalCounts) -> dict[str, Any]:
    return {**counts.ratios, **asdict(counts)}


def format_totals(totals: Mapping[str, Any]) -> Iterator[str]:
    """The totals as lines of text."""
    unanswered_count = totals["documents"] - totals["answered"]
    yield f"{totals['documents']} documents, {unanswered_count} without a usable answer\n"
    for name, meaning in FIGURE_LABELS.items():
        group, _, figure = name.partition(".")
        value = totals[group][figure] if figure else totals[group]
        yield f"{name:<22} {'-' if value is None else format(value, '.4f'):>7}  {meaning}".rstrip()
    ours, kieval = totals["ours"], totals["kieval"]
    yield ""
    for title, prefix in (("fields", ""), ("cells", "cells_")):
        counts = ", ".join(f"{ours[prefix + outcome]} {outcome}" for outcome in JUDGED)
        yield f"{title + ':':<8}{counts}"
    if totals["kinds"]:
        yield "kinds:  " + ", ".join(f"{count} {name}" for name, count in totals["kinds"].items())
    names = ("labelled", "exact", "wrong", "unmatched")
    yield "kieval: " + ", ".join(f"{kieval[name]} {name}" for name in names)
