"""A tiny LoRA adapter, written as peft writes one: what a checkpoint's attention gets beside its
weights, from a seed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULES = ("q_proj", "v_proj")
RANK = 4
CONFIG = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, "target_modules": [*MODULES]}
Tensors = dict[str, Any]


def write_adapter(
    folder: Path,
    checkpoint: Path,
    change: Callable[[Tensors], object] = lambda tensors: None,
    strength: float = 0.05,
    **config: Any,
) -> Path:
    """An adapter for each layer's q_proj and v_proj of a checkpoint; `change` may spoil its
    tensors, `config` its settings."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(3)
    tensors: Tensors = {}
    with safe_open(checkpoint / "model.safetensors", "pt") as weights:
        for name in sorted(weights.keys()):
            module, _, kind = name.rpartition(".")
            if kind != "weight" or not module.endswith(MODULES):
                continue
            rows, columns = weights.get_slice(name).get_shape()
            shapes = {"lora_A": (RANK, columns), "lora_B": (rows, RANK)}
            for part, shape in shapes.items():
                matrix = strength * torch.randn(shape, generator=generator)
                tensors[f"base_model.model.{module}.{part}.weight"] = matrix
    change(tensors)
    folder.mkdir(parents=True, exist_ok=True)
    copies = {name: each.clone() for name, each in tensors.items()}
    save_file(copies, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **config}))
    return folder
