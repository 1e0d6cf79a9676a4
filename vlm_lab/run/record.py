"""A case and what came of it -> the Record that is written, whichever way it went."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, in_english
from vlm_lab.run.case_inputs import compute_case_inputs
from vlm_lab.sanitize import make_message_safe, terminal_safe
from vlm_lab.scoring.consistency import check_consistency
from vlm_lab.scoring.inputs import hash_scoring_inputs
from vlm_lab.suite.pages import Pages, compute_sha256
from vlm_lab.suite.prompts import render_prompt_text
from vlm_lab.types import (
    Case,
    Failure,
    Generation,
    Prediction,
    Prompt,
    Record,
    Score,
    Status,
    Suite,
)


def build_answered_record(
    case: Case, prompt: Prompt, generation: Generation, prediction: Prediction, score: Score
) -> Record:
    """The record of a case that has a reply, right or wrong."""
    base_record = replace(build_base_record(case, "ok"), **collect_page_fields(prompt))
    return add_answer(base_record, case.document.suite, generation, prediction, score)


def add_answer(
    base_record: Record, suite: Suite, generation: Generation, prediction: Prediction, score: Score
) -> Record:
    """What was known of a case and of its pages, with what came of it."""
    return replace(
        base_record,
        status=prediction.status,
        checks=check_consistency(prediction.value, suite.fields, suite.conventions),
        notes=generation.notes,
        raw_response=generation.raw_response,
        page_responses=generation.page_responses,
        elapsed_seconds=generation.elapsed_seconds,
        rounds=generation.rounds,
        timing=generation.timing,
        batch=generation.batch,
        usage=generation.usage,
        mean_logprob=generation.mean_logprob,
        finish_reason=generation.finish_reason,
        image_sizes=generation.image_sizes,
        prediction=prediction.value,
        reason=prediction.reason,
        repaired=prediction.repaired,
        reshaped=bool(prediction.reshaped),
        fields=score.fields,
        diff=score.diff,
        scores=score.scores,
        cached=generation.cached,
        measured_at=generation.measured_at,
        peak_memory_bytes=generation.peak_memory_bytes,
        environment=generation.environment,
        page_text=generation.page_text,
    )


def build_failed_record(case: Case, status: Status, error: BaseException) -> Record:
    """The record of a case without an answer: an `error`, or `skipped`, with its reason."""
    return replace(build_base_record(case, status), error=describe_failure(error))


def describe_failure(error: BaseException) -> Failure:
    """Why there is no answer, as a record says it."""
    if isinstance(error, UserError) and isinstance(error.message, Message):
        reason = make_message_safe(error.message)
        return Failure(error.kind, terminal_safe(in_english(reason)), reason)
    error_type = error.kind if isinstance(error, UserError) else type(error).__name__
    return Failure(error_type, terminal_safe(str(error)))


def build_base_record(case: Case, status: Status) -> Record:
    """What is known of a case before anything happened to it."""
    document, model = case.document, case.model
    return Record(
        case=case.id,
        suite=document.suite.name,
        document=document.id,
        document_name=document.name,
        document_sha256=_find_sha256(document.path),
        reference_sha256=_find_sha256(document.reference_path),
        scoring_sha256=hash_scoring_inputs(document),
        model=model.name,
        model_id=model.model_id,
        revision=model.revision,
        backend=model.backend,
        prompt=_find_prompt_text(case),
        prompt_id=case.prompt_id,
        generation_kwargs=model.generation_kwargs,
        status=status,
        tags=document.tags,
        verified=document.verified,
        inputs=compute_case_inputs(case),
    )


def remember_inputs(case: Case) -> None:
    """Reads and hashes what a case's record says of its inputs before there is a record, for these
    are remembered."""
    compute_case_inputs(case)
    _find_sha256(case.document.reference_path)


def collect_page_fields(prompt: Prompt) -> dict[str, Any]:
    """Which pages were sent, and of how many."""
    pages = prompt.pages
    indices = pages.indices if isinstance(pages, Pages) else tuple(page.index for page in pages)
    total = pages.total if isinstance(pages, Pages) else len(pages)
    return {
        "page_index": indices[0] if indices else None,
        "page_indices": indices,
        "pages_total": total,
    }


def _find_prompt_text(case: Case) -> str | None:
    try:
        return render_prompt_text(case.template, case.document.suite, case.prompt_id)
    except UserError:
        return None


def _find_sha256(path: Path | None) -> str | None:
    try:
        return compute_sha256(path) if path else None
    except OSError:
        return None
