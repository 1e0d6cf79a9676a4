"""Fewer bits a weight: what `quantization` in models.yaml asks transformers for, and the packages
that a checkpoint which is quantized already needs.

In: names and config.json. Out: settings and names of packages. The parent asks here, too: valid on
Python 3.9, needs neither torch nor transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONFIG_KEY = "quantization_config"  # of load_kwargs, and of a checkpoint's config.json
BITSANDBYTES = "bitsandbytes"
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "int4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "int8": {"load_in_8bit": True},
}
METHODS = {
    "int4": "bitsandbytes, NF4 in blocks, without calibration",
    "int8": "bitsandbytes, LLM.int8(), without calibration",
}
# Of 16-bit weights, what is left: embeddings, norms and scales stay as they are.
SHARE_OF_WEIGHTS = {"int4": 0.3, "int8": 0.55}
# What transformers' own quantizers ask for; others (fp8) need no package.
PACKAGES_BY_METHOD: Mapping[str, tuple[str, ...]] = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto-round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": (BITSANDBYTES,),
    "compressed-tensors": ("compressed-tensors",),
    "gptq": ("gptqmodel", "optimum"),
    "hqq": ("hqq",),
    "mxfp4": ("kernels",),
    "nvfp4": ("kernels",),
    "quanto": ("optimum-quanto",),
    "quark": ("amd-quark",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}


def build_load_kwargs(name: str, dtype: str, device: str) -> dict[str, Any]:
    """What `from_pretrained` is told. It computes in the dtype that was chosen."""
    settings = {"quant_method": BITSANDBYTES, **SETTINGS[name]}
    if name == "int4":
        settings["bnb_4bit_compute_dtype"] = dtype
    return {CONFIG_KEY: settings, "device_map": {"": device}}


def find_method(config: Mapping[str, Any]) -> str:
    """How a checkpoint, or what load_kwargs ask for, is quantized; "" where it is not."""
    settings = config.get(CONFIG_KEY)
    if not isinstance(settings, Mapping):
        return ""
    if settings.get("load_in_4bit") or settings.get("load_in_8bit"):
        return BITSANDBYTES
    return str(settings.get("quant_method") or "")


def describe(name: str | None, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """For the record: what was asked for, else the checkpoint's own; None for whole weights."""
    if name:
        return {"value": name, "method": METHODS[name], "reason": "asked for"}
    method = find_method(config)
    return {"value": method, "reason": "the checkpoint's own"} if method else None
