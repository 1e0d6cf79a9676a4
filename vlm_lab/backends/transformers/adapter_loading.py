"""An adapter's weights -> into a loaded model, each of them accounted for.

In: a model and the adapter's folder. Out: facts for the record, or a refusal with names: a module
without its weights would compute what the base does, under the adapter's name. The adapter stays
beside the weights, unmerged, as it was trained; seconds and memory are with it.

Runs inside the worker: valid on Python 3.9, imports peft late, through transformers.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.load_report import describe_shapes
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message, list_first_names

KIND = "MismatchedAdapter"
ADAPTER_NAME = "default"


def load_adapter(model: Any, folder: Path) -> dict[str, Any]:
    """Puts the adapter into the model. WorkerError where it does not fit or changes nothing."""
    if not hasattr(model, "load_adapter"):
        figures = {"name": type(model).__name__}
        raise WorkerError("Unavailable", Message("adapter_of_no_class", figures))
    try:
        loading_info = model.load_adapter(
            str(folder),
            adapter_name=ADAPTER_NAME,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # refused by name below
            adapter_kwargs={"local_files_only": True},
        )
    except (ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise WorkerError(KIND, Message("adapter_not_taken", {"said": said})) from None
    if not hasattr(loading_info, "missing_keys"):
        raise WorkerError("Unavailable", Message("adapter_of_old_version"))
    check_names("adapter_lacks", loading_info.missing_keys)
    check_names("adapter_has_more", loading_info.unexpected_keys)
    if misshapen := describe_shapes(loading_info.mismatched_keys):
        raise WorkerError(KIND, Message("adapter_misshapen", misshapen))
    parameters = find_adapter_parameters(model)
    check_values(parameters)
    model.eval()
    config = read_json_object(folder / "adapter_config.json")
    return {
        "type": str(config.get("peft_type")),
        "base": config.get("base_model_name_or_path"),
        "weights": len(parameters),
        "bytes": sum(parameter.nbytes for parameter in parameters.values()),
        "merged": False,
    }


def find_adapter_parameters(model: Any) -> dict[str, Any]:
    """The weights that came with the adapter, by name."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if ADAPTER_NAME in name.split(".")
    }


def check_names(message_id: str, names: Iterable[str]) -> None:
    """WorkerError with that sentence where there are any names."""
    found = sorted(names)
    if found:
        figures = {"n": len(found), "names": list_first_names(found)}
        raise WorkerError(KIND, Message(message_id, figures))


def check_values(parameters: dict[str, Any]) -> None:
    """WorkerError for what is no number, and for an adapter that was saved untrained: one of the
    two matrices of each pair begins as zeros."""
    broken = [name for name, each in parameters.items() if not each.isfinite().all()]
    check_names("adapter_no_numbers", broken)
    second_matrices = [each for name, each in parameters.items() if "lora_B" in name.split(".")]
    is_untrained = bool(second_matrices) and not any(each.any() for each in second_matrices)
    if is_untrained or not parameters:
        raise WorkerError(KIND, Message("adapter_untrained"))
