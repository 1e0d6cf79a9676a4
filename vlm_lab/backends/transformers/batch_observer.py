"""What is seen of a padded batch: how likely each row's tokens were.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import time
from typing import Any


class BatchObserver:
    """A logits processor that changes nothing. `prompt_length` is how many ids of each row are the
    prompt's and its padding. Of a step's scores nothing is kept but the chosen tokens' own."""

    def __init__(self) -> None:
        self.prompt_length: int | None = None
        self.first_token_time = 0.0
        self._last_scores: Any = None
        self._logprobs: list[Any] = []  # one a step, with a number for each row

    def __call__(self, ids: Any, scores: Any) -> Any:
        """A logits processor: the last of `ids` were chosen by the scores before these."""
        if self.prompt_length is None:
            self.prompt_length = int(ids.shape[1])
        else:
            self.first_token_time = self.first_token_time or time.perf_counter()
            self._keep_step(ids[:, -1])
        self._last_scores = scores
        return scores

    def _keep_step(self, chosen_ids: Any) -> None:
        log_softmax = self._last_scores.log_softmax(-1)
        self._logprobs.append(log_softmax.gather(1, chosen_ids[:, None])[:, 0])

    def collect_logprobs(self, output: Any) -> list[list[float]]:
        """Natural log-probability of each token after the prompts, by row of `output`."""
        if self._last_scores is None:
            return [[] for _ in output]
        import torch

        if output.shape[1] > (self.prompt_length or 0) + len(self._logprobs):
            self._keep_step(output[:, -1])
        rows: list[list[float]] = torch.stack(self._logprobs, 1).tolist()
        return rows
