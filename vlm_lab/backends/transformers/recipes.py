"""Checkpoints that need an interpreter of their own: which versions, why, and which settings a
model of models.yaml still lacks for it. Nothing is started."""

from collections.abc import Iterator
from dataclasses import dataclass

from vlm_lab.backends.transformers.interpreter import read_installed_names, resolve_interpreter
from vlm_lab.backends.transformers.pinned_code import COMMIT_PATTERN
from vlm_lab.types import Model, Runtime


@dataclass(frozen=True, slots=True)
class Recipe:
    """Exact versions that belong together, a Python with wheels of all of them, and the reason."""

    python: str
    packages: tuple[str, ...]
    reason: str


# The model cards' own versions; numpy below 2, which torch 2.3 was built for.
_OLD_TORCH = (
    "torch==2.3.0",
    "torchvision==0.18.0",
    "Pillow==10.3.0",
    "numpy==1.26.4",
    "requests==2.31.0",
)
RECIPES = {
    "microsoft/Phi-3-vision-128k-instruct": Recipe(
        "python3.11",
        ("transformers==4.40.2", "accelerate==0.30.1", *_OLD_TORCH),
        "its own code needs transformers 4.40 (its card's version) and torchvision; "
        "transformers 5 has no class for it",
    ),
    "microsoft/Phi-3.5-vision-instruct": Recipe(
        "python3.11",
        ("transformers==4.43.4", "accelerate==0.30.1", *_OLD_TORCH),
        "its own code needs transformers 4.43 (its card's version) and torchvision; "
        "transformers 5 has no class for it",
    ),
}


def find_missing_settings(model: Model, runtime: Runtime) -> Iterator[str]:
    """What models.yaml must say, or the interpreter must have, before this model can run."""
    recipe = RECIPES.get(model.model_id)
    if recipe is None:
        return
    if not model.python:
        yield "python"
    if not model.trust_remote_code:
        yield "trust_remote_code: true"
    if not COMMIT_PATTERN.fullmatch(model.revision):
        yield "revision (a commit)"
    if model.attn_implementation == "auto":
        yield "attn_implementation: eager"
    python = resolve_interpreter(model, runtime)
    if python:
        installed = read_installed_names(python)
        names = [package.partition("==")[0] for package in recipe.packages]
        missing = [name for name in names if name.lower() not in installed]
        if missing:
            yield f"{', '.join(missing)} in {model.python}"
