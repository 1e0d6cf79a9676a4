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

from vlm_lab.metrics import METRICS, KievalCounts
from vlm_lab.metrics.pairs import PredictionPair, read_pairs
from vlm_lab.registry import resolve_name
from vlm_lab.scoring import score_values
from vlm_lab.scoring.counts import compute_scores as scores_of
from vlm_lab.types import JUDGED

FIGURE_LABELS = {
    "ours.field_f1": "fields outside lists, right after normalisation, micro F1",
    "ours.field_f1_strict": "the same, exactly right",
    "ours.row_f1": "rows of lists with every labelled cell right",
    "ours.cell_f1": "cells of those rows, right after normalisation",
    "ours.documents_right": "documents with every labelled field right",
    "kieval.entity_f1": "KIEval: exactly equal values in paired rows, micro",
    "kieval.precision": "",
    "kieval.recall": "",
    "kieval.accuracy": "",
    "kieval.aligned": "a missing and an extra value count as one error",
    "anls_star": "ANLS*: similarity of texts, mean of documents",
    "ted": "Donut: tree-edit accuracy, mean of documents",
    "omni": "OmniAI: JSON accuracy, mean of documents",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pairs", type=Path, metavar="PAIRS.jsonl")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with every document's figures"
    )


def main(args: argparse.Namespace) -> int:
    documents = [score_pair(pair) for pair in read_pairs(args.pairs)]
    sums = compute_totals(documents)
    if args.json:
        rows = [
            {**document, "kieval": _expand_kieval(document["kieval"])} for document in documents
        ]
        print(json.dumps({"totals": sums, "documents": rows}, ensure_ascii=True, indent=1))
    else:
        print("\n".join(format_totals(sums)))
    return 0


def score_pair(pair: PredictionPair) -> dict[str, Any]:
    """What one document scores: `ours` as `vlm_lab.scoring` counts it, what is not exact, and each
    published metric."""
    ours = score_values(
        pair.prediction, pair.reference, status="unparsed" if pair.prediction is None else "ok"
    )
    return {
        "id": pair.id,
        "answered": pair.prediction is not None,
        "ours": dict(ours.scores),
        "differences": [
            asdict(result)
            for result in ours.fields
            if result.outcome not in ("exact", "unlabelled")
        ],
        **{
            name: resolve_name(name, METRICS, "metric")(pair.reference, pair.prediction)
            for name in METRICS
        },
    }


def compute_totals(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of counts with their ratios, and means over all documents of what is a ratio by
    itself."""
    means = [name for name in METRICS if name != "kieval"]
    differences = [result for document in documents for result in document["differences"]]
    kinds = Counter(
        "format" if result["outcome"] == "normalized" else result["kind"] for result in differences
    )
    return {
        "documents": len(documents),
        "answered": sum(document["answered"] for document in documents),
        "ours": _micro_average([document["ours"] for document in documents]),
        "kinds": {name: times for name, times in kinds.most_common() if name},
        "kieval": _expand_kieval(
            sum((document["kieval"] for document in documents), KievalCounts())
        ),
        **{name: sum(document[name] for document in documents) / len(documents) for name in means},
    }


def _micro_average(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Micro averages: the ratios of the sums, where a document's were those of its own counts."""
    sums: Counter[str] = Counter()
    for each in scores:
        sums.update({name: value for name, value in each.items() if type(value) is int})
    cells: dict[str, int] = {outcome: sums[f"cells_{outcome}"] for outcome in JUDGED}
    judged = [each["document_right"] for each in scores if each["document_right"] is not None]
    micro = {
        name: value
        for name, value in scores_of(sums, cells, sums).items()
        if name != "document_right"
    }
    return {**micro, "documents_right": sum(judged) / len(judged) if judged else None}


def _expand_kieval(counts: KievalCounts) -> dict[str, Any]:
    return {**counts.ratios, **asdict(counts)}


def format_totals(sums: Mapping[str, Any]) -> Iterator[str]:
    """The totals as lines of text."""
    yield f"{sums['documents']} documents, {sums['documents'] - sums['answered']} without a usable answer\n"
    for name, meaning in FIGURE_LABELS.items():
        group, _, figure = name.partition(".")
        value = sums[group][figure] if figure else sums[group]
        yield f"{name:<22} {'-' if value is None else format(value, '.4f'):>7}  {meaning}".rstrip()
    ours, kieval = sums["ours"], sums["kieval"]
    yield ""
    for title, prefix in (("fields", ""), ("cells", "cells_")):
        yield f"{title + ':':<8}" + ", ".join(
            f"{ours[prefix + outcome]} {outcome}" for outcome in JUDGED
        )
    if sums["kinds"]:
        yield "kinds:  " + ", ".join(f"{times} {name}" for name, times in sums["kinds"].items())
    yield "kieval: " + ", ".join(
        f"{kieval[name]} {name}" for name in ("labelled", "exact", "wrong", "unmatched")
    )
