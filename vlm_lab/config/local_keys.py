"""`adapter` and `quantization` of a model in models.yaml: what is done to weights that are loaded
here.

    adapter: ../tuning/invoices-lora            # or owner/name@<commit of 40 digits>
    quantization: int4                          # or int8

A server is started with its own arguments for both: a candidate whose adapter nobody loads would be
its base under another name. What is wrong with them is said where the file is read.
"""

import re
from collections.abc import Collection, Sequence

from vlm_lab.config.strict_yaml import YamlKey, YamlSource, format_suggestion
from vlm_lab.files import find_path_fault
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

QUANTIZATIONS = ("int4", "int8")
LOCAL_KEYS = ("adapter", "quantization")
HUB_ID_PATTERN = re.compile(r"[\w.-]+/[\w.-]+(@[0-9a-f]{40})?")
REMOVE = dict.fromkeys(LOCAL_KEYS, "remove it")
ADVICE_BY_BACKEND = {
    "ocr": REMOVE,
    "replay": REMOVE,
    "openai": {
        "adapter": "vLLM takes it as serve_args: [--enable-lora, --lora-modules, NAME=PATH]",
        "quantization": "vLLM takes it as serve_args: [--quantization, NAME]",
    },
}


def check_local_keys(
    source: YamlSource, keys: Sequence[YamlKey], model: Model, own_keys: Collection[str]
) -> None:
    """UserError for a value that cannot be meant, and for a backend that would not heed it. What
    `defaults` say is for models that are loaded here."""
    for key in LOCAL_KEYS:
        is_meant = model.backend == "openai" or key in own_keys
        advice = ADVICE_BY_BACKEND.get(model.backend)
        if advice and is_meant and getattr(model, key) is not None:
            raise source.make_error(
                [*keys, key],
                f"is for backend transformers, not for {model.backend}; {advice[key]}",
            )
    if model.quantization is not None:
        _check_quantization(source, [*keys, "quantization"], model)
    if model.adapter is not None:
        _check_adapter(source, [*keys, "adapter"], model.adapter)


def _check_quantization(source: YamlSource, keys: Sequence[YamlKey], model: Model) -> None:
    name = model.quantization or ""
    if name not in QUANTIZATIONS:
        suggestion = format_suggestion(name, QUANTIZATIONS)
        raise source.make_error(keys, f"no quantization {quote_value(name)}{suggestion}")
    if "quantization_config" in model.load_kwargs:
        raise source.make_error(keys, "stands beside load_kwargs: quantization_config; keep one")


def _check_adapter(source: YamlSource, keys: Sequence[YamlKey], adapter: str) -> None:
    if fault := find_path_fault(adapter):
        raise source.make_error(keys, f"{fault} (got {quote_value(adapter)})")
    if "@" in adapter and not HUB_ID_PATTERN.fullmatch(adapter):
        raise source.make_error(
            keys,
            f"must be a folder or owner/name@<commit of 40 digits> (got {quote_value(adapter)})",
        )
