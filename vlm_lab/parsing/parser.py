"""Raw reply -> Prediction: JSON bare, fenced, in prose, broken, cut off; `key: value`; a refusal.

Replies are hostile text. Nothing here raises: what cannot be read is `unparsed`, with the reason.
What a model wrote before `</think>` is not its answer. Of several objects the one with the most
leaves is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vlm_lab.fields.flattening import unflatten_dotted_keys
from vlm_lab.fields.schema import flatten_json
from vlm_lab.parsing.confidence import compute_confidences
from vlm_lab.parsing.json_extraction import ExtractedJson, extract_json
from vlm_lab.types import Generation, Prediction, PredictionStatus

SCHEMA_ECHO = "schema echo"
REFUSAL_KEYS = ("error", "message", "refusal")
JSON_TYPES = ("string", "number", "integer", "object", "array", "boolean", "null")
MAX_KEY_LENGTH = 40  # characters of a label in `label: value`
_REASONING_START = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_REASONING_END = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_KEY_VALUE_PAIR = re.compile(
    r"[\s>*•\-|]*([^\W\d_][\w .\-/()№#']*?)[\s*]*[:=：][\s*]*(\S.*?)[\s*|]*"
)
_SURROGATE = re.compile("[\ud800-\udfff]")

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
    if generation.page_responses:
        pages = [parse_text(page, generation.finish_reason) for page in generation.page_responses]
        return merge_predictions(pages)
    prediction = parse_text(generation.raw_response, generation.finish_reason)
    if not generation.tokens or prediction.value is None:
        return prediction
    answer_start = _find_answer_start(generation.raw_response)
    return replace(prediction, confidences=compute_confidences(generation, answer_start))


def parse_text(raw: str, finish_reason: str | None = None) -> Prediction:
    """The prediction of one text. `finish_reason` "length" says that it was cut off; an object that
    is not closed says so, too: then the values that were complete are kept."""
    cut_off = finish_reason == "length"
    text = _strip_reasoning(raw)
    if text is None:
        return _make_truncated("cut off before the thoughts ended")
    candidates = extract_json(text, cut_off)
    best_object = _select_best_object(candidates)
    if best_object is not None:
        return _parse_object(best_object)
    if candidates and all(_is_schema_echo(candidate.value) for candidate in candidates):
        return _make_unparsed(SCHEMA_ECHO)
    if _REFUSAL.search(text[:300]):
        return Prediction(value=None, status="refused", reason=_format_excerpt(text))
    key_values = _parse_key_value_pairs(text, cut_off)
    if key_values:
        return Prediction(
            value=_replace_surrogates(unflatten_dotted_keys(key_values)),
            status="truncated" if cut_off else "ok",
        )
    if cut_off:
        return _make_truncated("cut off before any value was complete")
    return _make_unparsed(_explain_unparsed(text, candidates))


def merge_predictions(pages: Sequence[Prediction]) -> Prediction:
    """One prediction of several pages: field by field the first value that is not empty, rows
    appended. Of several pages each reason says which page it is of."""
    if len(pages) == 1:
        return pages[0]
    value: dict[str, Any] = {}
    usable_pages = [page for page in pages if page.value is not None]
    for page in usable_pages:
        value = _merge_values(value, page.value)
    reasons = [
        f"page {number}: {page.reason}" for number, page in enumerate(pages, 1) if page.reason
    ]
    repaired = any(page.repaired for page in pages)
    status = _merge_statuses([page.status for page in pages], bool(usable_pages))
    return Prediction(
        value=value if usable_pages else None,
        status=status,
        reason="; ".join(reasons),
        repaired=repaired,
    )


def _merge_statuses(statuses: Sequence[PredictionStatus], has_usable: bool) -> PredictionStatus:
    """A page that was cut off marks the whole; one without an answer only where no page has one."""
    if "truncated" in statuses:
        return "truncated"
    if has_usable:
        return "ok"
    return "refused" if "refused" in statuses else "unparsed"


def _merge_values(earlier: Any, later: Any) -> Any:
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        keys = dict.fromkeys((*earlier, *later))
        return {key: _merge_values(earlier.get(key), later.get(key)) for key in keys}
    if isinstance(earlier, list) and isinstance(later, list):
        return earlier + later
    return later if earlier in (None, "", [], {}) else earlier


def _strip_reasoning(raw: str) -> str | None:
    """The reply without its thoughts; None where they never end."""
    start = _find_answer_start(raw)
    return None if not start and _REASONING_START.match(raw.lstrip()) else raw[start:].strip()


def _find_answer_start(raw: str) -> int:
    ends = [match.end() for match in _REASONING_END.finditer(raw)]
    return ends[-1] if ends else 0


def _select_best_object(candidates: Sequence[ExtractedJson]) -> ExtractedJson | None:
    """The object that says the most; of equals a closed one, then the later one. A list of one
    object is that one."""
    objects = [
        ExtractedJson(_unwrap_single_item(candidate.value), candidate.repaired, candidate.truncated)
        for candidate in candidates
    ]
    answers = [
        candidate
        for candidate in objects
        if isinstance(candidate.value, Mapping) and not _is_schema_echo(candidate.value)
    ]
    ranked = sorted(answers, key=_rank_answer)
    return ranked[-1] if ranked else None


def _rank_answer(candidate: ExtractedJson) -> tuple[int, bool]:
    return sum(1 for _ in flatten_json(candidate.value)), not candidate.truncated


def _unwrap_single_item(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _parse_object(extracted: ExtractedJson) -> Prediction:
    if len(extracted.value) == 1:
        ((key, only_value),) = extracted.value.items()
        is_message = key in REFUSAL_KEYS and isinstance(only_value, str)
        if is_message and _REFUSAL.search(only_value):
            return Prediction(value=None, status="refused", reason=_format_excerpt(only_value))
    value = _replace_surrogates(unflatten_dotted_keys(extracted.value))
    if extracted.truncated and not value:
        return _make_truncated("cut off before any value was complete")
    return Prediction(
        value=value,
        status="truncated" if extracted.truncated else "ok",
        repaired=extracted.repaired,
    )


def _is_schema_echo(value: Any) -> bool:
    """Whether an object is a JSON Schema, or fields with their types instead of values."""
    if not isinstance(value, Mapping) or not value:
        return False
    fields = value.get("properties", value)
    if not isinstance(fields, Mapping) or not fields:
        return False
    return all(_is_schema(field) for field in fields.values())


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping) and (
        "$ref" in value or "anyOf" in value or _is_json_type(value.get("type"))
    )


def _is_json_type(declared: Any) -> bool:
    names = declared if isinstance(declared, list) else [declared]
    return all(name in JSON_TYPES for name in names)


def _parse_key_value_pairs(text: str, cut_off: bool) -> dict[str, str]:
    """`Seller: PagerDuty Inc.; Total: 12.00` -> its pairs, if at least half of it is pairs."""
    if len(text) > 20_000:
        return {}
    segments = [segment for segment in re.split(r"[\n;]", text) if segment.strip("`*-_ \t\r")]
    whole_segments = segments[:-1] if cut_off else segments
    matches = [
        _KEY_VALUE_PAIR.fullmatch(segment) for segment in whole_segments if len(segment) < 500
    ]
    pair_matches = [
        match
        for match in matches
        if match and len(match[1]) <= MAX_KEY_LENGTH and len(match[1].split()) <= 5
    ]
    if 2 * len(pair_matches) < len(segments):
        return {}
    # One segment alone is rather a sentence, unless what stands before its colon is short.
    if len(segments) == 1 and pair_matches and len(pair_matches[0][1].split()) > 2:
        return {}
    key_values: dict[str, str] = {}
    for match in pair_matches:
        key_values.setdefault(match[1], match[2])
    return key_values


def _explain_unparsed(text: str, candidates: Sequence[ExtractedJson]) -> str:
    if not text:
        return "empty reply"
    lengths = [
        len(candidate.value) for candidate in candidates if isinstance(candidate.value, list)
    ]
    if lengths:
        return f"a list of {max(lengths)} at the top, no object"
    return "no JSON object, or one nested too deeply" if "{" in text else "no JSON object"


def _make_truncated(reason: str) -> Prediction:
    return Prediction(value=None, status="truncated", reason=reason)


def _make_unparsed(reason: str) -> Prediction:
    return Prediction(value=None, status="unparsed", reason=reason)


def _format_excerpt(text: str) -> str:
    line = " ".join(_SURROGATE.sub("\ufffd", text).split())
    return line if len(line) <= 120 else f"{line[:119]}…"


def _replace_surrogates(value: Any) -> Any:
    """Without lone surrogates, which no file could hold."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value) if not value.isascii() else value
    if isinstance(value, Mapping):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    return [_replace_surrogates(item) for item in value] if isinstance(value, list) else value
