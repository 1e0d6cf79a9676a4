"""A prompt -> a reply: of a local model, a server, an OCR engine, or one that was given before.

Every backend is a `Backend`. What is optional has its default there, so that whoever asks one
(`candidate`, the reply cache, the dry run, `--probe`) asks all of them in the same way.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.config.setting_names import BACKENDS
from vlm_lab.messages import Message
from vlm_lab.registry import resolve_name
from vlm_lab.types import Generation, Model, Prompt, Record, Runtime

# asked without loading
CLASS_METHODS = (
    "identity",
    "cache_inputs",
    "predict_visual_tokens",
    "server_address",
    "find_warnings",
)


def is_replayed(candidate: Model | Record) -> bool:
    """Whether these are answers that were given before, by nobody knows which model."""
    return candidate.backend == "replay"


class Backend:
    """What answers prompts: `__init__` loads, `generate` and `close` are needed, the rest has
    defaults.

    `recorded` is true where answers were given before: nothing is rendered or timed for them. A
    user's own class that says so in a process of its own gets no pages.
    `can_batch` is true where `generate_batch` takes several prompts at once.
    `parallel_requests` is how many calls of `generate` it takes at the same time, from as many
    threads.
    """

    recorded: bool = False
    can_batch: bool = False
    parallel_requests: int = 1

    def __init__(self, model: Model, runtime: Runtime) -> None:
        """Loads the model. Raises Skip where it cannot be here, UserError for a wrong setting."""

    @classmethod
    def begin_loading(cls, model: Model, runtime: Runtime) -> "Backend | None":
        """One that loads in a process of its own and is not waited for: its first `prepare` waits,
        and raises what `__init__` would have raised. None where there is none of that kind."""
        return None

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> Mapping[str, Any] | None:
        """What decides a reply beside model, prompt and pages, known without loading; None where
        no reply may come from the cache."""
        return {}

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> Mapping[str, Any]:
        """What of a prompt decides a reply beside its text and pages."""
        return {}

    @classmethod
    def predict_visual_tokens(
        cls, model: Model, runtime: Runtime, sizes: Sequence[tuple[int, int]]
    ) -> int | None:
        """Visual tokens of pages of these sizes, known without loading; None where they are not."""
        return None

    @classmethod
    def server_address(cls, model: Model) -> str | None:
        """Where the server is that answers; None where this machine does."""
        return None

    @classmethod
    def needs_weights(cls, model: Model) -> bool:
        """Whether `model_id` names weights that must lie on this machine."""
        return False

    @classmethod
    def is_here(cls, model: Model, runtime: Runtime) -> bool:
        """Whether what `model_id` names lies on this machine, as far as a look at the names of
        files tells; a server is taken to answer."""
        return True

    @classmethod
    def find_warnings(cls, model: Model, runtime: Runtime) -> Sequence[Message]:
        """What a user should know of a model before it is loaded."""
        return ()

    def generate(self, prompt: Prompt) -> Generation:
        """The reply to one prompt; GenerationError where there is none."""
        raise NotImplementedError

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are asked at once, in their order."""
        raise NotImplementedError

    def announce_batch(self, prompts: Sequence[Prompt]) -> None:
        """What `generate_batch` will be asked next, told while it answers: a backend may get ready
        for it. Called from another thread."""

    def announce_pages(self, prompt: Prompt) -> None:
        """What `generate` will probably be asked next, told while nothing is asked: a backend may
        open the pages, and do no more with them, for that is part of the reply's seconds. They are
        rendered."""

    def warm_up(self, prompt: Prompt) -> None:
        """Called before a prompt is timed: what a first request loads, and later ones find, is
        loaded here. Raises what `generate` raises."""

    def prepare(self) -> None:
        """Called before each case and not timed: brings back what a crash took."""

    def close(self) -> None:
        """Frees everything that was held."""


def resolve_backend(name: str) -> type[Backend]:
    """The class of a backend's name, or of a user's own `package.module:Class`."""
    backend_class = resolve_name(name, BACKENDS, "backend")
    if isinstance(backend_class, type) and issubclass(backend_class, Backend):
        return backend_class
    return _adapt_class(backend_class)


def _adapt_class(user_class: Any) -> type[Backend]:
    """A class of the user's own that has `generate` and `close` and inherits nothing: what it
    defines of the optional counts, the rest is the default.

    It is wrapped and not inherited from, so that it stays the class that its own methods see.
    """

    class AdaptedBackend(Backend):
        def __init__(self, model: Model, runtime: Runtime) -> None:
            self.instance = user_class(model, runtime)
            self.recorded = bool(getattr(self.instance, "recorded", False))
            self.can_batch = hasattr(self.instance, "generate_batch")

        def generate(self, prompt: Prompt) -> Generation:
            generation: Generation = self.instance.generate(prompt)
            return generation

        def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
            generations: list[Generation] = self.instance.generate_batch(prompts)
            return generations

        def close(self) -> None:
            self.instance.close()

    for name in CLASS_METHODS:
        if hasattr(user_class, name):
            setattr(AdaptedBackend, name, getattr(user_class, name))
    return AdaptedBackend
