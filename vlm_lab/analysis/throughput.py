"""What a model got done that was asked many things at once: from the replies of this run that
shared their seconds (`Batch`), never from cached ones.
"""

from collections.abc import Iterable, Sequence

from vlm_lab.analysis.aggregation import ReplyCost
from vlm_lab.types import Batch, Throughput

Interval = tuple[float, float]


def summarize_throughput(costs: Iterable[ReplyCost]) -> Throughput | None:
    """None where no reply of this run was asked in the scenario `offline`. A run that was resumed
    adds up the seconds of its parts, and not the time between them."""
    measured = [cost for cost in costs if cost.batch and not cost.cached]
    batches = [cost.batch for cost in measured if cost.batch]
    intervals: dict[str, list[Interval]] = {}
    for batch in batches:
        intervals.setdefault(batch.opened_at, []).append((batch.start, batch.end))
    seconds = sum(map(measure_span, intervals.values()))
    if not seconds:
        return None
    busy_seconds = measure_model_seconds(batches)
    if busy_seconds is None:
        busy_seconds = sum(map(measure_union, intervals.values()))
    return Throughput(
        documents=len(batches),
        documents_per_second=len(batches) / seconds,
        tokens_per_second=_divide_tokens(measured, seconds),
        busy_share=busy_seconds / seconds,
        mean_batch=sum(batch.size for batch in batches) / len(batches),
    )


def measure_model_seconds(batches: Sequence[Batch]) -> float | None:
    """Seconds in which the model worked, each batch once; None where one does not say."""
    seconds = {(batch.opened_at, batch.start): batch.model_seconds for batch in batches}
    known = [value for value in seconds.values() if value is not None]
    return sum(known) if len(known) == len(seconds) else None


def measure_span(intervals: Sequence[Interval]) -> float:
    """Seconds from the first start to the last end."""
    return max(end for _, end in intervals) - min(start for start, _ in intervals)


def measure_union(intervals: Iterable[Interval]) -> float:
    """Seconds that are in at least one of the intervals."""
    total, covered_until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, covered_until))
        covered_until = max(covered_until, end)
    return total


def _divide_tokens(costs: Sequence[ReplyCost], seconds: float) -> float | None:
    """Output tokens a second; None where a reply does not say how many it has."""
    counts = [cost.usage.output_tokens for cost in costs]
    known = [count for count in counts if count is not None]
    return sum(known) / seconds if len(known) == len(counts) else None
