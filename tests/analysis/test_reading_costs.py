"""pytest tests/analysis/test_reading_costs.py: what it took to have pages read is counted once, and
what is not known makes no sum."""

from typing import Any

import pytest

from vlm_lab.analysis.aggregation import CandidateCounts, ReplyCost
from vlm_lab.analysis.speed import price_reply, summarize_speed
from vlm_lab.types import Batch, CandidateKey, Model, Reading, Usage

HOUR = {"per_hour": 3.6}  # 1 for 1,000 documents of a second each
TOKENS = {"per_million_input": 1.0, "per_million_output": 2.0}
OCR = Reading(reader="ocr", seconds=2.0)


def cost(*readings: Reading, elapsed: float | None = 5.0, **more: Any) -> ReplyCost:
    known = [reading.seconds for reading in readings]
    seconds = None if None in known else sum(each or 0.0 for each in known)
    return ReplyCost(
        elapsed_seconds=elapsed,
        cached=False,
        measured_at="2026-01-02",
        usage=Usage(1000, None, 100),
        peak_memory_bytes=None,
        settings=(),
        readings=readings,
        reading_seconds=seconds if readings else None,
        **more,
    )


def reading(**settings: Any) -> Reading:
    return Reading(**{"reader": "eyes", "seconds": 2.0, "usage": Usage(500, 64, 50), **settings})


@pytest.mark.parametrize(
    ("reply", "price", "expected"),
    [
        (cost(), HOUR, 5.0),
        (cost(OCR), HOUR, 5.0),
        (cost(reading(price={"per_hour": 36.0})), HOUR, 3.0 + 20.0),
        (cost(reading(price=TOKENS)), HOUR, 3.0 + 0.6),
        (cost(reading(price=TOKENS)), TOKENS, 1.2 + 0.6),
        (cost(OCR, reading(price=TOKENS)), HOUR, 2.0 + 0.6 + 1.0),
        (cost(OCR), TOKENS, None),
        (cost(reading(price=TOKENS, usage=Usage())), TOKENS, None),
        (cost(reading(seconds=None), elapsed=None), HOUR, None),
        (cost(OCR), {}, None),
    ],
)
def test_a_document_costs_what_its_reader_and_its_model_cost(
    reply: ReplyCost, price: dict[str, float], expected: float | None
) -> None:
    assert price_reply(reply, price) == (None if expected is None else pytest.approx(expected))


def summarize(*costs: ReplyCost):  # type: ignore[no-untyped-def]
    counts = CandidateCounts(CandidateKey("s", "m", "p"))
    counts.reply_costs = list(costs)
    counts.answered_documents = [str(number) for number in range(len(costs))]
    return summarize_speed(counts, Model(name="m", model_id="x", price=HOUR))


def test_seconds_of_reading_and_answering_stand_apart_and_tokens_are_over_the_latter() -> None:
    speed = summarize(cost(OCR), cost(OCR), cost(OCR, reading(), elapsed=9.0))
    assert (speed.median_seconds, speed.reading_seconds, speed.answering_seconds) == (5.0, 2.0, 3.0)
    assert speed.tokens_per_second == pytest.approx(300 / 11)
    assert speed.readers == ("ocr", "eyes")


def test_without_a_reader_nothing_is_apart() -> None:
    speed = summarize(cost())
    assert (speed.reading_seconds, speed.answering_seconds, speed.readers) == (None, None, ())


def test_many_at_once_cost_nothing_that_is_known_where_others_read_before() -> None:
    batch = Batch(opened_at="2026", start=0.0, end=2.0, size=1)
    assert summarize(cost(elapsed=None, batch=batch)).cost_per_1000 == pytest.approx(2.0)
    assert summarize(cost(OCR, elapsed=None, batch=batch)).cost_per_1000 is None
