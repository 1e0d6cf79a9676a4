"""What became of a checkpoint's weights -> facts for the record, or a refusal with their names.

In: a loaded model and transformers' loading info. A weight that was not loaded is random, and a
model with random weights must never be judged. A weight of the checkpoint that the model did not
take is refused where it belongs to a part that the model has (another layer, a bias, an adapter's
half): the model computes something else than what was trained. It is recorded where the model has
no such part, as a head for another task is.

Runs inside the worker: valid on Python 3.9, imports torch late.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.messages import Message, list_first_names

NUMBER_PATTERN = re.compile(r"(?<=\.)\d+(?=\.)")
LAYER_PATTERN = re.compile(r"\.layers\.(\d+)\.")
ADAPTER_PATTERN = re.compile(r"\.(lora_[AB]|base_layer|lora_embedding_[AB]|modules_to_save)\.")
# Constants that old checkpoints hold and new code computes.
CONSTANT_NAMES = ("inv_freq", "position_ids", "num_batches_tracked", "relative_position_index")
RECORDED_NAMES = 10
SHOWN_SHAPES = 3


def check_load_report(model: Any, loading_info: dict[str, Any], is_quantized: bool) -> Any:
    """Facts for the record. WorkerError where a weight is random, lost, of another shape, or no
    number."""
    names = list(model.state_dict())
    missing = find_random_weights(model, loading_info["missing_keys"])
    if missing:
        figures = {"n": len(missing), "total": len(names), "names": list_first_names(missing)}
        raise WorkerError("MissingWeights", Message("weights_random", figures))
    if misshapen := describe_shapes(loading_info.get("mismatched_keys") or ()):
        raise WorkerError("MismatchedWeights", Message("weights_misshapen", misshapen))
    unexpected = sorted(loading_info["unexpected_keys"])
    lost = [] if is_quantized else find_lost_weights(names, unexpected, model.config)
    if lost:
        figures = {"n": len(lost), "names": list_first_names(lost)}
        raise WorkerError("UnusedWeights", Message("weights_lost", figures))
    return {
        "weights": len(names),
        "tied": describe_names(getattr(model, "all_tied_weights_keys", None) or ()),
        "unused": describe_names(unexpected),
        "zero": describe_names(check_values(model)),
    }


def find_random_weights(model: Any, missing: Iterable[str]) -> list[str]:
    """The missing weights that are random. Numbers that count or name positions are made by the
    model's own code, as they were when it was trained."""
    tensors = model.state_dict()
    return sorted(
        name
        for name in missing
        if name.rpartition(".")[2] not in CONSTANT_NAMES
        and (name not in tensors or tensors[name].is_floating_point())
    )


def find_lost_weights(names: Sequence[str], unexpected: Iterable[str], config: Any) -> list[str]:
    """The unexpected weights that stand in a module of the model's, or in one of its layers if it
    had more of them."""
    modules = {_mask_numbers(name.rpartition(".")[0]) for name in names}
    lost = []
    for name in unexpected:
        module, _, last_name = name.rpartition(".")
        if last_name in CONSTANT_NAMES or _is_prediction_layer(name, config):
            continue
        is_part = bool(module) and _mask_numbers(module) in modules
        if is_part or ADAPTER_PATTERN.search(f".{name}"):
            lost.append(name)
    return lost


def _is_prediction_layer(name: str, config: Any) -> bool:
    """Whether it is of the layers that predict further tokens: some makers number them after the
    last layer, and say in config.json how many there are."""
    text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
    extra_count = getattr(text_config, "num_nextn_predict_layers", None) or 0
    found = LAYER_PATTERN.search(f".{name}")
    if not extra_count or found is None:
        return False
    layer_count = int(getattr(text_config, "num_hidden_layers", 0))
    return layer_count <= int(found.group(1)) < layer_count + extra_count


def _mask_numbers(name: str) -> str:
    return NUMBER_PATTERN.sub("*", f"{name}.")


def describe_shapes(mismatched: Iterable[Any]) -> dict[str, Any]:
    """How many weights have another shape than the model, and the first of them; {} where none
    has."""
    shapes = [
        {"name": name, "in_file": format_shape(in_file), "in_model": format_shape(in_model)}
        for name, in_file, in_model in sorted(mismatched, key=lambda entry: str(entry[0]))
    ]
    if not shapes:
        return {}
    names = [Message("weight_shapes", figures) for figures in shapes[:SHOWN_SHAPES]]
    hidden_count = len(shapes) - len(names)
    listed = Message("and_more", {"names": names, "n": hidden_count}) if hidden_count else names
    return {"n": len(shapes), "names": listed}


def check_values(model: Any) -> list[str]:
    """Names of matrices that are nothing but zeros. WorkerError where weights are no numbers."""
    import torch

    zero_names, not_numbers = [], []
    for name, parameter in model.named_parameters():
        if parameter.is_meta or parameter.dtype.itemsize < 2 or not parameter.is_floating_point():
            continue
        # A sum is one pass over weights of gigabytes, and no copy of them.
        total = parameter.detach().sum(dtype=torch.float32)
        if not torch.isfinite(total):
            not_numbers.append(name)
        elif not total and parameter.dim() > 1 and not parameter.any():
            zero_names.append(name)
    if not_numbers:
        figures = {"n": len(not_numbers), "names": list_first_names(not_numbers)}
        raise WorkerError("BrokenWeights", Message("weights_no_numbers", figures))
    return zero_names


def describe_names(names: Iterable[str]) -> dict[str, Any]:
    """How many there are, and the first of them."""
    sorted_names = sorted(names)
    return {"count": len(sorted_names), "names": sorted_names[:RECORDED_NAMES]}


def format_shape(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))
