"""`--dry-run`: the whole pipeline without a model, so that a night's run does not end at a comma.

Renders, prompts, scores a perfect and an empty answer, says which weights are here and which
replies are cached, predicts visual tokens where a family's arithmetic is known, and warns where a
reference is longer than the token limit. Starts no model, imports no torch.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.commands import format_command
from vlm_lab.errors import Skip, UserError
from vlm_lab.messages import Message, in_english, list_first_names
from vlm_lab.records.report_json import read_report
from vlm_lab.run.progress import format_duration
from vlm_lab.run.record import build_base_record, collect_page_fields
from vlm_lab.scoring import score as score_prediction
from vlm_lab.suite.pages import Pages
from vlm_lab.types import (
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
MAX_OF_A_KIND = 2  # lines on the terminal; more of a kind become one


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What is known of a prompt's pages once they were rendered; the pixels are let go."""

    image_sizes: tuple[tuple[int, int], ...]
    notes: tuple[Message, ...]


class PageInspector:
    """Renders the pages of each document once, however many candidates are planned for it."""

    def __init__(self) -> None:
        self._facts: dict[tuple[Path, int, int], PageFacts] = {}

    def inspect(self, prompt: Prompt) -> PageFacts:
        """DocumentError where the pages cannot be rendered."""
        pages = prompt.pages
        if not isinstance(pages, Pages):
            return PageFacts(tuple(page.size for page in pages), ())
        key = pages.path, pages.max_pages, pages.dpi
        if key not in self._facts:
            image_sizes = tuple(page.size for page in pages)
            self._facts[key] = PageFacts(image_sizes, pages.notes)
        return self._facts[key]


def make_perfect_reply(
    case: Case, candidate: Candidate, facts: PageFacts, is_cached: bool
) -> Generation:
    """The reply of a model that reads everything: the reference itself. Its `environment` is what a
    real run would find."""
    reference = case.document.reference
    image_sizes = facts.image_sizes if case.model.image else ()
    return Generation(
        raw_response=json.dumps(reference or {}, ensure_ascii=False),
        cached=True,
        image_sizes=image_sizes,
        notes=facts.notes,
        environment={
            "cached": is_cached,
            "weights": _describe_weights(candidate),
            "visual_tokens": candidate.predict_visual_tokens(image_sizes),
            "text_alone": not case.model.image,
            "reference_tokens": estimate_tokens(reference),
        },
    )


def build_record(case: Case, prompt: Prompt, generation: Generation, score: Score) -> Record:
    """The record of a dry case. `score` is that of the perfect answer, as the user's own test
    computed it."""
    return replace(
        build_base_record(case, "dry_run"),
        **collect_page_fields(prompt),
        notes=generation.notes,
        image_sizes=generation.image_sizes,
        dry_run={
            "perfect": score.scores,
            "empty": _score_empty_answer(case.document),
            **generation.environment,
        },
    )


@lru_cache(maxsize=4096)  # a document comes once for each candidate
def _score_empty_answer(document: Document) -> Mapping[str, Any]:
    return score_prediction(Prediction(value={}), document).scores


def estimate_tokens(reference: Mapping[str, Any] | None) -> int | None:
    """Roughly the perfect answer's tokens: by bytes, as scripts of two bytes take more tokens."""
    if reference is None:
        return None
    return round(len(json.dumps(reference, ensure_ascii=False).encode()) / CHARACTERS_PER_TOKEN)


def _describe_weights(candidate: Candidate) -> Message | str:
    """`here`, or why not and what to type."""
    try:
        candidate.identity()
    except Skip as skip:
        return skip.message
    return "here"


def format_forecast(records: Iterable[Record], output_dir: Path) -> list[str]:
    """What a real run would be, one line a model x prompt: cases, cached replies, visual tokens,
    time."""
    forecasts: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if record.dry_run:
            forecasts.setdefault(record.candidate.label, []).append(record.dry_run)
    seconds = read_median_seconds(output_dir)
    return [
        _format_forecast_line(label, forecast, seconds.get(label))
        for label, forecast in forecasts.items()
    ]


def _format_forecast_line(
    label: str, forecast: Sequence[Mapping[str, Any]], seconds: float | None
) -> str:
    visual_tokens = [
        case["visual_tokens"] for case in forecast if case.get("visual_tokens") is not None
    ]
    cached_count = sum(bool(case.get("cached")) for case in forecast)
    open_count = len(forecast) - cached_count
    parts = [f"{label}: {len(forecast)} cases"]
    if cached_count:
        parts.append(f"{cached_count} cached")
    if any(case.get("text_alone") for case in forecast):
        parts.append("text alone, no visual tokens")
    if visual_tokens:
        parts.append(f"about {median(visual_tokens):,.0f} visual tokens each")
    if seconds and open_count:
        parts.append(f"about {format_duration(seconds * open_count)} as in former runs")
    return ", ".join(parts)


def read_median_seconds(output_dir: Path) -> dict[str, float]:
    """Median seconds a case by label, each from the newest run that timed it."""
    seconds: dict[str, float] = {}
    for path in sorted(output_dir.glob("*/report.json"), reverse=True):
        with suppress(UserError):
            for summary in read_report(path.parent).summaries:
                if summary.speed.median_seconds:
                    seconds.setdefault(summary.candidate.label, summary.speed.median_seconds)
    return seconds


def collect_warnings(records: Iterable[Record]) -> list[Message | str]:
    """What a real run over these cases would stumble on, each once."""
    warnings: list[Message | str] = []
    for record in records:
        forecast, document = record.dry_run, record.document
        limit = record.generation_kwargs.get("max_new_tokens")
        tokens = forecast.get("reference_tokens")
        if tokens and limit and tokens > limit:
            figures = {"document": document, "n": tokens, "limit": limit}
            warnings.append(Message("too_long", figures))
        if forecast.get("perfect", {}).get("document_right") is False:
            warnings.append(Message("not_itself", {"document": document}))
        weights = forecast.get("weights", "here")
        if weights != "here":
            warnings.append(weights if isinstance(weights, str) else Message(**weights))
    return list({in_english(warning): warning for warning in warnings}.values())


def fold_warnings(warnings: Sequence[Message | str], report: Path) -> list[Message | str]:
    """A few of a kind as they are, many of them as one line; the last line says where each is."""
    by_kind: dict[str, list[Message]] = {}
    for warning in warnings:
        if isinstance(warning, Message):
            by_kind.setdefault(warning.kind, []).append(warning)
    many = {kind: each for kind, each in by_kind.items() if len(each) > MAX_OF_A_KIND}
    folded: list[Message | str] = [
        warning
        for warning in warnings
        if isinstance(warning, str) or warning.kind not in many or warning.kind not in FOLDERS
    ]
    lines = [FOLDERS[kind](messages) for kind, messages in many.items() if kind in FOLDERS]
    return [*folded, *lines, Message("each_in", {"path": str(report)})] if lines else folded


def _fold_weights(messages: Sequence[Message]) -> Message:
    names = [message.figures["model"] for message in messages]
    figures = {"n": len(names), "names": names, "command": format_command("weights")}
    return Message("more_no_weights", figures)


def _fold_too_long(messages: Sequence[Message]) -> Message:
    longest = max(messages, key=lambda message: message.figures["n"])
    figures = {"most": longest.figures["n"], "limit": longest.figures["limit"]}
    return Message("more_too_long", {**_list_documents(messages), **figures})


def _fold_not_itself(messages: Sequence[Message]) -> Message:
    return Message("more_not_itself", _list_documents(messages))


def _list_documents(messages: Sequence[Message]) -> dict[str, Any]:
    names = list(dict.fromkeys(message.figures["document"] for message in messages))
    return {"n": len(names), "names": list_first_names(names)}


FOLDERS: Mapping[str, Callable[[Sequence[Message]], Message]] = {
    "no_weights": _fold_weights,
    "too_long": _fold_too_long,
    "not_itself": _fold_not_itself,
}
