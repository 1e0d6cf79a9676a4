"""The packages that a model's settings ask for beside torch and transformers.

In: a model, its checkpoint's folder and its interpreter. Out: their names, or a Skip that says
which one is missing and how it is had. Nothing is imported or started.
"""

from collections.abc import Mapping
from pathlib import Path

from vlm_lab.backends.reply_schema import RESPONSE_FORMAT
from vlm_lab.backends.transformers import quantization
from vlm_lab.backends.transformers.interpreter import read_package_versions, resolve_interpreter
from vlm_lab.backends.transformers.reply_grammar import PACKAGE as GRAMMAR_PACKAGE
from vlm_lab.commands import format_install_command, format_package_command
from vlm_lab.errors import Skip
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.types import Model, Runtime

ADAPTER_PACKAGE = "peft"
# Ours, that bring a package.
EXTRAS = {
    GRAMMAR_PACKAGE: "constrained",
    ADAPTER_PACKAGE: "adapters",
    quantization.BITSANDBYTES: "quantized",
}


def list_packages(model: Model, folder: Path) -> Mapping[str, str]:
    """Each package that is needed, and the setting that needs it."""
    packages = {}
    if response_format := model.backend_kwargs.get(RESPONSE_FORMAT):
        packages[GRAMMAR_PACKAGE] = f"{RESPONSE_FORMAT}: {response_format}"
    if model.adapter:
        packages[ADAPTER_PACKAGE] = "adapter"
    if model.quantization:
        packages[quantization.BITSANDBYTES] = f"quantization: {model.quantization}"
    config = read_json_object(folder / "config.json")
    for source, place in ((model.load_kwargs, "load_kwargs"), (config, "config.json")):
        method = quantization.find_method(source)
        for package in quantization.PACKAGES_BY_METHOD.get(method, ()):
            packages[package] = f"{place}: {quantization.CONFIG_KEY}: {method}"
    return packages


def check_packages(model: Model, runtime: Runtime, folder: Path) -> None:
    """Skip names the first package that the model's interpreter lacks."""
    if missing := find_missing_package(model, runtime, folder):
        raise Skip(missing)


def find_missing_package(model: Model, runtime: Runtime, folder: Path) -> Message | None:
    """What is said of the first package that is not there; None where all are."""
    packages = list_packages(model, folder)
    python = resolve_interpreter(model, runtime)
    versions = read_package_versions(python, packages)
    for package, setting in packages.items():
        if versions[package] is None:
            figures = {
                "model": model.name,
                "setting": setting,
                "package": package,
                "command": _format_command(package, python),
            }
            return Message("lacks_package", figures)
    return None


def _format_command(package: str, python: str | None) -> str:
    """How it is installed: by an extra of ours in this environment, else by its name."""
    if python is None and package in EXTRAS:
        return format_install_command(EXTRAS[package])
    return format_package_command(package, python)
