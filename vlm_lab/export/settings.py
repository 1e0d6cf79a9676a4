"""settings.json of a hand-over: what decides a reply, with the choices that were made while it was
measured."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import weights
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.types import Model, Prompt, Report, Runtime

Schema = Mapping[str, Any]
SERVER_SETTINGS = ("base_url", "api_key_env", "timeout", "image")


def build_transformers_settings(
    model: Model, answer: Mapping[str, Any], report: Report, schema: Schema
) -> dict[str, Any]:
    """The checkpoint at the commit that was measured, and its processor's settings in transformers'
    own words."""
    from vlm_lab.backends.transformers import families
    from vlm_lab.backends.transformers.loaded_model import build_generate_kwargs

    made_with = answer["environment"]
    found = weights.find_checkpoint(model, build_runtime(report).cache)
    if found is None:
        raise UserError(
            f"{model.name}: its weights are not here; bring them with: vlm-lab weights fetch {model.name}"
        )
    if found.digest != made_with.get("weights"):
        raise UserError(
            f"{model.name}: {found.folder} is not what was measured ({made_with.get('weights')}); run again"
        )
    config = read_json_object(found.folder / "config.json")
    family = families.get_family(config)
    if family.postprocess_method:
        raise UserError(
            f"{model.name}: it answers in tags of its own, which the handed-over script cannot read"
        )
    processor = families.resolve_processor_kwargs(
        family, config, families.read_preprocessor(found.folder), model.processor_kwargs
    )
    chosen = {name: made_with[name]["value"] for name in ("dtype", "attn_implementation")}
    return {
        "model": model.model_id if found.revision else str(found.folder.resolve()),
        "revision": found.revision or "main",
        "weights": found.digest,
        "trust_remote_code": model.trust_remote_code,
        "device": made_with["device"]["value"],
        "load_kwargs": {**model.load_kwargs, **chosen, "use_safetensors": model.use_safetensors},
        "size": processor.pop("size", None),
        "processor_kwargs": processor,
        "generation_kwargs": build_generate_kwargs(dict(answer["generation_kwargs"])),
        "image": family.image_placeholder,
        "form": family.prompt_format,
        "measured_with": {
            name: made_with.get(name) for name in ("python", "torch", "transformers")
        },
    }


def build_server_settings(
    model: Model, answer: Mapping[str, Any], report: Report, schema: Schema
) -> dict[str, Any]:
    """Where the server was, and the request without its messages. A key is named by its variable,
    never written."""
    from vlm_lab.backends.openai.backend import build_request
    from vlm_lab.backends.openai.settings import load_server_settings

    settings = replace(load_server_settings(model), stream=False, logprobs=False)
    prompt = Prompt(id="", text="", pages=(), document_id="", document_name="", schema=schema)
    body = build_request(model, build_runtime(report), settings, prompt)
    left_out = ("messages", "stream", "stream_options")
    return {
        **{name: getattr(settings, name) for name in SERVER_SETTINGS},
        "body": {key: value for key, value in body.items() if key not in left_out},
        "measured_with": dict(answer["environment"].get("served") or {}),
    }


def build_runtime(report: Report) -> Runtime:
    """What the run's backends were told."""
    options = report.run.get("options") or {}
    return Runtime(Path(options.get("cache") or "cache"), seed=options.get("seed") or 0)


SETTINGS_BUILDERS: dict[
    str, Callable[[Model, Mapping[str, Any], Report, Schema], dict[str, Any]]
] = {
    "openai": build_server_settings,
    "transformers": build_transformers_settings,
}
