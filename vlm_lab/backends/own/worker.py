"""The process that runs a user's own backend: imports its class, asks it, dies with all it held.

Started by `process.py`, in this interpreter and with this process' search paths. An answer is a
JSON text: {"value": ...}, or {"error": [kind, message, class, traceback]}.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from vlm_lab.backends import Backend, resolve_backend
from vlm_lab.backends.own import transfer
from vlm_lab.pixel_file import Location, read_pixels
from vlm_lab.types import Model, Page, Prompt, Runtime
from vlm_lab.workers import child

PixelPage = tuple[tuple[int, int], bytes | Location]  # size, where its pixels are
BarePrompt = tuple[Prompt, Sequence[int]]  # without its pages, and their indices


def serve_requests(channel: Any) -> None:
    """Answers until the channel closes. The first request is the model and the runtime."""
    child.greet_parent(channel)
    answerer = Answerer(*transfer.decode_arguments(channel.receive()["arguments"]))
    child.send_answer(channel, {})
    while True:
        request = channel.receive()
        answer = child.run_guarded(
            lambda request=request: {"value": answerer.answer(request)},  # type: ignore[misc]
            transfer.describe_error,
        )
        child.send_answer(channel, answer, encode_other=str)


class Answerer:
    """One model's class, and its instance once it is loaded."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.runtime = model, runtime
        self._backend: Backend | None = None
        self._calls: Mapping[str, Callable[..., Any]] = {
            "identity": self.identity,
            "cache_inputs": self.cache_inputs,
            "predict_visual_tokens": self.predict_visual_tokens,
            "load": self.load,
            "generate": self.generate,
            "generate_batch": self.generate_batch,
            "close": self.close,
        }

    @cached_property
    def _backend_class(self) -> type[Backend]:
        return resolve_backend(self.model.backend)

    def answer(self, request: child.Payload) -> Any:
        """What the named call returns; pages are given to the calls that look at them."""
        arguments = transfer.decode_arguments(request["arguments"])
        if request["call"].startswith("generate"):
            arguments = (*arguments, iter(request["pages"]))
        return self._calls[request["call"]](*arguments)

    def identity(self) -> Any:
        identity = self._backend_class.identity(self.model, self.runtime)
        return None if identity is None else dict(identity)

    def cache_inputs(self, prompt: Prompt) -> Any:
        return dict(self._backend_class.cache_inputs(self.model, prompt))

    def predict_visual_tokens(self, sizes: Sequence[tuple[int, int]]) -> int | None:
        return self._backend_class.predict_visual_tokens(self.model, self.runtime, sizes)

    def load(self) -> dict[str, bool]:
        """Builds the backend; what it is."""
        self._backend = self._backend_class(self.model, self.runtime)
        return {"recorded": bool(self._backend.recorded), "can_batch": self._backend.can_batch}

    def generate(self, bare_prompt: BarePrompt, pages: Iterator[PixelPage]) -> Any:
        assert self._backend is not None  # noqa: S101 - `load` comes first
        return transfer.encode_generation(self._backend.generate(build_prompt(bare_prompt, pages)))

    def generate_batch(
        self, bare_prompts: Sequence[BarePrompt], pages: Iterator[PixelPage]
    ) -> list[Any]:
        assert self._backend is not None  # noqa: S101 - `load` comes first
        prompts = [build_prompt(bare_prompt, pages) for bare_prompt in bare_prompts]
        return [*map(transfer.encode_generation, self._backend.generate_batch(prompts))]

    def close(self) -> None:
        if self._backend:
            self._backend.close()


def build_prompt(bare_prompt: BarePrompt, pages: Iterator[PixelPage]) -> Prompt:
    """A prompt with the next of the pages."""
    prompt, indices = bare_prompt
    prompt_pages = []
    for index in indices:
        size, source = next(pages)
        prompt_pages.append(Page(index, size, bytes(read_pixels(source))))
    return replace(prompt, pages=tuple(prompt_pages))
