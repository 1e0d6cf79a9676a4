"""`--dry-run`: the whole pipeline without a model, so that a night's run does not end at a comma.

Renders, prompts, scores a perfect and an empty answer, says which weights are here and which replies are cached,
predicts visual tokens where a family's arithmetic is known, and warns where a reference is longer than the token
limit. Starts no model, imports no torch.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab import recording
from vlm_lab.backends import Candidate
from vlm_lab.errors import Skip
from vlm_lab.replies import Replies
from vlm_lab.scoring import score as score_prediction
from vlm_lab.types import Case, Document, Generation, Prediction, Prompt, Record, Score

CHARACTERS_PER_TOKEN = 2.5  # of JSON with numbers in it; Cyrillic needs more tokens, see `about_tokens`


def perfect(document: Document) -> Generation:
    """The reply of a model that reads everything: the reference itself."""
    return Generation(raw_response=json.dumps(document.reference or {}, ensure_ascii=False), cached=True)


def record(case: Case, candidate: Candidate, prompt: Prompt, score: Score, replies: Replies, key: str | None) -> Record:
    """The record of a dry case. `score` is that of the perfect answer, as the user's own test computed it."""
    blank = recording.blank(case, "dry_run")
    sizes = [page.image.size for page in prompt.pages]
    return replace(
        blank,
        **recording.page_numbers(prompt),
        image_sizes=tuple(sizes),
        dry_run={
            "perfect": score.scores,
            "empty": score_prediction(Prediction(value={}), case.document).scores,
            "cached": bool(key and replies.get(key)),
            "weights": _weights(candidate),
            "visual_tokens": candidate.predict_visual_tokens(sizes),
            "reference_tokens": about_tokens(case.document.reference),
        },
    )


def about_tokens(reference: Mapping[str, Any] | None) -> int | None:
    """Roughly the tokens of the perfect answer: bytes of its JSON, since scripts of two bytes take more tokens."""
    if reference is None:
        return None
    return round(len(json.dumps(reference, ensure_ascii=False).encode()) / CHARACTERS_PER_TOKEN)


def _weights(candidate: Candidate) -> str:
    """`here`, or why not and what to type."""
    try:
        candidate.identity()
    except Skip as missing:
        return str(missing)
    return "here"


def warnings(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a real run over these cases would stumble on, one line each, each line once."""
    lines: dict[str, None] = {}
    for row in records:
        dry, document = row.get("dry_run") or {}, row["document"]
        limit = row["generation_kwargs"].get("max_new_tokens")
        tokens = dry.get("reference_tokens")
        if tokens and limit and tokens > limit:
            lines[f"{document} needs about {tokens:,} tokens, the limit is {limit:,} (max_new_tokens)"] = None
        if dry.get("perfect", {}).get("document_right") is False:
            lines[f"{document}: its reference does not score 1.0 against itself; see the case's file"] = None
        if dry and dry["weights"] != "here":
            lines[dry["weights"]] = None
    return list(lines)


def seconds_before(output_dir: Path, model: str) -> float | None:
    """Seconds a case took this model in the newest run that timed it; None where there is none."""
    for report in sorted(output_dir.glob("*/report.json"), reverse=True):
        try:
            summaries = json.loads(report.read_text("utf-8"))["summaries"]
        except (OSError, ValueError, KeyError):
            continue
        for summary in summaries:
            if summary["model"] == model and summary.get("median_seconds"):
                return float(summary["median_seconds"])
    return None
