"""What is seen while tokens are made: when the first came, each one's probability and text.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import time
from typing import Any

MAX_PENDING_SCORES = 2_400_000  # 10 MB: 16 steps over a vocabulary of 150,000


class TokenStreamer:
    """A streamer for the clock (its `put` waits for the device, so the time is true) and a logits
    processor. `prompt_length` is how many ids of the output are the prompt's.

    A few steps' scores are kept, not all: of a reply of 1,024 tokens over a vocabulary of 150,000
    they would be 600 MB; and not one by one, since three small operations a token are more than
    such a model's own work beside them.
    """

    def __init__(self) -> None:
        self.put_count, self.first_token_time = 0, 0.0
        self.prompt_length: int | None = None
        self._pending_scores: list[Any] = []
        self._logprobs: list[Any] = []

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
        pending_count = len(self._pending_scores)
        if pending_count and (pending_count + 1) * scores.shape[-1] > MAX_PENDING_SCORES:
            self._reduce_scores(ids[0, -pending_count:])
        self._pending_scores.append(scores)
        return scores

    def _reduce_scores(self, chosen_ids: Any) -> None:
        """Keeps of the pending steps' scores the log-probability of the token that each chose."""
        import torch

        log_softmax = torch.cat(self._pending_scores).log_softmax(-1)
        self._logprobs.append(log_softmax.gather(1, chosen_ids[:, None]).flatten())
        self._pending_scores = []

    def collect_logprobs(self, reply_ids: Any) -> list[float]:
        """Natural log-probability of each token of a reply; [] where generate made none."""
        if not self._pending_scores or not len(reply_ids):
            return []
        import torch

        reduced_count = sum(map(len, self._logprobs))
        last_ids = reply_ids[reduced_count:][: len(self._pending_scores)]
        self._pending_scores = self._pending_scores[: len(last_ids)]
        if self._pending_scores:
            self._reduce_scores(last_ids)
        logprobs: list[float] = torch.cat(self._logprobs)[: len(reply_ids)].tolist()
        return logprobs


class SingleTokens:
    """The text of tokens by themselves. Replies are made of few of them: each is decoded once."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._texts: dict[int, str] = {}

    def decode(self, ids: list[int]) -> list[str]:
        new_ids = [token for token in dict.fromkeys(ids) if token not in self._texts]
        if new_ids:
            sequences = [[token] for token in new_ids]
            new_texts = self.tokenizer.batch_decode(sequences, skip_special_tokens=True)
            self._texts.update(zip(new_ids, new_texts))  # noqa: B905 - 3.9
        return [self._texts[token] for token in ids]


def decode_token_texts(single_tokens: SingleTokens, ids: list[int], text: str) -> list[str]:
    """The text that each token brought; together they are `text`, so that a span of the reply has
    its tokens.

    A token that is a part of a letter brings nothing, the one that completes it brings all.
    Tokenizers of words (sentencepiece) drop a leading space when they decode one token alone: there
    each is decoded after the last one that brought something.
    """
    single_texts, tokenizer = single_tokens.decode(ids), single_tokens.tokenizer
    if "".join(single_texts) == text:
        return single_texts
    token_texts, context_start, decoded_end, decoded_before = [], 0, 0, ""
    for end in range(1, len(ids) + 1):
        decoded_now = tokenizer.decode(ids[context_start:end], skip_special_tokens=True)
        is_part = decoded_now.endswith("\N{REPLACEMENT CHARACTER}") and end < len(ids)
        if is_part or decoded_now == decoded_before:
            token_texts.append("")
            continue
        token_texts.append(decoded_now[len(decoded_before) :])
        context_start, decoded_end = decoded_end, end
        decoded_before = single_texts[context_start]
        if decoded_end - context_start > 1:
            context_ids = ids[context_start:decoded_end]
            decoded_before = tokenizer.decode(context_ids, skip_special_tokens=True)
    return token_texts
