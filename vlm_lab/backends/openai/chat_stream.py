"""A chat completion's bytes -> `ChatReply`.

One JSON object, or the events of a stream (`data: {...}` lines until `[DONE]`): which of them came
is seen from the bytes, for a server may not do what it was asked. What comes from a server is as
hostile as what a model says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.backends.openai.chat_reply import CONTENT_FILTER, ChatReply
from vlm_lab.errors import GenerationError
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe

Chunks = Sequence[tuple[float, bytes]]

STREAM_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


def parse_reply(chunks: Chunks) -> ChatReply:
    """The reply in a body of either form. GenerationError says why there is none."""
    is_stream = b"".join(chunk for _, chunk in chunks).lstrip().startswith(STREAM_FIELDS)
    reply = _parse_stream(chunks) if is_stream else _parse_response(chunks)
    if reply.finish_reason == CONTENT_FILTER and not reply.text:
        raise GenerationError("ContentFilter", Message("withheld"))
    return reply


def _parse_response(chunks: Chunks) -> ChatReply:
    """One JSON object. GenerationError where it is none, or has no choice in it."""
    data = b"".join(chunk for _, chunk in chunks)
    payload = _parse_object(data)
    choice = _find_choice(payload) or {}
    _raise_for_error(payload, choice, "answered_error")
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise _make_bad_reply_error("no_choice", data)
    reply = ChatReply()
    _add_message(reply, message, data)
    reply.add_metadata(payload, choice)
    return reply


def _parse_stream(chunks: Chunks) -> ChatReply:
    """The events of a stream. GenerationError where it breaks off or an event is an error."""
    reply, is_complete = ChatReply(), False
    for seconds, event, data in parse_events(chunks):
        if data == b"[DONE]":
            is_complete = True
            break
        if event == b"error":
            figures = {"said": _format_excerpt(data)}
            raise GenerationError("ServerError", Message("stream_failed", figures))
        payload = _parse_object(data)
        choice = _find_choice(payload) or {}
        _raise_for_error(payload, choice, "stream_failed")
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, Mapping) and _add_message(reply, delta, data):
            if reply.first_token_seconds is None:
                reply.first_token_seconds = seconds
            reply.last_token_seconds = seconds
        reply.add_metadata(payload, choice)
    if not is_complete and reply.finish_reason is None:
        raise GenerationError("BadReply", Message("stream_broke", {"n": len(reply.text)}))
    return reply


def parse_events(chunks: Chunks) -> Iterator[tuple[float, bytes, bytes]]:
    """(seconds, event's name or b"", data) of each `data:` line that says something; a line may
    come in several chunks, and counts when its end is here."""
    incomplete_line, event = b"", b""
    final_line_end = (chunks[-1][0] if chunks else 0.0, b"\n")
    for seconds, chunk in [*chunks, final_line_end]:
        *lines, incomplete_line = (incomplete_line + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b":")
            value = value.strip()
            if name == b"event":
                event = value
            elif name == b"data" and value:
                yield seconds, event, value
            elif not line.strip():
                event = b""


def _add_message(reply: ChatReply, message: Mapping[str, Any], data: bytes) -> bool:
    try:
        return reply.add_message(message)
    except TypeError:
        raise _make_bad_reply_error("no_text", data) from None


def _raise_for_error(
    payload: Mapping[str, Any], choice: Mapping[str, Any], message_kind: str
) -> None:
    """An error that came with status 200, in the forms of vLLM, SGLang and OpenRouter."""
    is_error_object = "error" in (payload.get("object"), payload.get("type"))
    error = payload.get("error") or choice.get("error") or (payload if is_error_object else None)
    if error:
        text = json.dumps(error, ensure_ascii=False)
        figures = {"said": _format_excerpt(text.encode("utf-8", "replace"))}
        raise GenerationError("ServerError", Message(message_kind, figures))


def _parse_object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise _make_bad_reply_error("no_json", data) from None
    if not isinstance(value, Mapping):
        raise _make_bad_reply_error("no_json_object", data)
    return value


def _find_choice(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The choice numbered 0, or the one without a number: others may come before it, and an event
    may have none."""
    choices = payload.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and choice.get("index") in (0, None):
            return choice
    return None


def _make_bad_reply_error(problem: str, data: bytes) -> GenerationError:
    figures = {"what": Message(problem), "n": len(data), "said": _format_excerpt(data)}
    return GenerationError("BadReply", Message("bad_answer", figures))


def _format_excerpt(data: bytes) -> Message | str:
    text = terminal_safe(" ".join(data[:400].decode("utf-8", "replace").split()))
    return text[:200] or Message("said_nothing")
