"""What `backend_kwargs` of a server may say, and whether documents would stay on this machine or
its private network.

A key never stands here: `api_key_env` is the *name* of the environment variable that holds it.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError

from vlm_lab.backends.openai.addresses import Network, describe_refusal, is_private_host
from vlm_lab.errors import Skip, UserError
from vlm_lab.messages import Message
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import Model, Runtime

EXAMPLE_URL = "http://127.0.0.1:8000/v1"
LOAD_TIMEOUT = "load_timeout"  # of a server that is started; backends.timeouts reads it
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`timeout` is seconds for one whole reply; `retries` counts the attempts after the first;
    `private_networks` are trusted as those of one's own house (`100.64.0.0/10`)."""

    base_url: str
    api_key_env: str | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    image: Literal["png", "jpeg"] = "png"
    logprobs: bool = False
    response_format: Literal["json_schema"] | None = None
    stream: bool = False
    private_networks: tuple[str, ...] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict)


def load_server_settings(model: Model, base_url: str = EXAMPLE_URL) -> ServerSettings:
    """The model's settings; `base_url` is where its server was started, for one with `serve`.
    UserError names the first key that is wrong, never its value: it may be a key typed in the wrong
    place."""
    kwargs = dict(model.backend_kwargs)
    known_keys = [setting.name for setting in fields(ServerSettings)]
    if model.serve is not None:
        known_keys += [LOAD_TIMEOUT]
        kwargs = {**kwargs, "base_url": base_url}
        kwargs.pop(LOAD_TIMEOUT, None)
    for key in model.backend_kwargs:
        if key not in known_keys:
            kind = "unknown_secret_key" if "key" in key.lower() else "unknown_server_key"
            raise _make_error(model, kind, key=key, known=known_keys)
    if "base_url" not in kwargs:
        raise _make_error(model, "no_base_url", url=EXAMPLE_URL)
    try:
        settings: ServerSettings = get_adapter(ServerSettings).validate_python(kwargs)
    except ValidationError as error:
        first_error = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first_error["loc"]))
        raise _make_error(model, "bad_server_setting", key=key, said=first_error["msg"]) from None
    if settings.api_key_env is not None and not VARIABLE_NAME.fullmatch(settings.api_key_env):
        raise _make_error(model, "key_no_variable")
    split_base_url(settings.base_url, model)
    try:
        parse_networks(settings)
    except ValueError as error:
        raise _make_error(model, "bad_network", said=str(error)) from None
    return replace(settings, base_url=strip_endpoint(settings.base_url))


def _make_error(model: Model, kind: str, **figures: Any) -> UserError:
    return UserError(Message(kind, {"model": model.name, **figures}))


def strip_endpoint(base_url: str) -> str:
    """A base_url without the path of a request that was copied with it."""
    base_url = base_url.rstrip("/")
    for endpoint in ("/chat/completions", "/models"):
        base_url = base_url.removesuffix(endpoint)
    return base_url


def parse_networks(settings: ServerSettings) -> tuple[Network, ...]:
    """`private_networks` as networks. ValueError for the first that is none."""
    return tuple(map(ipaddress.ip_network, settings.private_networks))


def split_base_url(base_url: str, model: Model) -> SplitResult:
    """The parts of a base_url. UserError where it is none, or has a password in it."""
    try:
        parts = urlsplit(base_url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise _make_error(model, "bad_base_url", url=EXAMPLE_URL)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _make_error(model, "secret_in_base_url")
    return parts


def read_api_key(model: Model, settings: ServerSettings) -> str | None:
    """The key, from the environment. Skip where the variable is not set or cannot be sent."""
    if settings.api_key_env is None:
        return None
    key = os.environ.get(settings.api_key_env, "").strip()
    figures = {"model": model.name, "variable": settings.api_key_env}
    if not key:
        raise Skip(Message("key_not_set", figures))
    if not (key.isascii() and key.isprintable()):
        raise Skip(Message("key_not_sent", figures))
    return key


def check_host(model: Model, settings: ServerSettings, runtime: Runtime) -> bool:
    """Whether the server is on this machine or a private network. Skip where it is elsewhere and
    not `--online`."""
    host = split_base_url(settings.base_url, model).hostname or ""
    is_private = is_private_host(host, parse_networks(settings))
    if not is_private and not runtime.online:
        raise Skip(Message("of_model", {"model": model.name, "what": describe_refusal(host)}))
    return is_private
