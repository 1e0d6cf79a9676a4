"""Score a file of predictions against references: our score, and the published metrics on the same pairs.

PAIRS.jsonl has one JSON object a line: "id", "reference" (or "ref") and "prediction" (or "pred"), both JSON objects;
a prediction of null is a document without a usable answer, and counts. The fields are those that each reference shows.

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

from vlm_lab.late import find
from vlm_lab.metrics import METRICS, Counts
from vlm_lab.pairs import Pair, read_pairs
from vlm_lab.scoring import f1, score_values

LINES = {
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
    parser.add_argument("--json", action="store_true", help="print JSON, with every document's figures")


def main(args: argparse.Namespace) -> int:
    documents = [figures(pair) for pair in read_pairs(args.pairs)]
    sums = totals(documents)
    if args.json:
        rows = [{**document, "kieval": _kieval(document["kieval"])} for document in documents]
        print(json.dumps({"totals": sums, "documents": rows}, ensure_ascii=True, indent=1))
    else:
        print("\n".join(table(sums)))
    return 0


def figures(pair: Pair) -> dict[str, Any]:
    """What one document scores: `ours` as `vlm_lab.scoring` counts it, and each published metric."""
    ours = score_values(pair.prediction, pair.reference, status="unparsed" if pair.prediction is None else "ok")
    published = {name: find(name, METRICS, "metric")(pair.reference, pair.prediction) for name in METRICS}
    return {"id": pair.id, "answered": pair.prediction is not None, "ours": dict(ours.scores), **published}


def totals(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of counts with their ratios, and means over all documents of what is a ratio by itself."""
    means = [name for name in METRICS if name != "kieval"]
    return {
        "documents": len(documents),
        "answered": sum(document["answered"] for document in documents),
        "ours": _ours([document["ours"] for document in documents]),
        "kieval": _kieval(sum((document["kieval"] for document in documents), Counts())),
        **{name: sum(document[name] for document in documents) / len(documents) for name in means},
    }


def _ours(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for each in scores:
        counts.update({name: value for name, value in each.items() if type(value) is int})
    judged = [each["document_right"] for each in scores if each["document_right"] is not None]
    return {
        "field_f1": _f1(counts, "", ("exact", "normalized")),
        "field_f1_strict": _f1(counts, "", ("exact",)),
        "row_f1": f1(counts["rows_right"], counts["rows_expected"], counts["rows_predicted"]),
        "cell_f1": _f1(counts, "cells_", ("exact", "normalized")),
        "documents_right": sum(judged) / len(judged) if judged else None,
        **counts,
    }


def _f1(counts: Mapping[str, int], prefix: str, right: Sequence[str]) -> float | None:
    answered = sum(counts[f"{prefix}{outcome}"] for outcome in ("exact", "normalized", "wrong"))
    expected, predicted = answered + counts[f"{prefix}missing"], answered + counts[f"{prefix}spurious"]
    return f1(sum(counts[f"{prefix}{outcome}"] for outcome in right), expected, predicted)


def _kieval(counts: Counts) -> dict[str, Any]:
    return {**counts.ratios, **asdict(counts)}


def table(sums: Mapping[str, Any]) -> Iterator[str]:
    """The totals as lines of text."""
    yield f"{sums['documents']} documents, {sums['documents'] - sums['answered']} without a usable answer\n"
    for name, meaning in LINES.items():
        group, _, figure = name.partition(".")
        value = sums[group][figure] if figure else sums[group]
        yield f"{name:<22} {'-' if value is None else format(value, '.4f'):>7}  {meaning}".rstrip()
    ours, kieval = sums["ours"], sums["kieval"]
    yield ""
    for title, prefix in (("fields", ""), ("cells", "cells_")):
        outcomes = ("exact", "normalized", "wrong", "missing", "spurious")
        yield f"{title + ':':<8}" + ", ".join(f"{ours[prefix + outcome]} {outcome}" for outcome in outcomes)
    yield "kieval: " + ", ".join(f"{kieval[name]} {name}" for name in ("labelled", "exact", "wrong", "unmatched"))
