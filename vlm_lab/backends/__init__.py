"""A prompt -> a reply: of a local model, a server, an OCR engine, or one that was given before.

A backend is a class with `__init__(model, runtime)`, which loads, `generate(prompt) -> Generation`
and `close()`. Where it can say without loading what decides its replies, a class method
`identity(model, runtime)` lets the reply cache answer for it. Where it has
`generate_batch(prompts)`, `--probe` asks several documents at once.
"""

from typing import Protocol

from vlm_lab.types import Generation, Model, Prompt, Runtime

BACKENDS = {
    "ocr": "vlm_lab.backends.ocr.backend:Ocr",
    "openai": "vlm_lab.backends.openai.backend:OpenAI",
    "replay": "vlm_lab.backends.replay:Replay",
    "transformers": "vlm_lab.backends.transformers.backend:Transformers",
}


class Backend(Protocol):
    """What answers prompts. `generate` raises GenerationError where it has no reply for a case."""

    def __init__(self, model: Model, runtime: Runtime) -> None: ...

    def generate(self, prompt: Prompt) -> Generation: ...

    def close(self) -> None: ...
