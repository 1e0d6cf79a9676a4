"""What is seen of a beam search: when the first token came, and how likely the chosen one's are.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import time
from typing import Any


class BeamObserver:
    """A logits processor that changes nothing, in the place of a streamer, which a beam search does
    not take.

    A beam goes on from another beam's tokens: of each step it is kept which beam each one came
    from, its token, and how likely that was. Probabilities of one step alone are kept whole.
    """

    def __init__(self, eos_ids: set[int]) -> None:
        self.prompt_length: int | None = None
        self.first_token_time = 0.0
        self._eos_ids = sorted(token for token in eos_ids if token is not None)
        self._former_ids: Any = None
        self._last_log_softmax: Any = None
        # One entry a step: parent, token and log-probability of each beam, and of the end after it.
        self._steps: list[tuple[list[int], list[int], list[float]]] = []
        self._end_logprobs: list[list[list[float]]] = []

    def __call__(self, ids: Any, scores: Any) -> Any:
        """A logits processor: `ids` has a row for each beam, `scores` what may follow it."""
        if self.prompt_length is None:
            self.prompt_length = int(ids.shape[1])
        else:
            self._keep_step(ids)
        log_softmax = scores.log_softmax(-1)
        self._end_logprobs.append(log_softmax[:, self._eos_ids].tolist())
        if not self.first_token_time:  # `tolist` has waited for the device
            self.first_token_time = time.perf_counter()
        self._former_ids, self._last_log_softmax = ids, log_softmax
        return scores

    def _keep_step(self, ids: Any) -> None:
        is_same = (ids[:, None, :-1] == self._former_ids[None]).all(-1)
        parents = is_same.int().argmax(1)
        tokens = ids[:, -1]
        logprobs = self._last_log_softmax[parents, tokens]
        self._steps.append((parents.tolist(), tokens.tolist(), logprobs.tolist()))

    def collect_logprobs(self, reply_ids: Any) -> list[float]:
        """Natural log-probability of each token of the reply that was chosen; [] where it is no
        beam that was seen."""
        reply = reply_ids.tolist()
        if not reply or self._last_log_softmax is None or len(reply) > len(self._end_logprobs):
            return []
        beam_count = len(self._end_logprobs[0])
        # Of each beam that has the reply's first tokens: how likely they were.
        paths: dict[int, list[float]] = {beam: [] for beam in range(beam_count)}
        for token, (parents, tokens, logprobs) in zip(reply[:-1], self._steps):  # noqa: B905 - 3.9
            paths = {
                beam: [*paths[parent], logprobs[beam]]
                for beam, parent in enumerate(parents)
                if parent in paths and tokens[beam] == token
            }
        if not paths:
            return []
        beam, path = next(iter(paths.items()))
        last_logprob = self._find_last_logprob(beam, reply)
        return [] if last_logprob is None else [*path, last_logprob]

    def _find_last_logprob(self, beam: int, reply: list[int]) -> float | None:
        """How likely the last token was: the end of a reply, or what followed the last step."""
        if len(reply) == len(self._end_logprobs):
            return float(self._last_log_softmax[beam, reply[-1]])
        if reply[-1] not in self._eos_ids:
            return None
        return self._end_logprobs[len(reply) - 1][beam][self._eos_ids.index(reply[-1])]
