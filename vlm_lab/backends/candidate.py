"""A candidate's prompts -> its replies, whichever backend answers.

The backend is loaded when it must answer and freed when it is done. Out comes one `Generation` a
prompt, also where the model is asked page by page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from functools import cache, cached_property
from itertools import chain, islice
from typing import Any, TypeVar

from vlm_lab.backends import Backend, resolve_backend
from vlm_lab.backends.own.process import OwnProcess, isolate_backend
from vlm_lab.errors import GenerationError, UserError
from vlm_lab.messages import Message
from vlm_lab.types import Generation, Model, Prompt, Runtime, Timing, Usage

UsageOrTiming = TypeVar("UsageOrTiming", Usage, Timing)


class Candidate:
    """One model during a run. Its backend is built once; a backend that cannot be built says why to
    every case."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.runtime = model, runtime
        self._own_process = OwnProcess(model, runtime) if model.is_isolated else None
        self._backend: Backend | None = None
        self._begun_backend: Backend | None = None  # loads, and has not been waited for
        self._load_error: UserError | None = None
        self._identity: Callable[[], Mapping[str, Any] | None] = cache(self._read_identity)

    @cached_property
    def _backend_class(self) -> type[Backend]:
        if self._own_process:
            return isolate_backend(self._own_process)
        return resolve_backend(self.model.backend)

    def identity(self) -> Mapping[str, Any] | None:
        """What decides this model's replies beside prompt and pages; None where nothing but loading
        it can tell.

        Read once, and once more when the model was loaded: it asks the metadata of all installed
        packages.
        """
        return self._identity()

    def _read_identity(self) -> Mapping[str, Any] | None:
        return self._backend_class.identity(self.model, self.runtime)

    def cache_inputs(self, prompt: Prompt) -> Mapping[str, Any]:
        """What of a prompt decides this model's reply beside its text and pages."""
        return self._backend_class.cache_inputs(self.model, prompt)

    def predict_visual_tokens(self, sizes: Sequence[tuple[int, int]]) -> int | None:
        """Visual tokens of pages of these sizes (width, height); None where nobody knows, and where
        the model is sent none."""
        if not self.model.image:
            return None
        return self._backend_class.predict_visual_tokens(self.model, self.runtime, sizes)

    def is_here(self) -> bool:
        """Whether this model could run, as far as that is known without reading or starting
        anything: a user's own class is code, and is taken to be able to."""
        if self.model.has_own_backend:
            return True
        return self._backend_class.is_here(self.model, self.runtime)

    def find_warnings(self) -> Sequence[Message]:
        """What a user should know of this model before it is loaded."""
        return self._backend_class.find_warnings(self.model, self.runtime)

    @property
    def recorded(self) -> bool:
        """True for a loaded backend whose answers were given before: no page is rendered for it and
        nothing is timed."""
        return self._backend is not None and self._backend.recorded

    @property
    def supports_batches(self) -> bool:
        """True for a loaded backend that takes several prompts at once."""
        return self._backend is not None and self._backend.can_batch

    @property
    def parallel_requests(self) -> int:
        """How many prompts a loaded backend takes at the same time, each by itself."""
        return self._backend.parallel_requests if self._backend is not None else 1

    def begin_loading(self) -> bool:
        """Has the model load while this process does something else; False where it cannot. What is
        wrong raises Skip or UserError here, or when `load` waits for it."""
        self._begun_backend = self._backend_class.begin_loading(self.model, self.runtime)
        return self._begun_backend is not None

    def load(self) -> None:
        """Builds the backend, or brings it back, so that no case's time has the loading in it.
        Raises Skip or UserError."""
        if self._load_error:
            raise self._load_error
        if self._backend is not None:
            self._backend.prepare()
            return
        try:
            self._backend = self._build_backend()
        except UserError as error:
            self._load_error = error
            raise
        # A worker has chosen its device, dtype and attention: they are read once more.
        self._identity = cache(self._read_identity)

    def _build_backend(self) -> Backend:
        if self._begun_backend is None:
            return self._backend_class(self.model, self.runtime)
        self._begun_backend.prepare()
        return self._begun_backend

    def warm_up(self, prompt: Prompt) -> None:
        """Has the backend load what its first request would wait for; before a case is timed."""
        self._ensure_backend().warm_up(self._split_by_page(prompt)[0])

    def generate(self, prompt: Prompt) -> Generation:
        """One case's reply, page by page where the model is asked so."""
        backend = self._ensure_backend()
        page_prompts = self._split_by_page(prompt)
        replies = [backend.generate(page_prompt) for page_prompt in page_prompts]
        return self._join_page_replies(replies)

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are asked at once, in their order; of a model that is asked
        page by page, all pages of all prompts. Needs a backend that `supports_batches`."""
        split_prompts = [self._split_by_page(prompt) for prompt in prompts]
        page_prompts = list(chain.from_iterable(split_prompts))
        page_replies = list(self._ensure_backend().generate_batch(page_prompts))
        _check_batch(page_replies, len(page_prompts))
        replies = iter(page_replies)
        return [
            self._join_page_replies(list(islice(replies, len(pages)))) for pages in split_prompts
        ]

    def announce_batch(self, prompts: Sequence[Prompt]) -> None:
        """Tells the backend, while it answers, what `generate_batch` will be asked next."""
        if self._backend is not None:
            split_prompts = [self._split_by_page(prompt) for prompt in prompts]
            self._backend.announce_batch(list(chain.from_iterable(split_prompts)))

    def announce_pages(self, prompt: Prompt) -> None:
        """Tells the backend, while it is asked nothing, what `generate` will be asked next."""
        if self._backend is not None and self.model.image:
            self._backend.announce_pages(self._split_by_page(prompt)[0])

    def _ensure_backend(self) -> Backend:
        self.load()
        assert self._backend is not None  # noqa: S101 - load() raises otherwise
        return self._backend

    def _split_by_page(self, prompt: Prompt) -> list[Prompt]:
        """A prompt, or one of each of its pages where the model is asked page by page."""
        if self.model.pages != "each" or len(prompt.pages) < 2:
            return [prompt]
        return [replace(prompt, pages=[page]) for page in prompt.pages]

    def _join_page_replies(self, replies: Sequence[Generation]) -> Generation:
        """One reply of a prompt's. Of a prompt without pages no visual tokens are counted: not even
        none."""
        reply = replies[0] if len(replies) == 1 else merge_page_replies(replies)
        if self.model.image:
            return reply
        return replace(reply, usage=replace(reply.usage, visual_tokens=None))

    def close(self) -> None:
        """Frees everything the model held."""
        backend = self._backend or self._begun_backend
        if backend is not None:
            backend.close()
            self._backend = self._begun_backend = None
        if self._own_process:  # it may have been asked without being loaded
            self._own_process.close()


def _check_batch(replies: Sequence[object], wanted_count: int) -> None:
    """GenerationError where a class of the user's own did not answer each prompt of a batch."""
    figures: dict[str, Any] = {"count": len(replies), "wanted": wanted_count}
    if len(replies) != wanted_count:
        raise GenerationError("BadReply", Message("replies_of_batch", figures))
    for reply in replies:
        if not isinstance(reply, Generation):
            figures = {"type": type(reply).__name__}
            raise GenerationError("BadReply", Message("no_generation", figures))


def merge_page_replies(replies: Sequence[Generation]) -> Generation:
    """The replies to single pages as one: tokens and seconds add up, one cut off reply makes the
    whole cut off."""
    finish_reasons = [reply.finish_reason for reply in replies]
    image_sizes = chain.from_iterable(reply.image_sizes for reply in replies)
    page_responses = tuple(reply.raw_response for reply in replies)
    peak_memory_bytes = max(reply.peak_memory_bytes or 0 for reply in replies)
    return replace(
        replies[0],
        raw_response="\n".join(page_responses),
        page_responses=page_responses,
        finish_reason="length" if "length" in finish_reasons else finish_reasons[0],
        usage=_sum_fields(Usage, [reply.usage for reply in replies]),
        timing=_sum_fields(Timing, [reply.timing for reply in replies]),
        mean_logprob=_compute_mean_logprob(replies),
        tokens=(),
        image_sizes=tuple(image_sizes),
        peak_memory_bytes=peak_memory_bytes or None,
    )


def _sum_fields(cls: type[UsageOrTiming], items: Sequence[UsageOrTiming]) -> UsageOrTiming:
    """Field by field; None where one of them is not known."""
    columns = zip(*(astuple(item) for item in items), strict=True)
    return cls(*(None if None in column else sum(column) for column in columns))


def _compute_mean_logprob(replies: Sequence[Generation]) -> float | None:
    """The mean over all tokens; None where a reply lacks its own mean or its number of tokens."""
    total, token_count = 0.0, 0
    for reply in replies:
        if reply.mean_logprob is None or not reply.usage.output_tokens:
            return None
        total += reply.mean_logprob * reply.usage.output_tokens
        token_count += reply.usage.output_tokens
    return total / token_count
