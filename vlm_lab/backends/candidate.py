"""A candidate's prompts -> its replies, whichever backend answers.

The backend is loaded when it must answer and freed when it is done. Out comes one `Generation` a
prompt, also where the model is asked page by page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from functools import cache
from typing import Any, TypeVar

from vlm_lab.backends import BACKENDS, Backend
from vlm_lab.errors import UserError
from vlm_lab.registry import resolve_name
from vlm_lab.types import Generation, Model, Prompt, Runtime, Timing, Usage

UsageOrTiming = TypeVar("UsageOrTiming", Usage, Timing)


class Candidate:
    """One model during a run. Its backend is built once; a backend that cannot be built says why to
    every case."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.runtime = model, runtime
        self._backend: Backend | None = None
        self._load_error: UserError | None = None
        self._identity: Callable[[], Mapping[str, Any] | None] = cache(self._read_identity)

    def identity(self) -> Mapping[str, Any] | None:
        """What decides this model's replies beside prompt and pages; None where nothing but loading
        it can tell.

        Read once, and once more when the model was loaded: it asks the metadata of all installed
        packages.
        """
        return self._identity()

    def _read_identity(self) -> Mapping[str, Any] | None:
        cls = resolve_name(self.model.backend, BACKENDS, "backend")
        tell = getattr(cls, "identity", None)
        return tell(self.model, self.runtime) if tell else {}

    @property
    def recorded(self) -> bool:
        """True for a backend whose answers were given before: no page is rendered for it and
        nothing is timed."""
        return bool(getattr(self._backend, "recorded", False))

    @property
    def supports_batches(self) -> bool:
        """True for a loaded backend that takes several prompts at once:
        `generate_batch(prompts)`."""
        return hasattr(self._backend, "generate_batch")

    def predict_visual_tokens(self, sizes: Sequence[tuple[int, int]]) -> int | None:
        """Visual tokens of pages of these sizes, by the family's arithmetic; None where it is not
        known."""
        tell = getattr(
            resolve_name(self.model.backend, BACKENDS, "backend"), "predict_visual_tokens", None
        )
        return tell(self.model, self.runtime, sizes) if tell else None

    def load(self) -> None:
        """Builds the backend, so that no case's time has the loading in it. Raises Skip or
        UserError."""
        if self._load_error:
            raise self._load_error
        if self._backend is None:
            try:
                self._backend = resolve_name(self.model.backend, BACKENDS, "backend")(
                    self.model, self.runtime
                )
            except UserError as error:
                self._load_error = error
                raise
            self._identity = cache(
                self._read_identity
            )  # a worker has chosen its device, dtype and attention

    def generate(self, prompt: Prompt) -> Generation:
        """One case's reply, page by page where the model is asked so."""
        self.load()
        assert self._backend is not None  # noqa: S101 - load() raises otherwise
        replies = [self._backend.generate(part) for part in self._split_by_page(prompt)]
        return merge_page_replies(replies) if len(replies) > 1 else replies[0]

    def _split_by_page(self, prompt: Prompt) -> list[Prompt]:
        """A prompt, or one of each of its pages where the model is asked page by page."""
        if self.model.pages != "each" or len(prompt.pages) < 2:
            return [prompt]
        return [replace(prompt, pages=[page]) for page in prompt.pages]

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are asked at once, in their order; of a model that is asked
        page by page, all pages of all prompts. Needs a loaded backend that `batches`."""
        asked = [self._split_by_page(prompt) for prompt in prompts]
        replies = iter(self._backend.generate_batch([part for parts in asked for part in parts]))  # type: ignore[union-attr]
        return [
            merge_page_replies([next(replies) for _ in parts]) if len(parts) > 1 else next(replies)
            for parts in asked
        ]

    def close(self) -> None:
        """Frees everything the model held."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None


def merge_page_replies(replies: Sequence[Generation]) -> Generation:
    """The replies to single pages as one: tokens and seconds add up, one cut off reply makes the
    whole cut off."""
    reasons = [reply.finish_reason for reply in replies]
    return replace(
        replies[0],
        raw_response="\n".join(reply.raw_response for reply in replies),
        page_responses=tuple(reply.raw_response for reply in replies),
        finish_reason="length" if "length" in reasons else reasons[0],
        usage=_sum_fields(Usage, [reply.usage for reply in replies]),
        timing=_sum_fields(Timing, [reply.timing for reply in replies]),
        mean_logprob=_compute_mean_logprob(replies),
        tokens=(),
        image_sizes=tuple(size for reply in replies for size in reply.image_sizes),
        peak_memory_bytes=max(reply.peak_memory_bytes or 0 for reply in replies) or None,
    )


def _sum_fields(kind: type[UsageOrTiming], parts: Sequence[UsageOrTiming]) -> UsageOrTiming:
    columns = zip(*(astuple(part) for part in parts), strict=True)
    return kind(*(None if None in column else sum(column) for column in columns))


def _compute_mean_logprob(replies: Sequence[Generation]) -> float | None:
    pairs = [(reply.mean_logprob, reply.usage.output_tokens) for reply in replies]
    known = [(value, count) for value, count in pairs if value is not None and count]
    tokens = sum(count for _, count in known)
    return (
        sum(value * count for value, count in known) / tokens
        if len(known) == len(replies)
        else None
    )
