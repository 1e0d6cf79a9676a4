"""models.yaml -> candidates, strictly: a misspelt key is an error before anything runs, never a
setting ignored.

What is wrong with one model only (its weights, its interpreter) is not looked at here: that skips
the model.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vlm_lab.config.strict_yaml import (
    YamlKey,
    YamlSource,
    check_keys,
    format_suggestion,
    parse_dataclass,
    parse_value,
    read_yaml,
)
from vlm_lab.errors import UserError
from vlm_lab.registry import allow_plugins
from vlm_lab.types import Model, Rules

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]*")
RESERVED_SUFFIXES = (
    ".json",
    ".jsonl",
    ".md",
    ".html",
)  # a model's name is a folder beside files of these kinds
MISPLACED_KEYS = {
    "torch_dtype": "is spelt `dtype`",
    "use_flash_attention_2": "is spelt `attn_implementation: flash_attention_2`",
    "max_new_tokens": "belongs under `generation_kwargs`",
    "temperature": "belongs under `generation_kwargs`",
    "max_pixels": "belongs under `processor_kwargs`",
    "load_in_4bit": "belongs under `load_kwargs`",
    "load_in_8bit": "belongs under `load_kwargs`",
}
KWARGS_KEYS = ("generation_kwargs", "processor_kwargs", "load_kwargs")
# What decides which code runs, and from where weights come, stands in its own key, where it is
# checked.
TOP_LEVEL_KEYS = (
    "trust_remote_code",
    "use_safetensors",
    "revision",
    "attn_implementation",
    "dtype",
)
FORBIDDEN_KEYS = {
    "code_revision": "code comes from the commit that `revision` names, or not at all",
    "custom_generate": "runs code of a repository that `revision` does not pin",
    "kernel_config": "runs code of a repository that `revision` does not pin",
    "use_kernels": "runs code of a repository that `revision` does not pin",
    "local_files_only": "models are loaded from this machine alone; vlm-lab weights fetch brings them",
}
# What a record says of a request is what was sent.
RESERVED_BODY_KEYS = {
    "model": "is `model_id`",
    "messages": "are the prompt and the document's pages",
    "stream": "is spelt `stream` beside extra_body",
    "trust_remote_code": "is the server's to decide",
    "revision": "is the server's to decide",
}
PINNED_KERNEL_PATTERN = re.compile(r"[^@\s]+@[0-9a-f]{40}(:[\w.]+)?")


@dataclass(frozen=True, slots=True)
class Candidates:
    """What models.yaml files say. `prompts` are texts by id; `places` is where each model stands
    (file:line); `plugins` are the modules that a schema may take field types from."""

    models: tuple[Model, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    locations: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()


def load_candidates(paths: Sequence[Path]) -> Candidates:
    """Reads one or more files in order; UserError names file, line and key of the first thing that
    is wrong."""
    together = Candidates()
    for path in paths:
        found = _load_file(path)
        for name in set(together.locations) & set(found.locations):
            place = f"{together.locations[name]} and {found.locations[name]}"
            raise read_yaml(path).make_error(
                [], f"two models are named {name!r} ({place}); rename one"
            )
        together = Candidates(
            models=together.models + found.models,
            prompts={**together.prompts, **found.prompts},
            rules=found.rules if found.rules != Rules() else together.rules,
            locations={**together.locations, **found.locations},
            plugins=together.plugins + found.plugins,
        )
    return together


def _load_file(path: Path) -> Candidates:
    source = read_yaml(path)
    check_keys(source, [], source.data, ["defaults", "prompts", "models", "decide", "plugins"])
    models = _parse_models(source)
    return Candidates(
        models=models,
        prompts=_parse_prompts(source),
        rules=parse_dataclass(Rules, source, ["decide"], source.data.get("decide") or {}),
        locations={
            model.name: f"{path}:{source.find_line(['models', row])}"
            for row, model in enumerate(models)
        },
        plugins=_parse_plugins(source),
    )


def allow_listed_plugins(paths: Iterable[Path]) -> None:
    """Lets a suite's schema use what these models.yaml files list under `plugins`; files that are
    not there list nothing."""
    allow_plugins(load_candidates([path for path in paths if path.is_file()]).plugins)


def _parse_plugins(source: YamlSource) -> tuple[str, ...]:
    modules = parse_value(tuple[str, ...], source, ["plugins"], source.data.get("plugins") or ())
    for index, module in enumerate(modules):
        if not all(part.isidentifier() for part in module.split(".")):
            raise source.make_error(
                ["plugins", index], f"must be a module's name, package.module (got {module!r})"
            )
    return tuple(modules)


def _parse_models(source: YamlSource) -> tuple[Model, ...]:
    defaults = source.data.get("defaults") or {}
    check_keys(
        source,
        ["defaults"],
        defaults,
        set(Model.__dataclass_fields__) - {"name", "model_id", "revision"},
    )
    rows = parse_value(list[dict[str, Any]], source, ["models"], source.data.get("models") or [])
    models = [_parse_model(source, index, row, defaults) for index, row in enumerate(rows)]
    for index, model in enumerate(models):
        if model.name in [other.name for other in models[:index]]:
            raise source.make_error(
                ["models", index, "name"], f"two models are named {model.name!r}; rename one"
            )
    return tuple(models)


def _parse_model(
    source: YamlSource, index: int, row: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Model:
    place: list[YamlKey] = ["models", index]
    for old, new in MISPLACED_KEYS.items():
        if old in row:
            raise source.make_error([*place, old], f"the key {old!r} {new}")
    merged = {**defaults, **row}
    for key in ("generation_kwargs", "processor_kwargs", "load_kwargs", "backend_kwargs"):
        if isinstance(row.get(key), Mapping) and isinstance(defaults.get(key), Mapping):
            merged[key] = {**defaults[key], **row[key]}
    model = parse_dataclass(Model, source, place, merged)
    if not NAME_PATTERN.fullmatch(model.name) or model.name.endswith(RESERVED_SUFFIXES):
        wanted = f"must match {NAME_PATTERN.pattern} and not end in {', '.join(RESERVED_SUFFIXES)} (got {model.name!r})"
        raise source.make_error([*place, "name"], wanted)
    _check_reserved_keys(source, place, model)
    if not model.prompts:
        raise source.make_error([*place, "prompts"], "must name at least one prompt (got none)")
    return replace(model, prompts=tuple(dict.fromkeys(model.prompts)))


def _check_reserved_keys(source: YamlSource, place: list[YamlKey], model: Model) -> None:
    """UserError where a mapping that is handed on as it stands would decide which code runs, or
    what was asked."""
    for name in KWARGS_KEYS:
        for keys, key in _walk_keys(getattr(model, name)):
            if key in TOP_LEVEL_KEYS and (not keys or key in TOP_LEVEL_KEYS[:3]):
                raise source.make_error(
                    [*place, name, *keys, key], f"stands beside {name}, not in it: {key}: ..."
                )
            if key in FORBIDDEN_KEYS:
                raise source.make_error(
                    [*place, name, *keys, key], f"is not taken: {FORBIDDEN_KEYS[key]}"
                )
    body = model.backend_kwargs.get("extra_body")
    for key in RESERVED_BODY_KEYS:
        if isinstance(body, Mapping) and key in body:
            raise source.make_error(
                [*place, "backend_kwargs", "extra_body", key],
                f"is not taken: it {RESERVED_BODY_KEYS[key]}",
            )
    if "/" in model.attn_implementation:
        pinned = PINNED_KERNEL_PATTERN.fullmatch(model.attn_implementation)
        if not (pinned and model.trust_remote_code):
            wanted = "a kernel of the hub is code: it needs trust_remote_code: true and a commit, owner/name@<40 digits>"
            raise source.make_error(
                [*place, "attn_implementation"], f"{wanted} (got {model.attn_implementation!r})"
            )


def _walk_keys(
    value: Any, above: tuple[YamlKey, ...] = ()
) -> Iterator[tuple[tuple[YamlKey, ...], str]]:
    """(keys above, key) of every key in nested mappings and lists."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield above, str(key)
            yield from _walk_keys(inner, (*above, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk_keys(inner, (*above, index))


def _parse_prompts(source: YamlSource) -> dict[str, str]:
    texts = {}
    for name, value in (source.data.get("prompts") or {}).items():
        check_keys(source, ["prompts", name], value, ["text"])
        if not NAME_PATTERN.fullmatch(str(name)):
            raise source.make_error(
                ["prompts", name], f"a prompt's id must match {NAME_PATTERN.pattern} (got {name!r})"
            )
        texts[name] = parse_value(str, source, ["prompts", name, "text"], value.get("text"))
    return texts


def check_prompts(
    candidates: Candidates, available: Mapping[str, str], chosen: Sequence[str]
) -> None:
    """UserError where a model or `--prompt` names a prompt that neither the suite nor models.yaml
    has."""
    wanted = [
        (candidates.locations[model.name], f"{model.name}: prompts", model.prompts)
        for model in candidates.models
    ]
    for place, key, names in [*wanted, ("command line", "--prompt", tuple(chosen))]:
        for name in names:
            if name not in available:
                raise UserError(
                    f"{place}: {key}: no prompt {name!r}{format_suggestion(name, sorted(available))}"
                )
