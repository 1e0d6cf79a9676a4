"""A user's own backend beside ours: what it does not define is the default, whether it inherits or
not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.backends import Backend, resolve_backend
from vlm_lab.backends.candidate import Candidate
from vlm_lab.config.setting_names import BACKENDS
from vlm_lab.errors import GenerationError, UserError
from vlm_lab.types import Generation, Model, Prompt, Runtime


class OnlyTheNeeded:
    """What README promises: a class with `generate` and `close`."""

    closed = 0

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.name = model.name

    def generate(self, prompt: Prompt) -> Generation:
        return Generation(raw_response=f"{self.name}: {prompt.text}")

    def close(self) -> None:
        OnlyTheNeeded.closed += 1


class WithAllThatIsOptional(OnlyTheNeeded):
    """A user's class that inherits nothing of ours and defines all that we ask for."""

    recorded = True
    identities_read = 0

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> Mapping[str, Any] | None:
        cls.identities_read += 1
        return None

    @staticmethod
    def cache_inputs(model: Model, prompt: Prompt) -> Mapping[str, Any]:
        return {"languages": prompt.languages}

    @classmethod
    def predict_visual_tokens(
        cls, model: Model, runtime: Runtime, sizes: Sequence[tuple[int, int]]
    ) -> int | None:
        return len(sizes)

    @classmethod
    def server_address(cls, model: Model) -> str | None:
        return f"http://{model.name}"

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        return [self.generate(prompt) for prompt in prompts]


class Inherits(Backend):
    """A user's class that has nothing but a reply."""

    def generate(self, prompt: Prompt) -> Generation:
        return Generation(raw_response=prompt.text)


class AnswersSome(OnlyTheNeeded):
    """One reply too few, or too many, or what is none."""

    def generate_batch(self, prompts: Sequence[Prompt]) -> Any:
        replies = [self.generate(prompt) for prompt in prompts]
        return {"few": replies[1:], "many": [*replies, *replies], "none": [None] * len(prompts)}[
            prompts[0].id
        ]


def candidate(name: str, isolate: bool = False) -> Candidate:
    backend = f"tests.backends.test_candidate:{name}"
    model = Model(name="m", model_id="x", backend=backend, isolate=isolate)
    return Candidate(model, Runtime(Path("cache")))


def prompt(text: str = "Read.") -> Prompt:
    return Prompt(
        id="p", text=text, pages=[], document_id="d", document_name="d", languages=("ru",)
    )


@pytest.mark.parametrize("isolate", [True, False])
@pytest.mark.parametrize("name", ["OnlyTheNeeded", "Inherits"])
def test_what_a_backend_does_not_define_is_the_default(name: str, isolate: bool) -> None:
    own = candidate(name, isolate)
    assert own.identity() == {}
    assert own.cache_inputs(prompt()) == {}
    assert own.predict_visual_tokens([(10, 10)]) is None
    backend = resolve_backend(own.model.backend)
    assert (backend.needs_weights(own.model), backend.server_address(own.model)) == (False, None)
    assert own.generate(prompt()).raw_response.endswith("Read.")
    assert (own.recorded, own.supports_batches) == (False, False)
    own.close()


def test_what_a_class_that_inherits_nothing_defines_counts() -> None:
    own = candidate("WithAllThatIsOptional")
    assert own.identity() is None
    assert WithAllThatIsOptional.identities_read == 1, "its methods see the class that it is"
    assert own.cache_inputs(prompt()) == {"languages": ("ru",)}
    assert own.predict_visual_tokens([(10, 10)] * 3) == 3
    assert resolve_backend(own.model.backend).server_address(own.model) == "http://m"
    assert (own.recorded, own.supports_batches) == (False, False), "before it is loaded"
    replies = own.generate_batch([prompt("a"), prompt("b")])
    assert [reply.raw_response for reply in replies] == ["m: a", "m: b"]
    assert (own.recorded, own.supports_batches) == (True, True)
    before = OnlyTheNeeded.closed
    own.close()
    assert OnlyTheNeeded.closed == before + 1


def test_ours_are_known_by_name_and_inherit() -> None:
    for name in BACKENDS:
        assert issubclass(resolve_backend(name), Backend)
    with pytest.raises(UserError, match="no backend 'nano'; known: ocr, openai, replay"):
        resolve_backend("nano")


@pytest.mark.parametrize("isolate", [True, False])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("few", "each of the 2 prompts of a batch (got 1)"),
        ("many", "each of the 2 prompts of a batch (got 4)"),
        ("none", "must return a vlm_lab.types.Generation (got NoneType)"),
    ],
)
def test_a_batch_that_is_not_answered_as_it_was_asked_is_a_sentence(
    isolate: bool, how: str, words: str
) -> None:
    answering = candidate("AnswersSome", isolate)
    answering.load()
    prompts = [replace(prompt(), id=how), replace(prompt(), id=how)]
    with pytest.raises(GenerationError, match=re.escape(words)):
        answering.generate_batch(prompts)
    answering.close()
