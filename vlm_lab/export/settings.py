"""What an export needs to know of a backend: its script and the packages of it, and settings.json
with all that decides a reply, as it was chosen while it was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.prompt_variable import PROMPT_VALUE
from vlm_lab.backends.reply_schema import RESPONSE_FORMAT
from vlm_lab.backends.transformers import images_only, weights
from vlm_lab.backends.transformers.quantization import build_load_kwargs
from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.types import Model, Prompt, Record, Report, Runtime

Schema = Mapping[str, Any]
SERVER_SETTINGS = ("base_url", "api_key_env", "timeout", "image")
UNSAVED_KEYS = ("messages", "stream", "stream_options")  # the script makes its own
MEASURED_VERSIONS = ("python", "torch", "transformers")
CHECKPOINT_FOLDER = "./checkpoint"  # of an export, where the weights are no hub's
FIRST_TRANSFORMERS = 5  # that the script is written for


def build_transformers_settings(
    model: Model, record: Record, report: Report, schema: Schema
) -> dict[str, Any]:
    """The checkpoint at the commit that was measured, and its processor's settings in transformers'
    own words."""
    from vlm_lab.backends.transformers import families
    from vlm_lab.backends.transformers.generation_settings import read_decoding

    environment = record.environment
    _check_transformers_version(model, environment.get("transformers"))
    _check_what_the_script_knows(model)
    checkpoint = _find_measured_checkpoint(model, record, report)
    if "chat_template" not in environment:
        raise UserError(f"{model.name}: its records do not say how it was asked; run again")
    config = read_json_object(checkpoint.folder / "config.json")
    family = families.get_family(config)
    if family.postprocess_method:
        raise UserError(
            f"{model.name}: it answers in tags of its own, which the handed-over script cannot read"
        )
    processor_kwargs = families.resolve_processor_kwargs(
        family, config, families.read_preprocessor(checkpoint.folder), model.processor_kwargs
    )
    return {
        "model": model.model_id if checkpoint.revision else CHECKPOINT_FOLDER,
        "revision": checkpoint.revision or "main",
        "weights": checkpoint.digest,
        "trust_remote_code": model.trust_remote_code,
        "device": environment["device"]["value"],
        "load_kwargs": _build_load_kwargs(model, environment),
        "processor_class": families.read_processor_class(checkpoint.folder),
        "size": processor_kwargs.pop("size", None),
        "processor_kwargs": processor_kwargs,
        "generation_kwargs": read_decoding(checkpoint.folder, record.generation_kwargs).kwargs,
        "chat_template": environment["chat_template"],
        "image": family.image_placeholder,
        "form": family.prompt_format,
        "measured_with": {name: environment.get(name) for name in MEASURED_VERSIONS},
    }


def _find_measured_checkpoint(model: Model, record: Record, report: Report) -> weights.Weights:
    """The checkpoint whose weights answered. UserError where they are not here."""
    checkpoint = weights.find_checkpoint(model, build_runtime(report).cache)
    if checkpoint is None:
        raise UserError(
            f"{model.name}: its weights are not here; "
            f"bring them with: {format_command('weights', 'fetch', model.name)}"
        )
    measured_weights = record.environment.get("weights")
    if checkpoint.digest != measured_weights:
        raise UserError(
            f"{model.name}: {checkpoint.folder} is not what was measured "
            f"({measured_weights}); run again"
        )
    return checkpoint


def _build_load_kwargs(model: Model, environment: Mapping[str, Any]) -> dict[str, Any]:
    """What the weights were loaded with, as it was chosen while it was measured."""
    dtype, device = environment["dtype"]["value"], environment["device"]["value"]
    quantization_kwargs: Mapping[str, Any] = {}
    if model.quantization is not None:
        quantization_kwargs = build_load_kwargs(model.quantization, dtype, device)
    return {
        **quantization_kwargs,
        **model.load_kwargs,
        "dtype": dtype,
        "attn_implementation": environment["attn_implementation"]["value"],
        "use_safetensors": model.use_safetensors,
    }


def _check_what_the_script_knows(model: Model) -> None:
    """UserError where the script would ask another model than the one that was measured."""
    if model.backend_kwargs.get(RESPONSE_FORMAT):
        raise UserError(
            f"{model.name}: its replies were held to a schema ({RESPONSE_FORMAT}), which the "
            "handed-over script does not do; hand over a server's candidate, or the model as it is"
        )
    if model.adapter:
        raise UserError(
            f"{model.name}: it was measured with an adapter, which the handed-over script does not "
            "load; merge the two (peft: merge_and_unload), and measure that folder"
        )


def _check_transformers_version(model: Model, version: str | None) -> None:
    if version and int(version.partition(".")[0]) < FIRST_TRANSFORMERS:
        raise UserError(
            f"{model.name}: was measured with transformers {version}, in an interpreter of its own;"
            f" the handed-over script needs {FIRST_TRANSFORMERS}.0 or newer"
        )


def find_carried_checkpoint(model: Model, report: Report) -> Path | None:
    """The checkpoint's folder where no hub has it, so that an export must bring it along."""
    checkpoint = weights.find_checkpoint(model, build_runtime(report).cache)
    return checkpoint.folder if checkpoint and not checkpoint.revision else None


def build_server_settings(
    model: Model, record: Record, report: Report, schema: Schema
) -> dict[str, Any]:
    """Where the server was, and the request without its messages. A key is named by its variable,
    never written."""
    from vlm_lab.backends.openai.backend import build_request
    from vlm_lab.backends.openai.settings import load_server_settings

    settings = replace(load_server_settings(model), stream=False, logprobs=False)
    prompt = Prompt(
        id="", text=PROMPT_VALUE, pages=(), document_id="", document_name="", schema=schema
    )
    body = build_request(model, build_runtime(report), settings, prompt)
    return {
        **{name: getattr(settings, name) for name in SERVER_SETTINGS},
        "body": {key: value for key, value in body.items() if key not in UNSAVED_KEYS},
        "measured_with": dict(record.environment.get("served") or {}),
    }


def build_runtime(report: Report) -> Runtime:
    """What the run's backends were told."""
    options = report.run.get("options") or {}
    return Runtime(Path(options.get("cache") or "cache"), seed=options.get("seed") or 0)


@dataclass(frozen=True, slots=True)
class Exporter:
    """How the candidates of one backend leave this package. `modules` are copied beside the script,
    from where they are used here; `find_checkpoint` says which weights go along; of
    `optional_packages` those that are installed are named."""

    script: str
    modules: tuple[Path, ...]
    packages: tuple[str, ...]
    build_settings: Callable[[Model, Record, Report, Schema], dict[str, Any]]
    find_checkpoint: Callable[[Model, Report], Path | None] | None = None
    optional_packages: tuple[str, ...] = ()


TEMPLATES = Path(__file__).parent / "templates"
EXPORTERS = {
    "transformers": Exporter(
        script="read_with_transformers.py",
        modules=(TEMPLATES / "pages.py", Path(images_only.__file__)),
        packages=("torch", "transformers", "pillow", "pypdfium2"),
        optional_packages=(
            "accelerate",
            "bitsandbytes",
            "flash-attn",
            "num2words",
            "sentencepiece",
            "torchvision",
        ),
        build_settings=build_transformers_settings,
        find_checkpoint=find_carried_checkpoint,
    ),
    "openai": Exporter(
        script="read_with_server.py",
        modules=(TEMPLATES / "pages.py",),
        packages=("pillow", "pypdfium2"),
        build_settings=build_server_settings,
    ),
}
