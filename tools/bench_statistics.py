"""How long the figures of 10 models x 300 documents take, every one from 10,000 resamples.

python tools/bench_statistics.py
"""

import time

import numpy as np

from vlm_lab.analysis.intervals import RESAMPLES
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.types import JUDGED, CandidateKey, FieldResult, Model, Record

MODELS, DOCUMENTS, FIELDS = 10, 300, 12
LANGUAGES = ("en", "de", "ru")


def record(model: str, document: int, draw: np.random.Generator) -> Record:
    """A document with about a tenth of its fields wrong."""
    outcomes = draw.choice(JUDGED[:4], size=FIELDS, p=[0.8, 0.1, 0.07, 0.03]).tolist()
    fields = tuple(
        FieldResult(
            path=f"field_{number}",
            field=f"field_{number}",
            type="amount",
            expected="1,234.50",
            actual="1,234.56",
            outcome=outcome,
        )
        for number, outcome in enumerate(outcomes)
    )
    counts = {outcome: outcomes.count(outcome) for outcome in JUDGED}
    return Record(
        case=f"{model}-default-d{document}",
        suite="s",
        document=f"d{document}",
        document_name=f"d{document}",
        model=model,
        model_id="x",
        revision="main",
        prompt_id="default",
        status="ok",
        tags={"language": LANGUAGES[document % 3]},
        fields=fields,
        scores={**counts, "document_right": outcomes.count("exact") == FIELDS},
        elapsed_seconds=1.0,
    )


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
