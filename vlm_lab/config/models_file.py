"""models.yaml -> candidates, strictly: a misspelt key is an error before anything runs.

What is wrong with one model only (its weights, its interpreter) is not looked at here: that skips
the model.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from vlm_lab.commands import format_command
from vlm_lab.config.chat_template_keys import CHAT_TEMPLATE_KEY, check_chat_template_kwargs
from vlm_lab.config.local_keys import check_local_keys
from vlm_lab.config.serve_keys import check_serve, normalize_serve
from vlm_lab.config.setting_names import check_backend_keys, check_setting_names
from vlm_lab.config.strict_yaml import (
    YamlKey,
    YamlSource,
    check_keys,
    format_suggestion,
    parse_dataclass,
    parse_value,
    read_yaml,
)
from vlm_lab.config.text_keys import check_readers
from vlm_lab.config.variants import (
    NAME_PATTERN,
    SEPARATOR,
    Entry,
    check_name,
    expand_variants,
    overrule_entry,
)
from vlm_lab.errors import UserError
from vlm_lab.files import find_path_fault
from vlm_lab.registry import allow_plugins
from vlm_lab.sanitize import quote_value
from vlm_lab.types import UPPER_LIMITS, CostRates, Model, Rules

MISPLACED_KEYS = {
    "torch_dtype": "is spelt `dtype`",
    "use_flash_attention_2": "is spelt `attn_implementation: flash_attention_2`",
    "max_new_tokens": "belongs under `generation_kwargs`",
    "temperature": "belongs under `generation_kwargs`",
    "max_pixels": "belongs under `processor_kwargs`",
    "enable_thinking": "belongs under `chat_template_kwargs`",
    "load_in_4bit": "is spelt `quantization: int4`",
    "load_in_8bit": "is spelt `quantization: int8`",
}
KWARGS_KEYS = ("generation_kwargs", "processor_kwargs", "load_kwargs")
PAGE_SETTINGS = ("dpi", "max_pages")  # whole numbers
MERGED_KEYS = (*KWARGS_KEYS, CHAT_TEMPLATE_KEY, "backend_kwargs")  # with those of `defaults`
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
    "ignore_mismatched_sizes": "weights of another shape would be drawn at random",
    "output_loading_info": "is always asked for: a record says what was not loaded",
    "local_files_only": (
        "models are loaded from this machine alone; "
        f"{format_command('weights', 'fetch', 'NAME')} brings them"
    ),
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
    """What models.yaml files say. `prompts` are texts by id; `locations` is where each model stands
    (file:line); `plugins` are the modules that a schema may take field types from."""

    models: tuple[Model, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    locations: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()


def load_candidates(paths: Sequence[Path]) -> Candidates:
    """Reads one or more files in order; UserError names file, line and key of the first mistake."""
    merged = Candidates()
    for path in paths:
        loaded = _load_file(path)
        for name in set(merged.locations) & set(loaded.locations):
            locations = f"{merged.locations[name]} and {loaded.locations[name]}"
            raise read_yaml(path).make_error(
                [], f"two models are named {name!r} ({locations}); rename one"
            )
        merged = Candidates(
            models=merged.models + loaded.models,
            prompts={**merged.prompts, **loaded.prompts},
            rules=loaded.rules if loaded.rules != Rules() else merged.rules,
            locations={**merged.locations, **loaded.locations},
            plugins=merged.plugins + loaded.plugins,
        )
    check_readers(merged.models, merged.locations)
    return merged


def _load_file(path: Path) -> Candidates:
    source = read_yaml(path)
    check_keys(source, [], source.data, ["defaults", "prompts", "models", "decide", "plugins"])
    numbered_models = _parse_models(source)
    return Candidates(
        models=tuple(model for _, model in numbered_models),
        prompts=_parse_prompts(source),
        rules=_parse_rules(source),
        locations={
            model.name: f"{path}:{source.find_line(['models', index])}"
            for index, model in numbered_models
        },
        plugins=_parse_plugins(source),
    )


def allow_listed_plugins(paths: Iterable[Path]) -> None:
    """Lets schemas use the `plugins` of these models.yaml files; missing files list nothing."""
    allow_plugins(load_candidates([path for path in paths if path.is_file()]).plugins)


def _parse_plugins(source: YamlSource) -> tuple[str, ...]:
    modules = parse_value(tuple[str, ...], source, ["plugins"], source.data.get("plugins") or ())
    for index, module in enumerate(modules):
        if not all(map(str.isidentifier, module.split("."))):
            raise source.make_error(
                ["plugins", index],
                f"must be a module's name, package.module (got {quote_value(module)})",
            )
    return tuple(modules)


def _parse_rules(source: YamlSource) -> Rules:
    """`decide`; UserError for a share that is none (`field_f1: 95`)."""
    decide = source.data.get("decide") or {}
    if isinstance(decide, Mapping) and "cost" in decide:
        rate_names = [rate.name for rate in fields(CostRates)]
        check_keys(source, ["decide", "cost"], decide["cost"], rate_names)
    rules = parse_dataclass(Rules, source, ["decide"], decide)
    for name, threshold in rules.require.items():
        if name not in UPPER_LIMITS and not 0 <= threshold <= 1:
            raise source.make_error(
                ["decide", "require", name], f"must be a share from 0 to 1, got {threshold:g}"
            )
    if not 0 < rules.familywise_error_rate < 1:
        raise source.make_error(
            ["decide", "familywise_error_rate"], "must lie between 0 and 1, for example 0.05"
        )
    if rules.looks < 1:
        raise source.make_error(["decide", "looks"], f"must be 1 or more (got {rules.looks})")
    if rules.anytime and rules.looks > 1:
        raise source.make_error(
            ["decide", "anytime"],
            f"holds for any number of looks: leave out `looks: {rules.looks}`",
        )
    margin = rules.equivalence_margin
    if margin is not None and not 0 < margin < 1:
        raise source.make_error(
            ["decide", "equivalence_margin"],
            f"must lie between 0 and 1, for example 0.01 (got {margin:g})",
        )
    _check_cost_rates(source, rules)
    return rules


def _check_cost_rates(source: YamlSource, rules: Rules) -> None:
    """UserError for a rate that is no amount of money or time."""
    for rate in fields(CostRates):
        value = getattr(rules.cost, rate.name, 0)
        if not 0 <= value < float("inf"):
            raise source.make_error(
                ["decide", "cost", rate.name], f"must be 0 or more, got {value:g}"
            )


def _parse_models(source: YamlSource) -> list[tuple[int, Model]]:
    """The models and their variants, each with the number of its entry."""
    defaults = source.data.get("defaults") or {}
    keys_with_defaults = set(Model.__dataclass_fields__) - {"name", "model_id", "revision"}
    check_keys(source, ["defaults"], defaults, keys_with_defaults)
    entries = parse_value(list[dict[str, Any]], source, ["models"], source.data.get("models") or [])
    models = [
        (index, _parse_model(source, expanded, defaults))
        for index, entry in enumerate(entries)
        for expanded in expand_variants(source, ["models", index], entry, MERGED_KEYS)
    ]
    names: set[str] = set()
    for index, model in models:
        if model.name in names:
            raise source.make_error(
                ["models", index, "name"], f"two models are named {model.name!r}; rename one"
            )
        names.add(model.name)
    incumbents = [(index, model.name) for index, model in models if model.incumbent]
    if len(incumbents) > 1:
        both = " and ".join(name for _, name in incumbents)
        raise source.make_error(
            ["models", incumbents[1][0], "incumbent"],
            f"one candidate is what is used today, not several ({both})",
        )
    return models


def _parse_model(source: YamlSource, expanded: Entry, defaults: Mapping[str, Any]) -> Model:
    keys, entry, variant = expanded
    for misplaced_key, advice in MISPLACED_KEYS.items():
        if misplaced_key in entry:
            raise source.make_error([*keys, misplaced_key], f"the key {misplaced_key!r} {advice}")
    merged = overrule_entry(defaults, entry, MERGED_KEYS)
    model = parse_dataclass(Model, source, keys, normalize_serve(source, keys, merged))
    check_name(source, [*keys, "name"], model.name)
    if entry.get("isolate") is not None and not model.has_own_backend:
        raise source.make_error(
            [*keys, "isolate"],
            "is for a backend of your own (package.module:Class); "
            f"backend {model.backend} needs no such key",
        )
    check_setting_names(source, keys, model)
    check_serve(source, keys, model)
    check_local_keys(source, keys, model, entry)
    for key in PAGE_SETTINGS:
        value = getattr(model, key)
        if value is not None and value < 1:
            raise source.make_error([*keys, key], f"must be 1 or more (got {value})")
    for key in ("model_id", "python"):
        if fault := find_path_fault(getattr(model, key) or ""):
            raise source.make_error(
                [*keys, key], f"{fault} (got {quote_value(getattr(model, key))})"
            )
    _check_reserved_keys(source, keys, model)
    check_backend_keys(source, keys, model, entry.get("backend_kwargs") or ())
    check_chat_template_kwargs(source, keys, model)
    if not model.prompts:
        raise source.make_error([*keys, "prompts"], "must name at least one prompt (got none)")
    model = replace(model, prompts=tuple(dict.fromkeys(model.prompts)))
    if not variant:
        return model
    return replace(model, name=f"{model.name}{SEPARATOR}{variant}", incumbent=False)


def _check_reserved_keys(source: YamlSource, keys_of_model: list[YamlKey], model: Model) -> None:
    """UserError where a mapping handed on would decide which code runs, or what was asked."""
    for kwargs_key in KWARGS_KEYS:
        for parent_keys, key in _walk_keys(getattr(model, kwargs_key)):
            keys = [*keys_of_model, kwargs_key, *parent_keys, key]
            if key in TOP_LEVEL_KEYS and (not parent_keys or key in TOP_LEVEL_KEYS[:3]):
                raise source.make_error(keys, f"stands beside {kwargs_key}, not in it: {key}: ...")
            if key in FORBIDDEN_KEYS:
                raise source.make_error(keys, f"is not taken: {FORBIDDEN_KEYS[key]}")
    body = model.backend_kwargs.get("extra_body")
    for key in RESERVED_BODY_KEYS:
        if isinstance(body, Mapping) and key in body:
            raise source.make_error(
                [*keys_of_model, "backend_kwargs", "extra_body", key],
                f"is not taken: it {RESERVED_BODY_KEYS[key]}",
            )
    if "/" in model.attn_implementation:
        pinned = PINNED_KERNEL_PATTERN.fullmatch(model.attn_implementation)
        if not (pinned and model.trust_remote_code):
            raise source.make_error(
                [*keys_of_model, "attn_implementation"],
                "a kernel of the hub is code: it needs trust_remote_code: true and a commit, "
                f"owner/name@<40 digits> (got {quote_value(model.attn_implementation)})",
            )


def _walk_keys(
    value: Any, parent_keys: tuple[YamlKey, ...] = ()
) -> Iterator[tuple[tuple[YamlKey, ...], str]]:
    """(keys above, key) of every key in nested mappings and lists."""
    if isinstance(value, Mapping):
        for key, child_value in value.items():
            yield parent_keys, str(key)
            yield from _walk_keys(child_value, (*parent_keys, key))
    elif isinstance(value, list):
        for index, child_value in enumerate(value):
            yield from _walk_keys(child_value, (*parent_keys, index))


def _parse_prompts(source: YamlSource) -> dict[str, str]:
    texts = {}
    entries = parse_value(dict[Any, Any], source, ["prompts"], source.data.get("prompts") or {})
    for prompt_id, value in entries.items():
        check_keys(source, ["prompts", prompt_id], value, ["text"])
        if not NAME_PATTERN.fullmatch(str(prompt_id)):
            raise source.make_error(
                ["prompts", prompt_id],
                f"a prompt's id must match {NAME_PATTERN.pattern} (got {quote_value(prompt_id)})",
            )
        keys = ["prompts", prompt_id, "text"]
        texts[prompt_id] = parse_value(str, source, keys, value.get("text"))
    return texts


def check_prompts(
    candidates: Candidates, available: Mapping[str, str], selected_ids: Sequence[str]
) -> None:
    """UserError where a prompt is named that neither the suite nor models.yaml has."""
    requested = [
        (candidates.locations[model.name], f"{model.name}: prompts", model.prompts)
        for model in candidates.models
    ]
    requested.append(("command line", "--prompt", tuple(selected_ids)))
    for location, key, prompt_ids in requested:
        for prompt_id in prompt_ids:
            if prompt_id not in available:
                suggestion = format_suggestion(prompt_id, sorted(available))
                raise UserError(
                    f"{location}: {key}: no prompt {quote_value(prompt_id)}{suggestion}"
                )
