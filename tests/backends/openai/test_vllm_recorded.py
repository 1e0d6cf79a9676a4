"""What a real vLLM answered when it was recorded (tests/vllm_recording.py), replayed: we still ask
the same, and still understand the answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Step, serving
from tests.vllm_recording import FILE, SETTINGS, build_model, build_prompt, strip_images
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.errors import GenerationError
from vlm_lab.types import Generation, Runtime

EXCHANGES: dict[str, dict[str, Any]] = json.loads(FILE.read_text())["exchanges"]
REFUSALS = {
    "format_of_our_own": ("Refused", "Unknown format: decimal"),
    "too_long": ("ContextOverflow", "max_model_len=4096.*ask for fewer tokens"),
    "prompt_too_long": ("ContextOverflow", "4096.*send fewer pages"),
    "not_served": ("Refused", "The model `another` does not exist"),
}


def replay(name: str) -> Generation:
    """The recorded answer to the same request."""
    exchange = EXCHANGES[name]
    with serving(Step(exchange["body"].encode(), exchange["status"])) as server:
        backend = OpenAI(build_model(name, server.url), Runtime(Path("cache")))
        try:
            return backend.generate(build_prompt(name))
        finally:
            backend.close()
            assert strip_images(server.asked[0]) == exchange["request"]


def test_all_settings_are_recorded() -> None:
    assert set(EXCHANGES) == set(SETTINGS)


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - set(REFUSALS)))
def test_an_answer(name: str) -> None:
    reply = replay(name)
    assert reply.raw_response
    assert (reply.finish_reason, reply.usage.output_tokens) == ("length", 24)
    assert reply.environment["served"]["model"] == "nano"
    has_logprobs = SETTINGS[name].get("logprobs", False)
    assert (len(reply.tokens) > 10, reply.mean_logprob is not None) == (has_logprobs,) * 2
    assert (reply.timing.first_token is not None) is SETTINGS[name].get("stream", False)


def test_the_same_words_come_whole_streamed_and_with_probabilities() -> None:
    texts = {replay(name).raw_response for name in ("free", "streamed", "logprobs")}
    assert len(texts) == 1


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_a_refusal(name: str) -> None:
    kind, words = REFUSALS[name]
    with pytest.raises(GenerationError, match=words) as caught:
        replay(name)
    assert caught.value.kind == kind
