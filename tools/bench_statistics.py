"""How long the figures of 10 models x 300 documents take, every one from 10,000 resamples.

python tools/bench_statistics.py
"""

import time

import numpy as np

from vlm_lab.analysis.statistics import RESAMPLES, summarize_records
from vlm_lab.types import JUDGED, CandidateKey, Model

MODELS, DOCUMENTS, FIELDS = 10, 300, 12
LANGUAGES = ("en", "de", "ru")


def record(model: str, document: int, draw: np.random.Generator) -> dict[str, object]:
    """A document with about a tenth of its fields wrong."""
    outcomes = draw.choice(JUDGED[:4], size=FIELDS, p=[0.8, 0.1, 0.07, 0.03]).tolist()
    values = {"type": "amount", "expected": "1,234.50", "actual": "1,234.56"}
    paths = [f"field_{number}" for number in range(FIELDS)]
    places = [
        {"path": path, "field": path, "in_row": False, "rows": [], "in_spurious_row": False}
        for path in paths
    ]
    fields = [
        {**place, "outcome": outcome, **values}
        for place, outcome in zip(places, outcomes, strict=True)
    ]
    counts = {outcome: outcomes.count(outcome) for outcome in JUDGED}
    return {
        "suite": "s", "model": model, "prompt_id": "default", "document": f"d{document}",
        "status": "ok", "tags": {"language": LANGUAGES[document % 3]}, "fields": fields,
        "scores": {**counts, "document_right": outcomes.count("exact") == FIELDS},
        "elapsed_seconds": 1.0, "environment": {}, "cached": False,
    }  # fmt: skip


def main() -> None:
    draw = np.random.default_rng(0)
    names = [f"model-{number}" for number in range(MODELS)]
    records = [record(name, document, draw) for name in names for document in range(DOCUMENTS)]
    planned = {
        CandidateKey("s", name, "default"): [f"d{document}" for document in range(DOCUMENTS)]
        for name in names
    }
    started = time.perf_counter()
    summaries = summarize_records(
        records, [Model(name=name, model_id="x") for name in names], planned
    )
    seconds = time.perf_counter() - started
    figures = sum(len(each.scores) + len(each.fields) + 2 * len(each.tags) for each in summaries)
    print(
        f"{figures} figures of {MODELS} models x {DOCUMENTS} documents, "
        f"{RESAMPLES} resamples: {seconds:.2f} s"
    )


if __name__ == "__main__":
    main()
