"""Raw reply -> Prediction: JSON bare, fenced, in prose, broken, cut off, wrapped; YAML;
`key: value`; a refusal.

Replies are hostile text. Nothing here raises: what cannot be read is `unparsed`, with the reason.
Where the generation says which fields were asked for, data in another shape is brought into theirs
(`vlm_lab.parsing.shapes`) and marked.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vlm_lab.parsing.answers import Answer, choose_answer, is_no_answer
from vlm_lab.parsing.confidence import compute_confidences
from vlm_lab.parsing.json_extraction import ExtractedJson, decode_json_string, extract_json
from vlm_lab.parsing.key_values import parse_key_values
from vlm_lab.parsing.merging import merge_values
from vlm_lab.parsing.reasoning import find_answer_start
from vlm_lab.parsing.repetition import ends_in_loop
from vlm_lab.sanitize import replace_surrogates
from vlm_lab.types import Field, Generation, Prediction, PredictionStatus

# Reasons that name a kind of error, too: `vlm_lab.scoring.error_types` looks for them.
SCHEMA_ECHO = "schema echo"
REPETITION = "repetition"
LIST_AT_TOP = "at the top, no object"
REFUSAL_KEYS = ("error", "message", "refusal")

# How replies begin that give no answer, in the languages in which models have been seen to refuse.
_REFUSAL = re.compile(
    r"i(?:'|’)?\s?a?m (?:very |really )?sorry|i apologi[sz]e|^sorry\b|can(?:'|’)t assist"
    r"|\bas an ai\b|\bi (?:cannot|can(?:'|’)?t|can not|am unable|won(?:'|’)t|will not)\b"
    r"|i(?:'|’)m (?:unable|not able)|unable to (?:assist|help|process|read|view|extract)"
    r"|tut mir leid|\bich kann (?:\w+ ){0,6}nicht\b|leider kann ich"
    r"|je suis désolé|désolé,|je ne peux pas|je ne suis pas en mesure"
    r"|lo siento|no puedo|mi dispiace|non posso|non sono in grado|desculpe|não posso"
    r"|het spijt me|ik kan (?:\w+ ){0,6}niet|przykro mi|nie mogę"
    r"|извините|к сожалению|не могу|не в состоянии"
    r"|抱歉|对不起|無法|无法|申し訳|できません|죄송",
    re.IGNORECASE,
)


def parse(generation: Generation) -> Prediction:
    """The prediction of a reply; of a reply page by page the merged one."""
    finish_reason, fields = generation.finish_reason, generation.fields
    if generation.page_responses:
        pages = [parse_text(page, finish_reason, fields) for page in generation.page_responses]
        return merge_predictions(pages)
    prediction, answer = _parse_reply(generation.raw_response, finish_reason, fields)
    if not generation.tokens or answer is None:
        return prediction
    return replace(prediction, confidences=compute_confidences(generation, answer.starts))


def parse_text(
    raw: str, finish_reason: str | None = None, fields: Sequence[Field] = ()
) -> Prediction:
    """The prediction of one text. `finish_reason` "length" says that it was cut off; an object that
    is not closed says so, too: then the values that were complete are kept."""
    return _parse_reply(raw, finish_reason, fields)[0]


def _parse_reply(
    raw: str, finish_reason: str | None, fields: Sequence[Field]
) -> tuple[Prediction, Answer | None]:
    """The prediction, and the JSON in the reply that it was made of, where it was."""
    cut_off = finish_reason == "length"
    answer_start, is_unfinished_thought = find_answer_start(raw)
    text = raw[answer_start:]
    decoded = decode_json_string(text)
    candidates = extract_json(decoded, cut_off)
    offset = answer_start if decoded is text else len(raw)
    candidates = [replace(each, start=each.start + offset) for each in candidates]
    answer = choose_answer(candidates, fields)
    if answer is not None and fields and decoded is not text:
        answer = replace(answer, reshaped=True)
    if is_unfinished_thought and (cut_off or answer is None or answer.truncated):
        return _make_truncated("cut off before the thoughts ended", raw), None
    if answer is not None:
        return _parse_answer(answer, raw), answer
    return _parse_without_object(text.strip(), raw, cut_off, candidates, fields), None


def _parse_answer(answer: Answer, raw: str) -> Prediction:
    if len(answer.value) == 1:
        ((key, only_value),) = answer.value.items()
        is_message = key in REFUSAL_KEYS and isinstance(only_value, str)
        if is_message and _REFUSAL.search(only_value):
            return Prediction(value=None, status="refused", reason=_format_excerpt(only_value))
    value = replace_surrogates(answer.value)
    if answer.truncated and not value:
        return _make_truncated("cut off before any value was complete", raw)
    return Prediction(
        value=value,
        status="truncated" if answer.truncated else "ok",
        reason=REPETITION if answer.truncated and ends_in_loop(raw) else "",
        repaired=answer.repaired,
        reshaped=answer.reshaped,
    )


def _parse_without_object(
    text: str, raw: str, cut_off: bool, candidates: Sequence[ExtractedJson], fields: Sequence[Field]
) -> Prediction:
    """Of a reply in which no structure is an answer."""
    if candidates and all(is_no_answer(candidate.value) for candidate in candidates):
        return _make_unparsed(SCHEMA_ECHO)
    if _REFUSAL.search(text[:300]):
        return Prediction(value=None, status="refused", reason=_format_excerpt(text))
    key_values = parse_key_values(text, cut_off)
    if key_values:
        answer = choose_answer([ExtractedJson(key_values, truncated=cut_off)], fields)
        if answer is None:
            return _make_unparsed(SCHEMA_ECHO)
        return replace(_parse_answer(answer, raw), repaired=False)
    if cut_off:
        return _make_truncated("cut off before any value was complete", raw)
    if "{" not in text and ends_in_loop(raw):
        return _make_unparsed(REPETITION)
    return _make_unparsed(_explain_unparsed(text, candidates))


def merge_predictions(pages: Sequence[Prediction]) -> Prediction:
    """One prediction of several pages: field by field the first value that is not empty, rows
    appended. Of several pages each reason says which page it is of."""
    if len(pages) == 1:
        return pages[0]
    value: dict[str, Any] = {}
    usable_pages = [page for page in pages if page.value is not None]
    for page in usable_pages:
        value = merge_values(value, page.value)
    reasons = [
        f"page {number}: {page.reason}" for number, page in enumerate(pages, 1) if page.reason
    ]
    status = _merge_statuses([page.status for page in pages], bool(usable_pages))
    return Prediction(
        value=value if usable_pages else None,
        status=status,
        reason="; ".join(reasons),
        repaired=any(page.repaired for page in pages),
        reshaped=any(flags) if None not in (flags := {page.reshaped for page in pages}) else None,
    )


def _merge_statuses(statuses: Sequence[PredictionStatus], has_usable: bool) -> PredictionStatus:
    """A page that was cut off marks the whole; one without an answer only where no page has one."""
    if "truncated" in statuses:
        return "truncated"
    if has_usable:
        return "ok"
    return "refused" if "refused" in statuses else "unparsed"


def _explain_unparsed(text: str, candidates: Sequence[ExtractedJson]) -> str:
    if not text:
        return "empty reply"
    lengths = [
        len(candidate.value) for candidate in candidates if isinstance(candidate.value, list)
    ]
    if lengths:
        return f"a list of {max(lengths)} {LIST_AT_TOP}"
    return "no JSON object, or one nested too deeply" if "{" in text else "no JSON object"


def _make_truncated(reason: str, raw: str) -> Prediction:
    return Prediction(
        value=None, status="truncated", reason=REPETITION if ends_in_loop(raw) else reason
    )


def _make_unparsed(reason: str) -> Prediction:
    return Prediction(value=None, status="unparsed", reason=reason)


def _format_excerpt(text: str) -> str:
    line = " ".join(replace_surrogates(text).split())
    return line if len(line) <= 120 else f"{line[:119]}…"
