"""The messages or deltas of a chat completion -> one `ChatReply`: its text, wherever it stands.

An answer is in `content`. Servers also put it into the arguments of a tool call, or, with a parser
of thoughts that does not fit the model, into `reasoning_content` while `content` stays empty.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Where a text can stand, the most trustworthy first. vLLM's newer versions say `reasoning`.
CONTENT, TOOL_CALLS, REASONING, REFUSAL = "content", "tool_calls", "reasoning_content", "refusal"
REASONING_KEYS = (REASONING, "reasoning")
THOUGHT_PART_TYPES = ("thinking", "reasoning", "reasoning_text")
FINISH_REASONS = {
    "eos": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "max_tokens": "length",
    "max_length": "length",
}
CONTENT_FILTER = "content_filter"
SERVER_FIELDS = ("model", "system_fingerprint")


@dataclass(slots=True)
class ChatReply:
    """What a server answered. `pieces` has what came in each place, tool calls by their number;
    `first_token_seconds` and `last_token_seconds` count from sending, None without a stream."""

    pieces: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    logprobs: list[Any] = field(default_factory=list)
    first_token_seconds: float | None = None
    last_token_seconds: float | None = None
    server_info: dict[str, Any] = field(default_factory=dict)

    @property
    def text_place(self) -> str:
        """Where the answer stands."""
        places = {place for (place, _), texts in self.pieces.items() if "".join(texts).strip()}
        order = (CONTENT, TOOL_CALLS, REASONING, REFUSAL)
        return next((place for place in order if place in places), CONTENT)

    @property
    def text(self) -> str:
        """The answer; "" where there is none. Thoughts that were cut off are marked as such."""
        wanted_place = self.text_place
        keys = sorted(key for key in self.pieces if key[0] == wanted_place)
        text = "\n".join("".join(self.pieces[key]) for key in keys)
        is_cut = wanted_place == REASONING and self.finish_reason == "length"
        return f"<think>{text}" if is_cut else text

    def add_message(self, message: Mapping[str, Any]) -> bool:
        """Adds a message or a delta of one; whether it had any text. TypeError where its content is
        no text."""
        reasoning = next((message[key] for key in REASONING_KEYS if message.get(key)), None)
        texts = [
            ((CONTENT, 0), read_content(message.get("content"))),
            *(((TOOL_CALLS, number), text) for number, text in read_tool_arguments(message)),
            ((REASONING, 0), reasoning),
            ((REFUSAL, 0), message.get("refusal")),
        ]
        new_texts = [(key, text) for key, text in texts if text and isinstance(text, str)]
        for key, text in new_texts:
            self.pieces.setdefault(key, []).append(replace_surrogates(text))
        return bool(new_texts)

    def add_metadata(self, payload: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        """Adds what an object or an event says beside its text."""
        if isinstance(payload.get("usage"), Mapping):
            self.usage = payload["usage"]
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = normalize_finish_reason(choice["finish_reason"])
        logprobs = choice.get("logprobs")
        token_entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
        self.logprobs += token_entries if isinstance(token_entries, list) else []
        for name in SERVER_FIELDS:
            if isinstance(payload.get(name), str):
                self.server_info[name] = replace_surrogates(payload[name])


def read_content(content: Any) -> str:
    """The text of `content`: a string, or a list of parts without those that are thoughts.
    TypeError where it is neither."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, Mapping)]
        shown_parts = [part for part in parts if part.get("type") not in THOUGHT_PART_TYPES]
        return "".join(str(part.get("text", "")) for part in shown_parts)
    if content is not None and not isinstance(content, str):
        raise TypeError(type(content).__name__)
    return content or ""


def read_tool_arguments(message: Mapping[str, Any]) -> list[tuple[int, str]]:
    """(number, arguments) of each tool call, or of the older `function_call`; a delta has pieces of
    them."""
    calls = message.get("tool_calls")
    numbered_calls = list(enumerate(calls)) if isinstance(calls, list) else []
    arguments = [
        (_read_index(call, position), _read_arguments(call.get("function")))
        for position, call in numbered_calls
        if isinstance(call, Mapping)
    ]
    return arguments or [(0, _read_arguments(message.get("function_call")))]


def normalize_finish_reason(reason: str) -> str:
    """Makers' words for why a reply ended as the API's own."""
    lowered = reason.lower()
    is_filtered = "filter" in lowered or lowered in ("safety", "recitation", "prohibited_content")
    return CONTENT_FILTER if is_filtered else FINISH_REASONS.get(lowered, reason)


def replace_surrogates(text: str) -> str:
    """Half of a surrogate pair is valid in JSON's escapes, and nowhere that a reply is written
    to."""
    return text.encode("utf-8", "replace").decode()


def _read_index(call: Mapping[str, Any], position: int) -> int:
    index = call.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else position


def _read_arguments(function: Any) -> str:
    """Arguments are JSON in a string; Ollama gives the object itself."""
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    if isinstance(arguments, Mapping):
        return json.dumps(arguments, ensure_ascii=False)
    return arguments if isinstance(arguments, str) else ""
