"""A chat completion's bytes -> text, tokens, usage.

Both forms become the same `ChatReply`: one JSON object, or the events of a stream (`data: {...}`
lines until `[DONE]`). What comes from a server is as hostile as what a model says.
"""

import codecs
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.errors import GenerationError
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Usage

FINISH_REASONS = {
    "eos": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "max_length": "length",
}
SERVER_FIELDS = ("model", "system_fingerprint")
MIN_LOGPROB = -9999.0  # what vLLM writes for a probability of nothing; others write -Infinity


@dataclass(slots=True)
class ChatReply:
    """What a server answered. `first_token_seconds` and `last_token_seconds` count from sending,
    None without a stream."""

    text: str = ""
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    logprobs: list[Any] = field(default_factory=list)
    first_token_seconds: float | None = None
    last_token_seconds: float | None = None
    server_info: dict[str, Any] = field(default_factory=dict)


def parse_response(chunks: Sequence[tuple[float, bytes]]) -> ChatReply:
    """One JSON object. GenerationError where it is none, or has no choice in it."""
    data = b"".join(chunk for _, chunk in chunks)
    payload = _parse_object(data)
    choice = _get_first_choice(payload)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise _make_bad_reply_error("no choices[0].message", data)
    reply = ChatReply(text=_extract_text(message, data))
    _add_metadata(reply, payload, choice)
    return reply


def parse_stream(chunks: Sequence[tuple[float, bytes]]) -> ChatReply:
    """The events of a stream. GenerationError where it breaks off or an event is an error."""
    reply, is_complete = ChatReply(), False
    for seconds, data in parse_events(chunks):
        if data == b"[DONE]":
            is_complete = True
            break
        payload = _parse_object(data)
        if payload.get("error"):
            raise GenerationError("ServerError", f"the stream ended with {_format_excerpt(data)}")
        choice = _get_first_choice(payload) if payload.get("choices") else {}
        delta = choice.get("delta")
        delta_text = _extract_text(delta, data) if isinstance(delta, Mapping) else ""
        if delta_text:
            reply.text += delta_text
            if reply.first_token_seconds is None:
                reply.first_token_seconds = seconds
            reply.last_token_seconds = seconds
        _add_metadata(reply, payload, choice)
    if not is_complete and reply.finish_reason is None:
        raise GenerationError(
            "BadReply", f"the stream breaks off after {len(reply.text)} characters"
        )
    return reply


def parse_events(chunks: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """(seconds, data) of each `data:` line; a line may come in several chunks, and counts when its
    end is here."""
    incomplete_line = b""
    final_line_end = (chunks[-1][0] if chunks else 0.0, b"\n")
    for seconds, chunk in [*chunks, final_line_end]:
        *lines, incomplete_line = (incomplete_line + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield seconds, line[5:].strip()


def parse_usage(reply: ChatReply) -> Usage:
    """Tokens as the server counted them; visual ones where it says
    (`prompt_tokens_details.image_tokens`)."""
    details = reply.usage.get("prompt_tokens_details")
    image_tokens = details.get("image_tokens") if isinstance(details, Mapping) else None
    return Usage(
        prompt_tokens=_parse_count(reply.usage.get("prompt_tokens")),
        visual_tokens=_parse_count(image_tokens),
        output_tokens=_parse_count(reply.usage.get("completion_tokens")),
    )


def parse_token_logprobs(reply: ChatReply) -> tuple[tuple[str, float], ...]:
    """(text, log-probability) of each token; () where the server gives none, or they are not those
    of the text.

    A letter of several tokens belongs to the one that completes it. Markers after the end of the
    text are left out.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    token_logprobs: list[tuple[str, float]] = []
    text = ""
    for entry in reply.logprobs:
        logprob = _parse_logprob(entry)
        if logprob is None:
            return ()
        if len(text) >= len(reply.text):
            break
        token_bytes = entry.get("bytes")
        if isinstance(token_bytes, list):
            token_text = decoder.decode(_parse_bytes(token_bytes))
        else:
            token_text = _replace_surrogates(str(entry.get("token", "")))
        token_logprobs.append((token_text, logprob))
        text += token_text
    return tuple(token_logprobs) if text == reply.text else ()


def compute_mean_logprob(reply: ChatReply) -> float | None:
    """The mean over all tokens that the server gives one for."""
    parsed = map(_parse_logprob, reply.logprobs)
    logprobs = [logprob for logprob in parsed if logprob is not None]
    return sum(logprobs) / len(logprobs) if logprobs else None


def _add_metadata(reply: ChatReply, payload: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
    """Adds what an object or an event says beside its text."""
    if isinstance(payload.get("usage"), Mapping):
        reply.usage = payload["usage"]
    reason = choice.get("finish_reason")
    if isinstance(reason, str):
        reply.finish_reason = FINISH_REASONS.get(reason, reason)
    logprobs = choice.get("logprobs")
    token_entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    reply.logprobs += token_entries if isinstance(token_entries, list) else []
    for name in SERVER_FIELDS:
        if isinstance(payload.get(name), str):
            reply.server_info[name] = _replace_surrogates(payload[name])


def _parse_object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise _make_bad_reply_error("no JSON", data) from None
    if not isinstance(value, Mapping):
        raise _make_bad_reply_error("no JSON object", data)
    return value


def _get_first_choice(value: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = value.get("choices")
    first = next(itertools.islice(choices, 1), None) if isinstance(choices, list) else None
    if not isinstance(first, Mapping):
        raise _make_bad_reply_error("no choices[0]", json.dumps(value).encode())
    return first


def _extract_text(message: Mapping[str, Any], data: bytes) -> str:
    """The text of a message or delta: a string, a list of parts, or a refusal; "" where all went
    into thinking."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(
            str(part.get("text", "")) for part in content if isinstance(part, Mapping)
        )
    if content is None:
        content = message.get("refusal") or ""
    if not isinstance(content, str):
        raise _make_bad_reply_error("content that is no text", data)
    return _replace_surrogates(content)


def _replace_surrogates(text: str) -> str:
    """Half of a surrogate pair is valid in JSON's escapes, and nowhere that a reply is written
    to."""
    return text.encode("utf-8", "replace").decode()


def _parse_logprob(entry: Any) -> float | None:
    value = entry.get("logprob") if isinstance(entry, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(0.0, max(MIN_LOGPROB, float(value)))


def _parse_bytes(values: list[Any]) -> bytes:
    return bytes(value for value in values if isinstance(value, int) and 0 <= value < 256)


def _parse_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _make_bad_reply_error(problem: str, data: bytes) -> GenerationError:
    return GenerationError(
        "BadReply",
        f"the server answered 200 with {problem} ({len(data)} bytes): {_format_excerpt(data)}",
    )


def _format_excerpt(data: bytes) -> str:
    return terminal_safe(" ".join(data[:400].decode("utf-8", "replace").split()))[:200] or "nothing"
