"""What replies took and cost: from those that were timed alike.

Cases that were timed today count, or, when all replies are cached, those that were measured as the
newest of them was: on the same device, with the same dtype and attention.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from vlm_lab.analysis.aggregation import CandidateCounts, ReplyCost
from vlm_lab.analysis.throughput import summarize_throughput
from vlm_lab.types import Model, Speed, Throughput, Usage

Known = TypeVar("Known", int, float)


def select_timed(counts: CandidateCounts) -> dict[str, ReplyCost]:
    """The documents whose seconds count, with what their replies took."""
    uncached = [cost for cost in counts.reply_costs if not cost.cached]
    newest = max(
        uncached or counts.reply_costs, key=lambda cost: cost.measured_at or "", default=None
    )
    if newest is None:
        return {}
    return {
        document: cost
        for document, cost in zip(counts.answered_documents, counts.reply_costs, strict=True)
        if cost.elapsed_seconds and cost.settings == newest.settings
    }


def summarize_speed(counts: CandidateCounts, model: Model | None) -> Speed:
    """The figures of a candidate. `measured_at` says when the last of its timed replies was."""
    timed = list(select_timed(counts).values())
    seconds = [cost.elapsed_seconds for cost in timed if cost.elapsed_seconds]
    offline = [cost for cost in counts.reply_costs if cost.batch and not cost.cached]
    measured = timed or offline
    peak_memory = [cost.peak_memory_bytes for cost in measured if cost.peak_memory_bytes]
    output_tokens = _keep_known(cost.usage.output_tokens for cost in timed)
    visual_tokens = _keep_known(cost.usage.visual_tokens for cost in measured)
    reading_seconds = _keep_known(cost.reading_seconds for cost in timed)
    answering_seconds = _keep_known(cost.model_seconds for cost in timed)
    tokens_per_second = None
    if output_tokens and len(output_tokens) == len(timed):
        tokens_per_second = sum(output_tokens) / sum(answering_seconds)
    throughput = summarize_throughput(counts.reply_costs)
    return Speed(
        timed=len(timed),
        measured_at=max((cost.measured_at for cost in timed if cost.measured_at), default=None),
        median_seconds=float(np.median(seconds)) if seconds else None,
        p95_seconds=float(np.percentile(seconds, 95)) if seconds else None,
        tokens_per_second=tokens_per_second,
        visual_tokens=float(np.median(visual_tokens)) if visual_tokens else None,
        peak_memory_bytes=max(peak_memory, default=None),
        cost_per_1000=_compute_price(measured, throughput, model) if model else None,
        throughput=throughput,
        reading_seconds=float(np.median(reading_seconds)) if reading_seconds else None,
        answering_seconds=float(np.median(answering_seconds)) if reading_seconds else None,
        readers=_list_readers(measured),
    )


def _list_readers(costs: Iterable[ReplyCost]) -> tuple[str, ...]:
    """Who read the pages for the prompts, in the order in which they do."""
    return tuple(dict.fromkeys(reading.reader for cost in costs for reading in cost.readings))


def price_reply(cost: ReplyCost, price: Mapping[str, float]) -> float | None:
    """Of 1,000 such replies, with what it cost to read their pages: seconds x price an hour, or
    tokens x price a million; None where that is not known. A reader without a price works in the
    hours that the model's price is of."""
    hours_price = {"per_hour": price["per_hour"]} if "per_hour" in price else {}
    prices = [
        _price_part(reading.seconds, reading.usage, reading.price or hours_price)
        for reading in cost.readings
    ]
    prices.append(_price_part(cost.model_seconds, cost.usage, price))
    known_prices = _keep_known(prices)
    return sum(known_prices) if len(known_prices) == len(prices) else None


def _price_part(seconds: float | None, usage: Usage, price: Mapping[str, float]) -> float | None:
    if not price:
        return None
    if "per_hour" in price:
        return None if seconds is None else seconds / 3600 * price["per_hour"] * 1000
    prompt_tokens, output_tokens = usage.prompt_tokens, usage.output_tokens
    if prompt_tokens is None or output_tokens is None:
        return None
    input_price = prompt_tokens * price.get("per_million_input", 0)
    return (input_price + output_tokens * price.get("per_million_output", 0)) / 1e3


def _compute_price(
    measured: Sequence[ReplyCost], throughput: Throughput | None, model: Model
) -> float | None:
    """Of 1,000 documents: an hour's price is divided among all that were read in it; not known
    where others read their pages, who may have done so before."""
    if throughput and "per_hour" in model.price:
        if any(cost.readings for cost in measured):
            return None
        return model.price["per_hour"] / 3600 / throughput.documents_per_second * 1000
    return _compute_mean_price(measured, model)


def _compute_mean_price(timed: Sequence[ReplyCost], model: Model) -> float | None:
    prices = [price_reply(cost, model.price) for cost in timed]
    known_prices = [price for price in prices if price is not None]
    if not prices or len(known_prices) < len(prices):
        return None
    return float(np.mean(known_prices))


def _keep_known(values: Iterable[Known | None]) -> list[Known]:
    return [value for value in values if value is not None]
