"""Raw reply -> Prediction: JSON bare, fenced, inside prose, broken, cut off; `key: value` lines; a
refusal; an echo.

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
MAX_KEY_LENGTH = 40  # characters of a label in `label: value`
_REASONING_START = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_REASONING_END = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_KEY_VALUE_PAIR = re.compile(
    r"[\s>*•\-|]*([^\W\d_][\w .\-/()№#']*?)[\s*]*[:=：][\s*]*(\S.*?)[\s*|]*"
)
_SURROGATE = re.compile("[\ud800-\udfff]")

# How replies begin that give no answer, in the languages in which models have been seen to refuse.
_REFUSAL = re.compile(
    r"i(?:'|’)?\s?a?m (?:very |really )?sorry|i apologi[sz]e|^sorry\b|can(?:'|’)t assist|\bas an ai\b"
    r"|\bi (?:cannot|can(?:'|’)?t|can not|am unable|won(?:'|’)t|will not)\b|i(?:'|’)m (?:unable|not able)"
    r"|unable to (?:assist|help|process|read|view|extract)|tut mir leid|\bich kann (?:\w+ ){0,6}nicht\b|leider kann ich"
    r"|je suis désolé|désolé,|je ne peux pas|je ne suis pas en mesure|lo siento|no puedo|mi dispiace|non posso"
    r"|non sono in grado|desculpe|não posso|het spijt me|ik kan (?:\w+ ){0,6}niet|przykro mi|nie mogę"
    r"|извините|к сожалению|не могу|не в состоянии|抱歉|对不起|無法|无法|申し訳|できません|죄송",
    re.IGNORECASE,
)


def parse(generation: Generation) -> Prediction:
    """The prediction of a reply; of a reply page by page the merged one."""
    if generation.page_responses:
        return merge_predictions(
            [parse_text(page, generation.finish_reason) for page in generation.page_responses]
        )
    prediction = parse_text(generation.raw_response, generation.finish_reason)
    if not generation.tokens or prediction.value is None:
        return prediction
    return replace(
        prediction,
        confidences=compute_confidences(generation, _find_answer_start(generation.raw_response)),
    )


def parse_text(raw: str, finish_reason: str | None = None) -> Prediction:
    """The prediction of one text. `finish_reason` "length" says that it was cut off; an object that
    is not closed says so, too: then the values that were complete are kept."""
    cut_off = finish_reason == "length"
    text = _strip_reasoning(raw)
    if text is None:
        return Prediction(
            value=None, status="truncated", reason="cut off before the thoughts ended"
        )
    found = extract_json(text, cut_off)
    best = _select_best_object(found)
    if best is not None:
        return _parse_object(best)
    if found and all(_is_schema_echo(each.value) for each in found):
        return _make_unparsed(SCHEMA_ECHO)
    if _REFUSAL.search(text[:300]):
        return Prediction(value=None, status="refused", reason=_format_excerpt(text))
    pairs = _parse_key_value_pairs(text, cut_off)
    if pairs:
        return Prediction(
            value=_replace_surrogates(unflatten_dotted_keys(pairs)),
            status="truncated" if cut_off else "ok",
        )
    if cut_off:
        return Prediction(
            value=None, status="truncated", reason="cut off before any value was complete"
        )
    return _make_unparsed(_explain_unparsed(text, found))


def merge_predictions(pages: Sequence[Prediction]) -> Prediction:
    """One prediction of several pages: field by field the first value that is not empty, rows
    appended. Of several pages each reason says which page it is of."""
    if len(pages) == 1:
        return pages[0]
    value: dict[str, Any] = {}
    usable = [page for page in pages if page.value is not None]
    for page in usable:
        value = _merge_values(value, page.value)
    reasons = [
        f"page {number}: {page.reason}" for number, page in enumerate(pages, 1) if page.reason
    ]
    repaired = any(page.repaired for page in pages)
    status = _merge_statuses([page.status for page in pages], bool(usable))
    return Prediction(
        value=value if usable else None, status=status, reason="; ".join(reasons), repaired=repaired
    )


def _merge_statuses(statuses: Sequence[PredictionStatus], usable: bool) -> PredictionStatus:
    """A page that was cut off marks the whole; a page without an answer only where no page has
    one."""
    if "truncated" in statuses:
        return "truncated"
    return "ok" if usable else "refused" if "refused" in statuses else "unparsed"


def _merge_values(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {
            key: _merge_values(one.get(key), other.get(key))
            for key in dict.fromkeys((*one, *other))
        }
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    return other if one in (None, "", [], {}) else one


def _strip_reasoning(raw: str) -> str | None:
    """The reply without its thoughts; None where they never end."""
    start = _find_answer_start(raw)
    return None if not start and _REASONING_START.match(raw.lstrip()) else raw[start:].strip()


def _find_answer_start(raw: str) -> int:
    ends = [found.end() for found in _REASONING_END.finditer(raw)]
    return ends[-1] if ends else 0


def _select_best_object(found: Sequence[ExtractedJson]) -> ExtractedJson | None:
    """The object that says the most; of equals a closed one, then the later one. A list of one
    object is that one."""
    objects = [
        ExtractedJson(_unwrap_single_item(each.value), each.repaired, each.truncated)
        for each in found
    ]
    usable = [
        each
        for each in objects
        if isinstance(each.value, Mapping) and not _is_schema_echo(each.value)
    ]
    ranked = sorted(
        usable, key=lambda each: (sum(1 for _ in flatten_json(each.value)), not each.truncated)
    )
    return ranked[-1] if ranked else None


def _unwrap_single_item(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _parse_object(found: ExtractedJson) -> Prediction:
    said = next(iter(found.value.values()), None) if len(found.value) == 1 else None
    if (
        isinstance(said, str)
        and {*found.value} <= {"error", "message", "refusal"}
        and _REFUSAL.search(said)
    ):
        return Prediction(value=None, status="refused", reason=_format_excerpt(said))
    value = _replace_surrogates(unflatten_dotted_keys(found.value))
    if found.truncated and not value:
        return Prediction(
            value=None, status="truncated", reason="cut off before any value was complete"
        )
    return Prediction(
        value=value, status="truncated" if found.truncated else "ok", repaired=found.repaired
    )


def _is_schema_echo(value: Any) -> bool:
    """Whether an object is a JSON Schema, or fields with their types instead of values."""
    if not isinstance(value, Mapping) or not value:
        return False
    fields = value.get("properties", value)
    return (
        isinstance(fields, Mapping)
        and bool(fields)
        and all(_is_schema(each) for each in fields.values())
    )


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping) and (
        "$ref" in value or "anyOf" in value or _is_json_type(value.get("type"))
    )


def _is_json_type(kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return all(
        each in ("string", "number", "integer", "object", "array", "boolean", "null")
        for each in kinds
    )


def _parse_key_value_pairs(text: str, cut_off: bool) -> dict[str, str]:
    """`Seller: PagerDuty Inc.; Total: 12.00` -> its pairs, where at least half of the segments are
    pairs."""
    if len(text) > 20_000:
        return {}
    segments = [segment for segment in re.split(r"[\n;]", text) if segment.strip("`*-_ \t\r")]
    matches = [
        _KEY_VALUE_PAIR.fullmatch(segment)
        for segment in (segments[:-1] if cut_off else segments)
        if len(segment) < 500
    ]
    pairs = [
        match
        for match in matches
        if match and len(match[1]) <= MAX_KEY_LENGTH and len(match[1].split()) <= 5
    ]
    if 2 * len(pairs) < len(segments) or (
        len(segments) == 1 and pairs and len(pairs[0][1].split()) > 2
    ):
        return {}
    found: dict[str, str] = {}
    for match in pairs:
        found.setdefault(match[1], match[2])
    return found


def _explain_unparsed(text: str, found: Sequence[ExtractedJson]) -> str:
    if not text:
        return "empty reply"
    lists = [len(each.value) for each in found if isinstance(each.value, list)]
    if lists:
        return f"a list of {max(lists)} at the top, no object"
    return "no JSON object, or one nested too deeply" if "{" in text else "no JSON object"


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
        return {
            _replace_surrogates(key): _replace_surrogates(inner) for key, inner in value.items()
        }
    return [_replace_surrogates(each) for each in value] if isinstance(value, list) else value
