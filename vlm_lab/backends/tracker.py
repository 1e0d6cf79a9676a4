"""What is seen while tokens are made: when the first came, what probability each had, which words each brought.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import time
from typing import Any


class Tracker:
    """Looks on while tokens are made: when the first came, and what probability each had.

    A streamer for the clock (its `put` waits for the device, so the time is true) and a logits processor that keeps
    one step's logits, not all: a reply of 1,024 tokens over a vocabulary of 150,000 would be 600 MB.
    """

    def __init__(self, torch: Any) -> None:
        self.torch, self.puts, self.first = torch, 0, 0.0
        self.kept: list[Any] = []
        self.last: Any = None

    def put(self, value: Any) -> None:
        self.puts += 1
        if self.puts == 2:  # the first is the prompt
            self.first = time.perf_counter()

    def end(self) -> None:
        """Part of a streamer; nothing is open."""

    def logits(self, ids: Any, scores: Any) -> Any:
        if self.last is not None:
            self.keep(ids[0, -1:])
        self.last = scores
        return scores

    def keep(self, token: Any) -> None:
        row = self.last[0]
        self.kept.append(row[token] - row.logsumexp(-1))

    def logprobs(self, written: Any) -> list[float]:
        if self.last is None:
            return []
        self.keep(written[-1:])
        values: list[float] = self.torch.cat(self.kept).tolist()
        return values[: len(written)]


def pieces(tokenizer: Any, ids: list[int], whole: str) -> list[str]:
    """The words that each token brought; together they are `whole`, so that a span of the reply has its tokens.

    A token that is a part of a letter brings nothing, the one that completes it brings all. Tokenizers of words
    (sentencepiece) drop a leading space when they decode one token alone: there each is decoded after the one before.
    """
    single = tokenizer.batch_decode([[i] for i in ids], skip_special_tokens=True)
    if "".join(single) == whole:
        return list(single)
    brought, first, read = [], 0, 0
    for end in range(1, len(ids) + 1):
        before = tokenizer.decode(ids[first:read], skip_special_tokens=True)
        now = tokenizer.decode(ids[first:end], skip_special_tokens=True)
        if now.endswith("\N{REPLACEMENT CHARACTER}") and end < len(ids):
            brought.append("")
        else:
            brought.append(now[len(before) :])
            first, read = read, end
    return brought
