"""Names that a model's settings may have in models.yaml, known before anything is imported: a typo
is found where the file is read, and not when the model's turn comes.

`BACKENDS` has all names of backends. Of `dtype` and `attn_implementation` torch and transformers
know more than stands here: only what is nearly one of these names is taken for a typo.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from itertools import chain

from vlm_lab.config.strict_yaml import YamlKey, YamlSource, format_suggestion
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

BACKENDS = {
    "ocr": "vlm_lab.backends.ocr.backend:Ocr",
    "openai": "vlm_lab.backends.openai.backend:OpenAI",
    "replay": "vlm_lab.backends.replay:Replay",
    "transformers": "vlm_lab.backends.transformers.backend:Transformers",
}
# What `backend_kwargs` of each may say; of a backend of one's own nobody knows.
BACKEND_KEYS: Mapping[str, tuple[str, ...]] = {
    "ocr": ("output",),
    "openai": (
        "base_url",
        "api_key_env",
        "timeout",
        "retries",
        "image",
        "logprobs",
        "response_format",
        "stream",
        "private_networks",
        "extra_body",
    ),
    "replay": ("model", "unwrap"),
    "transformers": ("load_timeout", "reply_timeout", "response_format"),
}
OWN_BACKEND = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
# What is surely meant as it is written, and what a typo may have been.
KNOWN_NAMES = {
    "dtype": (
        re.compile(r"auto|b?float\d+(_\w+)?|fp(16|32)|bf16|float|half|double"),
        ("auto", "float32", "float16", "bfloat16"),
    ),
    "attn_implementation": (
        re.compile(r"auto|(paged\|)?(eager|sdpa|flex_attention|flash_attention_\d)|.*/.*"),
        ("auto", "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"),
    ),
}
TYPO_SIMILARITY = 0.7


def check_setting_names(source: YamlSource, keys: list[YamlKey], model: Model) -> None:
    """UserError with its line where a name is a typo."""
    if model.backend not in BACKENDS and not OWN_BACKEND.fullmatch(model.backend):
        own_class = "A backend of your own is named by its class: package.module:Class"
        suggestion = format_suggestion(model.backend, sorted(BACKENDS), own_class)
        raise source.make_error([*keys, "backend"], f"no backend {model.backend!r}{suggestion}")
    for key, (known_pattern, known_names) in KNOWN_NAMES.items():
        name = getattr(model, key)
        close_names = difflib.get_close_matches(name, known_names, 1, TYPO_SIMILARITY)
        if close_names and not known_pattern.fullmatch(name):
            raise source.make_error(
                [*keys, key], f"no {key} {name!r}; did you mean {close_names[0]!r}?"
            )


def check_backend_keys(
    source: YamlSource, keys: list[YamlKey], model: Model, own_keys: Collection[str]
) -> None:
    """UserError with its line where a key of `backend_kwargs` is none of its backend's. What comes
    from `defaults` is for models of every backend: it may be a key of another."""
    if model.backend not in BACKEND_KEYS:
        return
    any_keys = list(dict.fromkeys(chain.from_iterable(BACKEND_KEYS.values())))
    for key in model.backend_kwargs:
        is_own = key in own_keys
        known_keys = BACKEND_KEYS[model.backend] if is_own else any_keys
        if key not in known_keys:
            parent_keys = keys if is_own else ["defaults"]
            suggestion = format_suggestion(key, known_keys)
            raise source.make_error(
                [*parent_keys, "backend_kwargs", key],
                f"backend {model.backend} has no key {quote_value(key)}{suggestion}",
            )
