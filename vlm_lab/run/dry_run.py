"""`--dry-run`: the whole pipeline without a model, so that a night's run does not end at a comma.

Renders, prompts, scores a perfect and an empty answer, says which weights are here and which
replies are cached, predicts visual tokens where a family's arithmetic is known, and warns where a
reference is longer than the token limit. Starts no model, imports no torch.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import Skip, UserError
from vlm_lab.messages import Message, in_english
from vlm_lab.records.report_json import read_report
from vlm_lab.run import record as recording
from vlm_lab.run.progress import format_duration
from vlm_lab.run.reply_cache import ReplyCache
from vlm_lab.scoring import score as score_prediction
from vlm_lab.types import (
    CandidateKey,
    Case,
    Document,
    Generation,
    Prediction,
    Prompt,
    Record,
    Score,
)

# Of JSON with numbers in it; Cyrillic needs more tokens, see `estimate_tokens`.
CHARACTERS_PER_TOKEN = 2.5


def make_perfect_reply(document: Document) -> Generation:
    """The reply of a model that reads everything: the reference itself."""
    raw_response = json.dumps(document.reference or {}, ensure_ascii=False)
    return Generation(raw_response=raw_response, cached=True)


def build_record(
    case: Case,
    candidate: Candidate,
    prompt: Prompt,
    score: Score,
    replies: ReplyCache,
    cache_key: str | None,
) -> Record:
    """A dry case's record; `score` is the perfect answer's, from the user's own test."""
    base_record = recording.build_base_record(case, "dry_run")
    image_sizes = [page.image.size for page in prompt.pages]
    return replace(
        base_record,
        **recording.collect_page_fields(prompt),
        image_sizes=tuple(image_sizes),
        dry_run={
            "perfect": score.scores,
            "empty": score_prediction(Prediction(value={}), case.document).scores,
            "cached": bool(cache_key and replies.get(cache_key)),
            "weights": _describe_weights(candidate),
            "visual_tokens": candidate.predict_visual_tokens(image_sizes),
            "reference_tokens": estimate_tokens(case.document.reference),
        },
    )


def estimate_tokens(reference: Mapping[str, Any] | None) -> int | None:
    """Roughly the perfect answer's tokens: by bytes, as scripts of two bytes take more tokens."""
    if reference is None:
        return None
    return round(len(json.dumps(reference, ensure_ascii=False).encode()) / CHARACTERS_PER_TOKEN)


def _describe_weights(candidate: Candidate) -> str:
    """`here`, or why not and what to type."""
    try:
        candidate.identity()
    except Skip as skip:
        return str(skip)
    return "here"


def format_forecast(records: Iterable[Mapping[str, Any]], output_dir: Path) -> list[str]:
    """A real run, a line a model x prompt: cases, cached replies, visual tokens, time."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in records:
        if row.get("dry_run"):
            groups.setdefault(CandidateKey.from_record(row).label, []).append(row["dry_run"])
    former_seconds = read_median_seconds(output_dir)
    return [
        _format_forecast_line(label, forecasts, former_seconds.get(label))
        for label, forecasts in groups.items()
    ]


def _format_forecast_line(
    label: str, forecasts: Sequence[Mapping[str, Any]], seconds: float | None
) -> str:
    cached_count = sum(bool(forecast["cached"]) for forecast in forecasts)
    uncached_count = len(forecasts) - cached_count
    predictions = [forecast["visual_tokens"] for forecast in forecasts]
    visual_tokens = [count for count in predictions if count is not None]
    parts = [f"{label}: {len(forecasts)} cases"]
    if cached_count:
        parts.append(f"{cached_count} cached")
    if visual_tokens:
        parts.append(f"about {median(visual_tokens):,.0f} visual tokens each")
    if seconds and uncached_count:
        parts.append(f"about {format_duration(seconds * uncached_count)} as in former runs")
    return ", ".join(parts)


def read_median_seconds(output_dir: Path) -> dict[str, float]:
    """Median seconds a case by label, each from the newest run that timed it."""
    seconds_by_candidate: dict[str, float] = {}
    for path in sorted(output_dir.glob("*/report.json"), reverse=True):
        with suppress(UserError):
            for summary in read_report(path.parent).summaries:
                label, seconds = summary.candidate.label, summary.speed.median_seconds
                if seconds:
                    seconds_by_candidate.setdefault(label, seconds)
    return seconds_by_candidate


def collect_warnings(records: Iterable[Mapping[str, Any]]) -> list[Message | str]:
    """What a real run over these cases would stumble on, each once."""
    found: list[Message | str] = []
    for row in records:
        dry, document = row.get("dry_run") or {}, row["document"]
        limit = row["generation_kwargs"].get("max_new_tokens")
        tokens = dry.get("reference_tokens")
        if tokens and limit and tokens > limit:
            found.append(Message("too_long", {"document": document, "n": tokens, "limit": limit}))
        if dry.get("perfect", {}).get("document_right") is False:
            found.append(Message("not_itself", {"document": document}))
        if dry and dry["weights"] != "here":
            found.append(dry["weights"])
    return list({in_english(each): each for each in found}.values())
