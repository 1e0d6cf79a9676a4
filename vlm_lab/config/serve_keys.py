"""`serve` and `serve_args` of a model in models.yaml: the engine that a run starts for it.

    serve: vllm                                            # or sglang, llama.cpp
    serve_args: [--gpu-memory-utilization, 0.8]
    serve: [transformers, serve, --host, 127.0.0.1, --port, "{port}"]

They start programs, as `python` does. What is wrong with them is said where the file is read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.config.strict_yaml import YamlKey, YamlSource, format_suggestion
from vlm_lab.files import find_path_fault
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

ENGINES = ("llama.cpp", "sglang", "vllm")
MODEL_ID, PORT = "{model_id}", "{port}"
SERVE_KEYS = ("serve", "serve_args")
PLACEHOLDER = re.compile(r"\{[A-Za-z_]+\}")
# What a started server gets from us, so that it is ours, and here.
OWN_ARGUMENTS = ("--host", "--port", "--api-key", "--served-model-name", "--alias")
# Keys of backend_kwargs that speak of a server which runs already.
RUNNING_SERVER_KEYS = {
    "base_url": "names a server that runs already",
    "api_key_env": "names the key of a server that runs already",
    "private_networks": "is for a server that runs already; a started one is on 127.0.0.1",
}


def normalize_serve(
    source: YamlSource, keys: Sequence[YamlKey], entry: Mapping[str, Any]
) -> dict[str, Any]:
    """The entry with the items of both lists as text: a number is one as it stands. UserError for
    what is no argument of a program."""
    normalized = dict(entry)
    if isinstance(entry.get("serve"), list):
        normalized["serve"] = _parse_arguments(source, [*keys, "serve"], entry["serve"])
    elif not isinstance(entry.get("serve"), str | None):
        raise source.make_error(
            [*keys, "serve"],
            f"must be {', '.join(ENGINES)} or a command as a list "
            f"(got {quote_value(entry['serve'])})",
        )
    if "serve_args" in entry:
        arguments = _parse_arguments(source, [*keys, "serve_args"], entry["serve_args"])
        normalized["serve_args"] = arguments
    return normalized


def _parse_arguments(source: YamlSource, keys: Sequence[YamlKey], value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise source.make_error(
            keys, f"must be a list, one argument an item (got {quote_value(value)})"
        )
    for index, item in enumerate(value):
        is_text = isinstance(item, str | int | float) and not isinstance(item, bool)
        fault = find_path_fault(str(item)[:1000]) if is_text else "must be a text or a number"
        if fault:
            raise source.make_error([*keys, index], f"{fault} (got {quote_value(item)})")
    return tuple(map(str, value))


def check_serve(source: YamlSource, keys: Sequence[YamlKey], model: Model) -> None:
    """UserError where a server cannot be started so, or is named as well."""
    if model.backend == "openai":
        for key in SERVE_KEYS:
            if key in model.backend_kwargs:
                raise source.make_error(
                    [*keys, "backend_kwargs", key],
                    f"stands beside backend_kwargs, not in it: {key}: ...",
                )
    if model.serve is None:
        if model.serve_args:
            raise source.make_error(
                [*keys, "serve_args"],
                f"is for a server that `serve` starts; add serve: {' | '.join(ENGINES)}",
            )
        return
    if model.backend != "openai":
        raise source.make_error(
            [*keys, "serve"],
            f"starts a server for `backend: openai` (got backend: {model.backend})",
        )
    for key, reason in RUNNING_SERVER_KEYS.items():
        if key in model.backend_kwargs:
            raise source.make_error(
                [*keys, "backend_kwargs", key],
                f"{reason}, and `serve` starts one: remove one of the two",
            )
    if isinstance(model.serve, str):
        _check_engine(source, keys, model, model.serve)
    else:
        _check_command(source, keys, model, model.serve)


def _check_engine(source: YamlSource, keys: Sequence[YamlKey], model: Model, engine: str) -> None:
    if engine not in ENGINES:
        own_command = f'A command of your own is a list: [program, ..., "{PORT}"]'
        suggestion = format_suggestion(engine, ENGINES, own_command)
        raise source.make_error([*keys, "serve"], f"no engine {quote_value(engine)}{suggestion}")
    for index, argument in enumerate(model.serve_args):
        name = argument.partition("=")[0]
        if name in OWN_ARGUMENTS:
            raise source.make_error(
                [*keys, "serve_args", index], f"{name} is set for each run; remove it"
            )


def _check_command(
    source: YamlSource, keys: Sequence[YamlKey], model: Model, command: Sequence[str]
) -> None:
    known = f'"{MODEL_ID}" and "{PORT}"'
    if not any(PORT in item for item in command):
        raise source.make_error(
            [*keys, "serve"],
            f'needs an item "{PORT}", the port at 127.0.0.1 that the server must listen on '
            f"(got {quote_value(list(command))})",
        )
    for index, item in enumerate(command):
        for placeholder in PLACEHOLDER.findall(item):
            if placeholder not in (MODEL_ID, PORT):
                raise source.make_error(
                    [*keys, "serve", index],
                    f"no placeholder {quote_value(placeholder)}; known are {known}",
                )
    if model.serve_args:
        raise source.make_error(
            [*keys, "serve_args"],
            "is for an engine by name; write further arguments into the list of `serve`",
        )
