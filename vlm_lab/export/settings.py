"""What an export needs to know of a backend: its script, and settings.json with all that decides a
reply, as it was chosen while it was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import weights
from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.types import Model, Prompt, Record, Report, Runtime

Schema = Mapping[str, Any]
SERVER_SETTINGS = ("base_url", "api_key_env", "timeout", "image")
UNSAVED_KEYS = ("messages", "stream", "stream_options")  # the script makes its own
MEASURED_VERSIONS = ("python", "torch", "transformers")
TORCHVISION_NOTE = (
    "Qwen, SmolVLM and InternVL read videos, too, and want torchvision to be installed for it.\n"
)


def build_transformers_settings(
    model: Model, record: Record, report: Report, schema: Schema
) -> dict[str, Any]:
    """The checkpoint at the commit that was measured, and its processor's settings in transformers'
    own words."""
    from vlm_lab.backends.transformers import families
    from vlm_lab.backends.transformers.generation_settings import read_decoding

    environment = record.environment
    checkpoint = weights.find_checkpoint(model, build_runtime(report).cache)
    if checkpoint is None:
        raise UserError(
            f"{model.name}: its weights are not here; "
            f"bring them with: {format_command('weights', 'fetch', model.name)}"
        )
    if checkpoint.digest != environment.get("weights"):
        raise UserError(
            f"{model.name}: {checkpoint.folder} is not what was measured "
            f"({environment.get('weights')}); run again"
        )
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
        "model": model.model_id if checkpoint.revision else str(checkpoint.folder.resolve()),
        "revision": checkpoint.revision or "main",
        "weights": checkpoint.digest,
        "trust_remote_code": model.trust_remote_code,
        "device": environment["device"]["value"],
        "load_kwargs": {
            **model.load_kwargs,
            "dtype": environment["dtype"]["value"],
            "attn_implementation": environment["attn_implementation"]["value"],
            "use_safetensors": model.use_safetensors,
        },
        "size": processor_kwargs.pop("size", None),
        "processor_kwargs": processor_kwargs,
        "generation_kwargs": read_decoding(checkpoint.folder, record.generation_kwargs).kwargs,
        "chat_template": environment["chat_template"],
        "image": family.image_placeholder,
        "form": family.prompt_format,
        "measured_with": {name: environment.get(name) for name in MEASURED_VERSIONS},
    }


def build_server_settings(
    model: Model, record: Record, report: Report, schema: Schema
) -> dict[str, Any]:
    """Where the server was, and the request without its messages. A key is named by its variable,
    never written."""
    from vlm_lab.backends.openai.backend import build_request
    from vlm_lab.backends.openai.settings import load_server_settings

    settings = replace(load_server_settings(model), stream=False, logprobs=False)
    prompt = Prompt(id="", text="", pages=(), document_id="", document_name="", schema=schema)
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
    """How the candidates of one backend leave this package."""

    script: str
    packages: str
    build_settings: Callable[[Model, Record, Report, Schema], dict[str, Any]]
    note: str = ""


EXPORTERS = {
    "transformers": Exporter(
        "read_with_transformers.py",
        "transformers torch accelerate sentencepiece pypdfium2 pillow",
        build_transformers_settings,
        TORCHVISION_NOTE,
    ),
    "openai": Exporter("read_with_server.py", "pypdfium2 pillow", build_server_settings),
}
