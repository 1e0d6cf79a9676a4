"""The interpreter that a model runs in: where it is, and its versions of what decides a reply.

In: a model and the run's settings. Nothing is imported or started.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from vlm_lab.backends.transformers import devices
from vlm_lab.commands import format_command
from vlm_lab.errors import Skip
from vlm_lab.messages import Message
from vlm_lab.types import Model, Runtime

VERSIONED_PACKAGES = ("torch", "transformers", "tokenizers", "pillow")


def resolve_interpreter(model: Model, runtime: Runtime) -> str | None:
    """The path that `python:` names; a relative one starts where models.yaml and `cache` lie, not
    where one types."""
    if not model.python:
        return None
    return str(runtime.cache.absolute().parent / Path(model.python).expanduser())


def make_interpreter_error(model: Model, reason: Message | str) -> Skip:
    """What is wrong with the interpreter that `python:` names, and how to get one that works."""
    command = format_command("models", "env", model.name)
    figures = {"model": model.name, "what": reason, "command": command}
    return Skip(Message("interpreter_unfit", figures))


def read_package_versions(
    python: str | None, names: Iterable[str] = VERSIONED_PACKAGES
) -> dict[str, str | None]:
    """Versions of the packages that decide a reply, read from their metadata; nothing is imported
    or started."""
    search_paths = sys.path if python is None else list(map(str, find_site_packages(python)))
    return {name: _find_version(name, search_paths) for name in names}


def find_package_version(package: str, program: str) -> str | None:
    """Of a package in the environment that an interpreter, or a script beside it, belongs to."""
    return _find_version(package, list(map(str, find_site_packages(program))))


def _find_version(package: str, search_paths: list[str]) -> str | None:
    """Of what `import` finds first. One package is looked up by its name: to read the metadata of
    all takes as long as several documents."""
    distributions = metadata.distributions(name=package, path=search_paths)
    first = next(iter(distributions), None)
    return first.version if first else None


def read_installed_names(python: str) -> set[str]:
    """The packages of an interpreter, in lower case."""
    search_paths = list(map(str, find_site_packages(python)))
    return {
        (distribution.name or "").lower()
        for distribution in metadata.distributions(path=search_paths)
    }


def find_site_packages(python: str) -> list[Path]:
    """Where an interpreter's packages lie, by the layout that venv and the system use."""
    prefix = Path(python).expanduser().absolute().parent.parent
    patterns = (
        "lib/python3*/site-packages",
        "lib/python3*/dist-packages",  # Debian's, and of images that are made from it
        "Lib/site-packages",
    )
    return [path for pattern in patterns for path in prefix.glob(pattern)]


def compute_choice_key(model: Model, runtime: Runtime, digest: str) -> str:
    """What device, dtype and attention were chosen *for*: another GPU, driver setting or torch
    chooses anew."""
    requested = [
        runtime.device,
        model.dtype,
        model.attn_implementation,
        dict(model.load_kwargs),
        model.python,
    ]
    versions = read_package_versions(resolve_interpreter(model, runtime))
    key_inputs = [requested, digest, versions, devices.detect_hardware()]
    text = json.dumps(key_inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
