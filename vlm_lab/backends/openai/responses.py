"""A chat completion's bytes -> text, tokens, usage. What comes from a server is as hostile as what
a model says.

Both forms end in the same words: one JSON object, or the events of a stream (`data: {...}` lines
until `[DONE]`).
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
MIN_LOGPROB = -9999.0  # what vLLM writes for a probability of nothing; others write -Infinity


@dataclass(slots=True)
class ChatReply:
    """What a server answered. `first_token` and `last_token` are seconds after sending, None
    without a stream."""

    text: str = ""
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    logprobs: list[Any] = field(default_factory=list)
    first_token_seconds: float | None = None
    last_token_seconds: float | None = None
    server_info: dict[str, Any] = field(default_factory=dict)


def parse_response(pieces: Sequence[tuple[float, bytes]]) -> ChatReply:
    """One JSON object. GenerationError where it is none, or has no choice in it."""
    data = b"".join(piece for _, piece in pieces)
    value = _parse_object(data)
    choice = _get_first_choice(value)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise _make_bad_reply_error("no choices[0].message", data)
    return _add_metadata(ChatReply(text=_extract_text(message, data)), value, choice)


def parse_stream(pieces: Sequence[tuple[float, bytes]]) -> ChatReply:
    """The events of a stream. GenerationError where it breaks off or an event is an error."""
    reply, done = ChatReply(), False
    for seconds, data in parse_events(pieces):
        if data == b"[DONE]":
            done = True
            break
        value = _parse_object(data)
        if value.get("error"):
            raise GenerationError("ServerError", f"the stream ended with {_format_excerpt(data)}")
        choice = _get_first_choice(value) if value.get("choices") else {}
        delta = choice.get("delta")
        words = _extract_text(delta, data) if isinstance(delta, Mapping) else ""
        if words:
            reply.text += words
            reply.first_token_seconds = (
                seconds if reply.first_token_seconds is None else reply.first_token_seconds
            )
            reply.last_token_seconds = seconds
        _add_metadata(reply, value, choice)
    if not done and reply.finish_reason is None:
        raise GenerationError(
            "BadReply", f"the stream breaks off after {len(reply.text)} characters"
        )
    return reply


def parse_events(pieces: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """(seconds, data) of each `data:` line; a line may come in several pieces, and counts when its
    end is here."""
    rest = b""
    for seconds, piece in [*pieces, (pieces[-1][0] if pieces else 0.0, b"\n")]:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield seconds, line[5:].strip()


def parse_usage(reply: ChatReply) -> Usage:
    """Tokens as the server counted them; visual ones where it says
    (`prompt_tokens_details.image_tokens`)."""
    details = reply.usage.get("prompt_tokens_details")
    visual = details.get("image_tokens") if isinstance(details, Mapping) else None
    return Usage(
        _parse_count(reply.usage.get("prompt_tokens")),
        _parse_count(visual),
        _parse_count(reply.usage.get("completion_tokens")),
    )


def parse_token_logprobs(reply: ChatReply) -> tuple[tuple[str, float], ...]:
    """(text, log-probability) of each token; () where the server gives none, or they are not those
    of the text.

    A letter of several tokens belongs to the one that completes it. Markers after the end of the
    text are left out.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found, length = [], 0
    for entry in reply.logprobs:
        value, raw = (
            _parse_logprob(entry),
            entry.get("bytes") if isinstance(entry, Mapping) else None,
        )
        if value is None:
            return ()
        words = (
            decoder.decode(_parse_bytes(raw))
            if isinstance(raw, list)
            else _replace_surrogates(str(entry.get("token", "")))
        )
        if length >= len(reply.text):
            break
        found.append((words, value))
        length += len(words)
    return tuple(found) if "".join(words for words, _ in found) == reply.text else ()


def compute_mean_logprob(reply: ChatReply) -> float | None:
    """The mean over all tokens that the server gives one for."""
    values = [_parse_logprob(entry) for entry in reply.logprobs]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _add_metadata(
    reply: ChatReply, value: Mapping[str, Any], choice: Mapping[str, Any]
) -> ChatReply:
    """Adds what an object or an event says beside its words."""
    if isinstance(value.get("usage"), Mapping):
        reply.usage = value["usage"]
    reason = choice.get("finish_reason")
    if isinstance(reason, str):
        reply.finish_reason = FINISH_REASONS.get(reason, reason)
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    reply.logprobs += content if isinstance(content, list) else []
    told = ("model", "system_fingerprint")
    reply.server_info |= {
        name: _replace_surrogates(value[name]) for name in told if isinstance(value.get(name), str)
    }
    return reply


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
    """The words of a message or delta: a text, a list of parts, or a refusal; none where all went
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


def _make_bad_reply_error(what: str, data: bytes) -> GenerationError:
    return GenerationError(
        "BadReply",
        f"the server answered 200 with {what} ({len(data)} bytes): {_format_excerpt(data)}",
    )


def _format_excerpt(data: bytes) -> str:
    return terminal_safe(" ".join(data[:400].decode("utf-8", "replace").split()))[:200] or "nothing"
