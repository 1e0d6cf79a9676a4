"""Prompts that wait -> those that are asked together: within a budget of tokens, and alike in
length, since a short one in a long batch is padded to the longest.

In: what waits, in the order in which the answers are needed. Out: the next batch, which always has
the first of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlm_lab.backends.candidate import Candidate
from vlm_lab.types import Case, Prompt

# What fits beside a model that fits: on a GPU of 24 GB and more, on a computer without one.
GPU_TOKENS, CPU_TOKENS = 65_536, 16_384
GPU_PROMPTS, CPU_PROMPTS = 64, 16
DEFAULT_NEW_TOKENS = 1024
CHARACTERS_PER_TOKEN = 3
PIXELS_PER_TOKEN = 28 * 28  # where the family's own arithmetic is not known


@dataclass(frozen=True, slots=True)
class WaitingPrompt:
    """A prompt whose pages are rendered. `tokens` is how many it may take in memory: its own, and
    those of the longest reply."""

    case: Case
    prompt: Prompt
    tokens: int
    reply_key: str | None = None

    def count_pixels(self) -> int:
        """Of its pages, which wait in memory."""
        sizes = [page.size for page in self.prompt.pages]
        return sum(width * height for width, height in sizes)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much is asked at once: tokens with the padding, and prompts."""

    tokens: int
    prompts: int

    def stay_below(self, batch: Sequence[WaitingPrompt]) -> "BatchLimits":
        """After there was no room for a batch: half as many tokens as it had. Where both halves of
        a batch have no room, the second says nothing new."""
        return replace(self, tokens=min(self.tokens, count_padded_tokens(batch) // 2))


def choose_limits(candidate: Candidate) -> BatchLimits:
    """What a loaded candidate is asked at once."""
    if not candidate.supports_batches or candidate.parallel_requests > 1:
        return BatchLimits(0, 1)
    device = str((candidate.identity() or {}).get("device"))
    if device.startswith("cuda"):
        return BatchLimits(GPU_TOKENS, GPU_PROMPTS)
    return BatchLimits(CPU_TOKENS, CPU_PROMPTS)


def estimate_tokens(candidate: Candidate, prompt: Prompt) -> int:
    """Tokens of a prompt and of the longest reply to it; its pages are rendered."""
    sizes = [page.size for page in prompt.pages]
    visual_tokens = None
    if not candidate.model.has_own_backend:  # a class of one's own is busy answering
        visual_tokens = candidate.predict_visual_tokens(sizes)
    if visual_tokens is None:
        visual_tokens = sum(width * height for width, height in sizes) // PIXELS_PER_TOKEN
    new_tokens = candidate.model.generation_kwargs.get("max_new_tokens", DEFAULT_NEW_TOKENS)
    return visual_tokens + len(prompt.text) // CHARACTERS_PER_TOKEN + int(new_tokens)


def count_padded_tokens(batch: Sequence[WaitingPrompt]) -> int:
    """What a batch takes, all of it padded to its longest."""
    return len(batch) * max(prompt.tokens for prompt in batch)


def choose_batch(waiting: Sequence[WaitingPrompt], limits: BatchLimits) -> list[WaitingPrompt]:
    """The first that waits, and those nearest to it in length that the limits leave room for."""
    first, *others = waiting
    others.sort(key=lambda prompt: abs(prompt.tokens - first.tokens))
    batch, longest = [first], first.tokens
    for prompt in others:
        padded_to = max(longest, prompt.tokens)
        if len(batch) == limits.prompts or padded_to * (len(batch) + 1) > limits.tokens:
            break
        batch.append(prompt)
        longest = padded_to
    return batch


def is_batch_full(waiting: Sequence[WaitingPrompt], limits: BatchLimits) -> bool:
    """Whether more that waits would leave the next batch as large as it is."""
    return len(choose_batch(waiting, limits)) < len(waiting) or len(waiting) >= limits.prompts
