"""A model of models.yaml with `serve` -> which program is started for it, with what, and what of
that decides a reply. Nothing is started here, but for `llama-server --version`.

The program is the one of the interpreter that `python:` names, else the one on PATH.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vlm_lab.backends.openai.engine_arguments import (
    CHECKPOINT,
    ENGINE_KINDS,
    PROJECTOR,
    EngineKind,
    Template,
    find_projector,
)
from vlm_lab.backends.transformers import weights
from vlm_lab.backends.transformers.interpreter import (
    find_package_version,
    make_interpreter_error,
    resolve_interpreter,
)
from vlm_lab.backends.transformers.process import check_interpreter
from vlm_lab.commands import format_command
from vlm_lab.config.serve_keys import MODEL_ID, PLACEHOLDER, PORT
from vlm_lab.errors import Skip
from vlm_lab.messages import Message
from vlm_lab.telemetry import NO_TELEMETRY
from vlm_lab.types import Model, Runtime
from vlm_lab.workers.process import OFFLINE_VARIABLES

LLAMA = "llama.cpp"
VERSION_SECONDS = 30
# Each engine reads the first one that is its own. An argument would stand in the list of processes.
KEY_VARIABLES = ("VLLM_API_KEY", "LLAMA_API_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """`values` are those of the placeholders in the command's templates, but for the port; `digest`
    is of the weights, None where nobody knows which they are."""

    engine: str
    version: str | None
    command: tuple[str, ...]
    values: Mapping[str, str]
    variables: Mapping[str, str]
    folder: Path
    digest: str | None

    @property
    def label(self) -> str:
        """`vllm 0.32.0`"""
        return f"{self.engine} {self.version}" if self.version else self.engine

    def fill_command(self, port: int) -> list[str]:
        """The argument list for one start."""
        values = {**self.values, PORT: str(port)}
        return [_fill_placeholders(argument, values) for argument in self.command]


def format_engine_name(model: Model) -> str:
    """`vllm`, or the program of a command."""
    return model.serve if isinstance(model.serve, str) else Path((model.serve or ("",))[0]).name


def loads_checkpoint(model: Model) -> bool:
    """Whether its engine loads a folder of the hub's form, which `weights fetch` brings."""
    return isinstance(model.serve, str) and model.serve != LLAMA


def has_weights(model: Model, runtime: Runtime) -> bool:
    """Whether what an engine by name would load lies here; of other servers nobody knows."""
    if not isinstance(model.serve, str):
        return True
    if model.serve == LLAMA:
        return _find_gguf(model, runtime) is not None
    return weights.find_folder(model, runtime.cache) is not None


def describe_engine(model: Model, runtime: Runtime) -> dict[str, Any]:
    """What decides a reply: engine, version, arguments without the place and the port, weights.
    Skip where weights are missing; an engine that is missing has no version."""
    serve = model.serve
    if not isinstance(serve, str):
        return {"engine": "", "arguments": list(serve or ()), "device": runtime.device}
    kind = ENGINE_KINDS[serve]
    path, digest = _find_weights(model, runtime)
    return {
        "engine": serve,
        "version": _find_version(kind, _find_program(kind, model, runtime)),
        "arguments": _build_arguments(kind, model, runtime, path),
        "weights": digest,
        "device": runtime.device,
    }


def plan_launch(model: Model, runtime: Runtime) -> Launch:
    """How the model's server is started. Skip where engine, interpreter or weights are missing."""
    folder = runtime.cache.absolute().parent
    if not isinstance(model.serve, str):
        own_program, *own_arguments = model.serve or ()
        return Launch(
            engine=format_engine_name(model),
            version=None,
            command=(
                _find_own_program(own_program, model, runtime),
                *map(Template, own_arguments),
            ),
            values={MODEL_ID: model.model_id},
            variables=_build_variables(own_program, runtime),
            folder=folder,
            digest=None,
        )
    kind = ENGINE_KINDS[model.serve]
    path, digest = _find_weights(model, runtime)
    program = _require_program(kind, model, runtime)
    is_module = kind.module and (model.python or kind.program.startswith("python"))
    module_arguments = ("-m", str(kind.module)) if is_module else ()
    arguments = _build_arguments(kind, model, runtime, path)
    return Launch(
        engine=model.serve,
        version=_find_version(kind, program),
        command=(program, *module_arguments, *arguments),
        values={CHECKPOINT: str(path.absolute()), PROJECTOR: str(find_projector(path) or "")},
        variables=_build_variables(program, runtime),
        folder=folder,
        digest=digest,
    )


def _build_arguments(kind: EngineKind, model: Model, runtime: Runtime, path: Path) -> list[str]:
    return [*kind.build_arguments(model, runtime, path), *model.serve_args]


def _fill_placeholders(argument: str, values: Mapping[str, str]) -> str:
    """A template's in one pass: what a value says is no placeholder."""
    if not isinstance(argument, Template):
        return argument
    return PLACEHOLDER.sub(lambda match: values.get(match[0], match[0]), argument)


def _find_weights(model: Model, runtime: Runtime) -> tuple[Path, str]:
    """The checkpoint's folder, or a GGUF file, and its digest. Skip where it is not here, or runs
    code that nothing pins."""
    if loads_checkpoint(model):
        checkpoint = weights.require_checkpoint(model, runtime.cache)
        return checkpoint.folder, checkpoint.digest
    path = _find_gguf(model, runtime)
    if path is None:
        raise Skip(Message("no_gguf", {"model": model.name, "path": model.model_id}))
    files = [file for file in (path, find_projector(path)) if file]
    return path, weights.compute_files_digest(files, runtime.cache)


def _find_gguf(model: Model, runtime: Runtime) -> Path | None:
    """The file that `model_id` names, from here or from where models.yaml lies."""
    given_path = Path(model.model_id).expanduser()
    paths = (given_path, runtime.cache.absolute().parent / given_path)
    return next((path for path in paths if path.is_file()), None)


def _require_program(kind: EngineKind, model: Model, runtime: Runtime) -> str:
    """The program's path; Skip where it is not here or has not the engine."""
    python = resolve_interpreter(model, runtime)
    if python and kind.module:
        try:
            check_interpreter(python)
        except Skip as error:
            raise make_interpreter_error(model, str(error)) from None
    program = _find_program(kind, model, runtime)
    if program is None:
        raise Skip(_describe_absence(kind.program, model))
    is_python = bool(model.python) or kind.program.startswith("python")
    if kind.package and is_python and _find_version(kind, program) is None:
        raise make_interpreter_error(model, f"python: {program} has no package {kind.package}")
    return program


def _describe_absence(program: str, model: Model) -> Message:
    figures = {
        "model": model.name,
        "program": program,
        "command": format_command("models", "env", model.name),
    }
    if model.python:
        return Message("no_program_beside", {**figures, "python": model.python})
    return Message("no_program", figures)


def _find_program(kind: EngineKind, model: Model, runtime: Runtime) -> str | None:
    """The interpreter itself where the engine is a package of it."""
    python = resolve_interpreter(model, runtime)
    if python and kind.module:
        return os.path.abspath(python)
    return _look_up(kind.program, python)


def _find_own_program(program: str, model: Model, runtime: Runtime) -> str:
    """The first item of a command: a bare name is looked up, a path starts where models.yaml
    lies."""
    if os.sep in program:
        return Template(os.path.expanduser(program))
    found = _look_up(program, resolve_interpreter(model, runtime))
    if found is None:
        raise Skip(_describe_absence(program, model))
    return found


def _look_up(program: str, python: str | None) -> str | None:
    """A program beside an interpreter, else on PATH."""
    beside = str(Path(python).parent) if python else None
    return (beside and shutil.which(program, path=beside)) or shutil.which(program)


def _find_version(kind: EngineKind, program: str | None) -> str | None:
    if program is None:
        return None
    if kind.package is None:
        return _ask_version(program, os.stat(program).st_mtime_ns)
    # A script on PATH may be a link to the one in its environment; an interpreter in one is a link.
    is_python = Path(program).name.startswith("python")
    return find_package_version(kind.package, program if is_python else os.path.realpath(program))


@cache
def _ask_version(program: str, mtime: int) -> str | None:
    """What `llama-server --version` prints: `version: 6123 (a1b2c3d)`."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).splitlines()
    versions = [line.partition(":")[2].strip() for line in lines if line.startswith("version:")]
    return versions[0] if versions else None


def _build_variables(program: str, runtime: Runtime) -> dict[str, str]:
    """Nothing is reported, and nothing is looked up unless the run is `--online`. Tools that an
    engine compiles with lie beside its program."""
    variables = {**NO_TELEMETRY, "PYTHONUNBUFFERED": "1"}
    if not runtime.online:
        variables |= OFFLINE_VARIABLES
    if os.path.isabs(program):
        variables["PATH"] = os.pathsep.join(
            [os.path.dirname(program), os.environ.get("PATH", os.defpath)]
        )
    device, _, index = runtime.device.partition(":")
    if device == "cpu" or index:
        variables["CUDA_VISIBLE_DEVICES"] = index
    return variables


def list_key_variables(key: str) -> dict[str, str]:
    """Where the engines find the key that they ask of us."""
    return dict.fromkeys(KEY_VARIABLES, key)


def find_not_sent(model: Model) -> Sequence[str]:
    """Keys of models.yaml that the engine is not told."""
    kind = ENGINE_KINDS.get(model.serve) if isinstance(model.serve, str) else None
    keys = ["load_kwargs"]
    if not (kind and kind.takes_processor_kwargs):
        keys.append("processor_kwargs")
    return [key for key in keys if getattr(model, key)]
