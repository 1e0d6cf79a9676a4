"""Summaries -> what says that there is no figure, or why: cells that were not simply answered,
candidates that were not asked, and those that cannot be judged."""

import gettext
from collections.abc import Mapping, Sequence

from vlm_lab.messages import ENGLISH, Message, translate_message
from vlm_lab.types import ANSWERED, Summary


def has_run(summary: Summary) -> bool:
    """Whether a candidate was asked at all: one whose weights are elsewhere has nothing to be
    judged by."""
    return any(summary.statuses.get(status) for status in (*ANSWERED, "error"))


def format_unanswered(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """What kept cells from being simply answered: one line a model and reason, with the first
    documents' names. The reason itself is what a backend or a reply said."""
    documents_by_reason: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for summary in summaries:
        for document, (status, said) in summary.unanswered.items():
            reason = translate_message(said, catalogue).removeprefix(f"{summary.model}: ")
            reason_key = summary.model, status, reason
            documents_by_reason.setdefault(reason_key, {}).setdefault(summary.prompt_id, []).append(
                document
            )
    planned_counts = {
        (summary.model, summary.prompt_id): summary.documents + summary.left_out
        for summary in summaries
    }
    lines = []
    for (model, status, reason), prompts in documents_by_reason.items():
        is_every_document = all(
            len(documents) == planned_counts[model, prompt_id]
            for prompt_id, documents in prompts.items()
        )
        which_documents = (
            catalogue.gettext("all %s") % sum(map(len, prompts.values()))
            if is_every_document
            else _format_documents(prompts, catalogue)
        )
        status_name = catalogue.gettext(status.replace("_", " "))
        line = f"{model}: {which_documents} {status_name}"
        lines.append(f"{line}: {reason}" if reason else line)
    return lines


def format_unmatched(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """Replies that say something and nothing that was asked for, a line a candidate and kind: what
    stands beside such an F1."""
    return [
        translate_message(
            Message(
                error_type,
                {
                    "candidate": summary.candidate.label,
                    "n": count,
                    "documents": sum(summary.statuses.get(status, 0) for status in ANSWERED),
                },
            ),
            catalogue,
        )
        for summary in summaries
        for error_type, count in summary.unmatched.items()
    ]


def format_unasked(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """Candidates of which nothing was run, a line for each reason: `a (default), b (terse): no
    weights`."""
    return _format_reasons(
        [each for each in summaries if is_unasked(each) and not answers_references(each)], catalogue
    )


def format_unjudged(
    summaries: Sequence[Summary], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """Candidates that answered and have no figures, as their answers are the references."""
    return _format_reasons(
        [each for each in summaries if is_unasked(each) and answers_references(each)], catalogue
    )


def answers_references(summary: Summary) -> bool:
    """Whether an answer of the candidate is the file that its reference is."""
    reasons = (reason for _, reason in summary.unanswered.values())
    return any(isinstance(each, Message) and each.kind == "own_reference" for each in reasons)


def _format_reasons(summaries: Sequence[Summary], catalogue: gettext.NullTranslations) -> list[str]:
    labels_by_reason: dict[str, list[str]] = {}
    for summary in summaries:
        unique_reasons = dict.fromkeys(
            translate_message(reason, catalogue).removeprefix(f"{summary.model}: ")
            for _, reason in summary.unanswered.values()
        )
        labels_by_reason.setdefault("; ".join(filter(None, unique_reasons)), []).append(
            summary.candidate.label
        )
    return [
        f"{', '.join(labels)}{f': {reason}' if reason else ''}"
        for reason, labels in labels_by_reason.items()
    ]


def is_unasked(summary: Summary) -> bool:
    """Whether each cell was skipped, not run or left out; a dry run's cells were looked at."""
    return summary.statuses.keys() <= {"skipped", "not_run"}


def _format_documents(
    prompts: Mapping[str, Sequence[str]], catalogue: gettext.NullTranslations
) -> str:
    """`2 (default: inv_1, inv_2)`"""
    parts = [f"{prompt_id}: {', '.join(documents[:3])}" for prompt_id, documents in prompts.items()]
    hidden_count = sum(max(len(documents) - 3, 0) for documents in prompts.values())
    hidden_text = f" {catalogue.gettext('and %s more') % hidden_count}" if hidden_count else ""
    return f"{sum(map(len, prompts.values()))} ({'; '.join(parts)}{hidden_text})"
