"""A reply's numbers -> tokens counted and log-probabilities, as far as the server gives them."""

import codecs
import math
from collections.abc import Mapping
from typing import Any

from vlm_lab.backends.openai.chat_reply import ChatReply, replace_surrogates
from vlm_lab.types import Usage

MIN_LOGPROB = -9999.0  # what vLLM writes for a probability of nothing; others write -Infinity


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
            token_text = replace_surrogates(str(entry.get("token", "")))
        token_logprobs.append((token_text, logprob))
        text += token_text
    return tuple(token_logprobs) if text == reply.text else ()


def compute_mean_logprob(reply: ChatReply) -> float | None:
    """The mean over all tokens that the server gives one for."""
    parsed = map(_parse_logprob, reply.logprobs)
    logprobs = [logprob for logprob in parsed if logprob is not None]
    return sum(logprobs) / len(logprobs) if logprobs else None


def _parse_logprob(entry: Any) -> float | None:
    value = entry.get("logprob") if isinstance(entry, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return min(0.0, max(MIN_LOGPROB, float(value)))


def _parse_bytes(values: list[Any]) -> bytes:
    return bytes(value for value in values if isinstance(value, int) and 0 <= value < 256)


def _parse_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
