"""The candidates of models.yaml, and an interpreter of its own for one that needs other versions.

vlm-lab models                 name, backend, status, prompts, weights here or not,
                               where it would run
vlm-lab models env NAME        the commands that make the interpreter, and the lines for models.yaml
"""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from vlm_lab.backends.openai.engine_arguments import ENGINE_KINDS
from vlm_lab.backends.transformers import devices, weights
from vlm_lab.backends.transformers.recipes import RECIPES
from vlm_lab.cli.weights import add_models_file, find_backend, select_model
from vlm_lab.commands import format_command, locate_in_project
from vlm_lab.config.models_file import load_candidates
from vlm_lab.errors import UserError
from vlm_lab.report.formatting import WHOLE_LINES, format_table, get_terminal_width
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Model, Runtime

HEADINGS = ("model", "backend", "status", "prompts", "weights", "runs on")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_models_file(parser, locate_in_project("models.yaml"))
    env = parser.add_subparsers(dest="action", metavar="").add_parser(
        "env", help="make an interpreter for a model"
    )
    env.add_argument("name", metavar="NAME")
    add_models_file(env, argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    models = load_candidates([args.models_file]).models
    cache = args.models_file.absolute().parent / "cache"
    if args.action == "env":
        print("\n".join(format_recipe(select_model(models, args.name), cache)))
        return 0
    rows = [format_row(model, Runtime(cache)) for model in models]
    print("\n".join(format_table(HEADINGS, rows, get_terminal_width(WHOLE_LINES), len(HEADINGS))))
    return 0


def format_row(model: Model, runtime: Runtime) -> tuple[str, ...]:
    """One candidate's line."""
    return (
        model.name,
        model.backend,
        model.status,
        ", ".join(model.prompts),
        describe_weights(model, runtime.cache),
        find_device(model, runtime),
    )


def describe_weights(model: Model, cache: Path) -> str:
    """Whether its weights are here."""
    if not find_backend(model).needs_weights(model):
        return "none needed"
    checkpoint = weights.find_checkpoint(model, cache)
    if checkpoint is None:
        return "not here"
    return "here" if checkpoint.is_complete else "incomplete"


def find_device(model: Model, runtime: Runtime) -> str:
    """The device a worker chose here before, else a guess without torch; a server's address."""
    backend = find_backend(model)
    if address := backend.server_address(model):
        return terminal_safe(address)
    if not backend.needs_weights(model):
        return "this process"
    try:
        identity = backend.identity(model, runtime) or {}
    except UserError:
        identity = {}
    return str(identity.get("device") or f"{guess_device()} (a guess)")


def guess_device() -> str:
    """What `auto` will likely take: cuda where the driver names a GPU, mps on Apple's, else cpu."""
    if any(not part.startswith("CUDA_VISIBLE_DEVICES") for part in devices.detect_hardware()[1:]):
        return "cuda"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def format_recipe(model: Model, cache: Path) -> Iterator[str]:
    """Shell commands for the folder that one types in, then lines for models.yaml."""
    if model.serve is not None:
        yield from format_engine_recipe(model, cache)
        return
    if model.model_id not in RECIPES:
        known_ids = ", ".join(RECIPES)
        raise UserError(
            f"{model.name}: no recipe for {model.model_id} (known: {known_ids}). "
            "Make a venv with the versions that its model card names "
            "(torch, transformers, Pillow) and set `python: PATH/bin/python` in models.yaml"
        )
    recipe = RECIPES[model.model_id]
    folder = f"envs/{model.name}"
    quoted_folder = shlex.quote(os.path.relpath(cache.parent / folder))
    checkpoint = weights.find_checkpoint(model, cache)
    commit = checkpoint.revision if checkpoint and checkpoint.revision else None
    yield f"# {model.name}: {recipe.reason}"
    yield f"{recipe.python} -m venv {quoted_folder}"
    yield f"{quoted_folder}/bin/python -m pip install {' '.join(recipe.packages)}"
    if commit is None:
        command = format_command("weights", "fetch", model.name)
        yield f"{command}        # prints the commit for `revision` below"
    yield "\n# models.yaml, in its entry:"
    yield f"    python: {folder}/bin/python"
    yield "    attn_implementation: eager"
    yield (
        "    trust_remote_code: true              "
        "# runs the code of that commit, in its own process: read it first"
    )
    yield f"    revision: {commit or '<the commit>'}"


def format_engine_recipe(model: Model, cache: Path) -> Iterator[str]:
    """As `format_recipe`, for the engine that serves the model; all that it serves share one."""
    kind = ENGINE_KINDS.get(model.serve) if isinstance(model.serve, str) else None
    if kind is None:
        raise UserError(
            f"{model.name}: `serve` is a command of your own; make the environment that it needs, "
            "and set `python: PATH/bin/python` in models.yaml to have its programs found there"
        )
    if kind.requirement is None:
        raise UserError(
            f"{model.name}: {model.serve} is a program, {kind.program}, and no package of Python: "
            "build or install it (https://github.com/ggml-org/llama.cpp) so that it is on PATH"
        )
    folder = f"envs/{model.serve}"
    quoted_folder = shlex.quote(os.path.relpath(cache.parent / folder))
    yield f"# {model.name}: {model.serve} pins its own torch and transformers"
    yield f"python3 -m venv {quoted_folder}"
    yield f"{quoted_folder}/bin/python -m pip install {shlex.quote(kind.requirement)}"
    if weights.find_checkpoint(model, cache) is None:
        yield format_command("weights", "fetch", model.name)
    yield "\n# models.yaml, in its entry:"
    yield f"    python: {folder}/bin/python"
