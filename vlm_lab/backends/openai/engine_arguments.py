"""A model of models.yaml -> the arguments with which an engine serves it.

They follow from the keys that a model has anyway: dtype, processor_kwargs, pages, use_safetensors,
trust_remote_code; `serve_args` come last and win. What differs from run to run stays a
placeholder, so that the arguments are part of what a reply is known by.

vLLM's are tried with a real one (0.32). Those of SGLang and llama.cpp follow their documentation.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.families import (
    get_family,
    read_preprocessor,
    resolve_processor_kwargs,
)
from vlm_lab.config.serve_keys import PORT
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.types import Model, Runtime

HOST = "127.0.0.1"


class Template(str):
    """An argument with placeholders in it; elsewhere, as in a model's name, braces are text."""

    __slots__ = ()


CHECKPOINT, PROJECTOR = Template("{checkpoint}"), Template("{mmproj}")
LISTEN_ARGUMENTS = ("--host", HOST, "--port", Template(PORT))


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """How an engine is found and started. `package` is what its version is read of, `module` what
    its interpreter runs, `program` what it is called on PATH; `requirement` is for pip."""

    program: str
    build_arguments: Callable[[Model, Runtime, Path], Iterator[str]]
    package: str | None = None
    module: str | None = None
    requirement: str | None = None
    takes_processor_kwargs: bool = False


def build_vllm_arguments(model: Model, runtime: Runtime, folder: Path) -> Iterator[str]:
    """Its own defaults for sampling, not the checkpoint's: a penalty on repetition is a penalty on
    digits. The longest context that fits into the memory."""
    yield from ("serve", CHECKPOINT, "--served-model-name", model.model_id, *LISTEN_ARGUMENTS)
    yield from ("--generation-config", "vllm", "--max-model-len", "auto")
    yield from _build_loading_arguments(model)
    if model.image and model.pages != "together":
        yield from ("--limit-mm-per-prompt", _format_json({"image": 1, "video": 0}))
    if model.processor_kwargs:
        yield from ("--mm-processor-kwargs", _format_json(_resolve_processor(model, folder)))


def build_sglang_arguments(model: Model, runtime: Runtime, folder: Path) -> Iterator[str]:
    """As for vLLM. It takes no key but as an argument, which every user of the machine can read:
    it gets none."""
    yield from ("--model-path", CHECKPOINT, "--served-model-name", model.model_id)
    yield from (*LISTEN_ARGUMENTS, "--sampling-defaults", "openai")
    yield from _build_loading_arguments(model)
    if runtime.device == "cpu":
        yield from ("--device", "cpu")


def build_llama_arguments(model: Model, runtime: Runtime, file: Path) -> Iterator[str]:
    """Weights and dtype are one file; a projector of images lies beside it."""
    yield from ("--model", CHECKPOINT, "--alias", model.model_id, *LISTEN_ARGUMENTS)
    if find_projector(file) and "--mmproj" not in model.serve_args:
        yield from ("--mmproj", PROJECTOR)
    if runtime.device == "cpu":
        yield from ("--device", "none")


def find_projector(file: Path) -> Path | None:
    """The one `mmproj*.gguf` beside a GGUF file; None where there is none or several."""
    projectors = [path for path in file.parent.glob("*mmproj*.gguf") if path != file]
    return projectors[0] if len(projectors) == 1 else None


def _build_loading_arguments(model: Model) -> Iterator[str]:
    if model.use_safetensors:
        yield from ("--load-format", "safetensors")
    if model.dtype != "auto":
        yield from ("--dtype", model.dtype)
    if model.trust_remote_code:
        yield "--trust-remote-code"


def _resolve_processor(model: Model, folder: Path) -> dict[str, Any]:
    """`processor_kwargs` in the family's own words: `max_visual_tokens` is ours."""
    config = read_json_object(folder / "config.json")
    try:
        return resolve_processor_kwargs(
            get_family(config), config, read_preprocessor(folder), model.processor_kwargs
        )
    except ValueError as error:
        figures = {"model": model.name, "what": error.args[0]}
        raise UserError(Message("of_model", figures)) from None


def _format_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


ENGINE_KINDS = {
    "vllm": EngineKind(
        program="vllm",
        build_arguments=build_vllm_arguments,
        package="vllm",
        module="vllm.entrypoints.cli.main",
        requirement="vllm",
        takes_processor_kwargs=True,
    ),
    "sglang": EngineKind(
        program="python3",
        build_arguments=build_sglang_arguments,
        package="sglang",
        module="sglang.launch_server",
        requirement="sglang[all]",
    ),
    "llama.cpp": EngineKind(program="llama-server", build_arguments=build_llama_arguments),
}
