"""Documents per CPU second of our score and of each published metric, beside the package
`anls_star`, in one process.

python tools/bench_metrics.py [PAIRS.jsonl]

PAIRS.jsonl has "id", "reference" (or "ref") and "prediction" (or "pred") on each line; without it,
receipts of our own making. Then one invoice of 200 line items with a tenth of its cells wrong.
"""

import random
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlm_lab.metrics import METRICS
from vlm_lab.metrics.pairs import PredictionPair, read_pairs
from vlm_lab.registry import resolve_name
from vlm_lab.scoring import score_values

Scorer = Callable[[Any, Any], Any]
PACKAGE = "anls_star (package)"
SECONDS = 1.0  # at least this long for each figure


def main() -> None:
    pairs = (
        read_pairs(Path(sys.argv[1]))
        if sys.argv[1:]
        else [_pair(4 + number % 5, number) for number in range(100)]
    )
    theirs = _anls_star_package()
    scorers: dict[str, Scorer] = {
        "ours": lambda reference, prediction: score_values(prediction, reference)
    }
    scorers |= {name: resolve_name(name, METRICS, "metric") for name in METRICS}
    if theirs is None:
        print("anls_star is not installed, nothing to compare with: pip install anls_star\n")
    faster = "   faster than the package" if theirs else ""
    print(f"{'':<20}{f'{len(pairs)} documents':>17}{'200 line items':>19}{faster}")
    _print(scorers | ({} if theirs is None else {PACKAGE: theirs}), pairs, _pair(200, 0))


def _print(scorers: dict[str, Scorer], pairs: list[PredictionPair], long: PredictionPair) -> None:
    for scorer in scorers.values():
        scorer(pairs[0].reference, pairs[0].prediction)  # what is imported late is not counted
    rates = {name: len(pairs) / _seconds(scorer, pairs) for name, scorer in scorers.items()}
    times = {name: _seconds(scorer, [long]) for name, scorer in scorers.items()}
    last = list(scorers)[-1]
    for name in scorers:
        ratio = (
            f"{rates[name] / rates[last]:10.1f} x{times[last] / times[name]:10.1f} x"
            if PACKAGE in scorers
            else ""
        )
        print(f"{name:<20}{rates[name]:>14,.0f} /s{times[name] * 1000:>16,.1f} ms{ratio}")


def _seconds(scorer: Scorer, pairs: list[PredictionPair]) -> float:
    """CPU seconds for all pairs, the mean of as many rounds as fit."""
    rounds, start = 0, time.process_time()
    while not rounds or time.process_time() - start < SECONDS:
        for pair in pairs:
            scorer(pair.reference, pair.prediction)
        rounds += 1
    return (time.process_time() - start) / rounds


def _anls_star_package() -> Scorer | None:
    try:
        from anls_star import anls_score
    except ImportError:
        return None
    warnings.simplefilter("ignore")
    return lambda reference, prediction: anls_score(reference, prediction)


def _pair(rows: int, seed: int) -> PredictionPair:
    """An invoice with `rows` line items, and an answer in which every tenth value has one wrong
    character."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    words = (
        "Bolt",
        "Nut",
        "Washer",
        "Gasket",
        "Valve",
        "Hose",
        "Clamp",
        "M6",
        "M8",
        "steel",
        "brass",
        "DN 20",
    )

    def row(number: int) -> dict[str, str]:
        quantity, price = chance.randint(1, 40), chance.randint(100, 99999)
        text = " ".join(chance.sample(words, 3))
        cells = (
            f"{number + 1}",
            text,
            f"{quantity}",
            f"{price / 100:.2f}",
            f"{quantity * price / 100:.2f}",
        )
        return dict(
            zip(("position", "description", "quantity", "unit_price", "amount"), cells, strict=True)
        )

    def misread(value: str) -> str:
        place = chance.randrange(len(value))
        return value if chance.random() > 0.1 else value[:place] + "?" + value[place + 1 :]

    items = [row(number) for number in range(rows)]
    reference = {
        "number": f"R-{seed:05}",
        "date": "2026-03-01",
        "total": "118,490.22",
        "line_items": items,
    }
    answer = [{key: misread(value) for key, value in item.items()} for item in items]
    return PredictionPair(str(seed), reference, {**reference, "line_items": answer})


if __name__ == "__main__":
    main()
