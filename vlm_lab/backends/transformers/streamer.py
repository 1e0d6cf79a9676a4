"""What is seen while tokens are made: when the first came, each one's probability and text.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import time
from typing import Any


class TokenStreamer:
    """A streamer for the clock (its `put` waits for the device, so the time is true) and a logits
    processor. `prompt_length` is how many ids of the output are the prompt's.

    One step's probabilities are kept, not all: a reply of 1,024 tokens over a vocabulary of 150,000
    would be 600 MB. It is an object with `__call__`, not a bound method, because transformers looks
    at the signature at every token: of a method that takes half a millisecond.
    """

    def __init__(self) -> None:
        self.put_count, self.first_token_time = 0, 0.0
        self.prompt_length: int | None = None
        self._chosen_logprobs: list[Any] = []
        self._last_log_softmax: Any = None

    def put(self, value: Any) -> None:
        """Part of a streamer: called with the prompt, then with each token."""
        self.put_count += 1
        if self.put_count == 2:
            self.first_token_time = time.perf_counter()

    def end(self) -> None:
        """Part of a streamer; nothing is open."""

    def __call__(self, ids: Any, scores: Any) -> Any:
        """A logits processor that changes nothing: `ids` ends with the token that the scores before
        it chose."""
        if self.prompt_length is None:
            self.prompt_length = int(ids.shape[1])
        if self._last_log_softmax is not None:
            self._chosen_logprobs.append(self._last_log_softmax.gather(1, ids[:, -1:]))
        self._last_log_softmax = scores.log_softmax(-1)
        return scores

    def collect_logprobs(self, reply_ids: Any) -> list[float]:
        """Natural log-probability of each token of a reply; [] where generate made none."""
        if self._last_log_softmax is None or not len(reply_ids):
            return []
        import torch

        last_logprob = self._last_log_softmax.gather(1, reply_ids[None, -1:])
        step_logprobs = [*self._chosen_logprobs, last_logprob][: len(reply_ids)]
        logprobs: list[float] = torch.cat(step_logprobs).flatten().tolist()
        return logprobs


def decode_token_texts(tokenizer: Any, ids: list[int], text: str) -> list[str]:
    """The text that each token brought; together they are `text`, so that a span of the reply has
    its tokens.

    A token that is a part of a letter brings nothing, the one that completes it brings all.
    Tokenizers of words (sentencepiece) drop a leading space when they decode one token alone: there
    each is decoded after the one before.
    """
    single_texts = tokenizer.batch_decode([[token] for token in ids], skip_special_tokens=True)
    if "".join(single_texts) == text:
        return list(single_texts)
    token_texts, context_start, decoded_end = [], 0, 0
    for end in range(1, len(ids) + 1):
        decoded_before = tokenizer.decode(ids[context_start:decoded_end], skip_special_tokens=True)
        decoded_now = tokenizer.decode(ids[context_start:end], skip_special_tokens=True)
        if decoded_now.endswith("\N{REPLACEMENT CHARACTER}") and end < len(ids):
            token_texts.append("")
        else:
            token_texts.append(decoded_now[len(decoded_before) :])
            context_start, decoded_end = decoded_end, end
    return token_texts
