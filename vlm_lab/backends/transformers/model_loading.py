"""A checkpoint's model on its device, with the choices that were made for it, and every weight of
it accounted for.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9, imports torch and
transformers late.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import devices, load_report, quantization
from vlm_lab.backends.transformers.adapter_loading import load_adapter
from vlm_lab.backends.transformers.library_messages import LibraryMessages
from vlm_lab.backends.transformers.text_only import is_text_model
from vlm_lab.backends.transformers.worker_error import WorkerError, make_unavailable_error
from vlm_lab.messages import Message

# The first is of transformers 4.46.
AUTO_CLASSES = ("AutoModelForImageTextToText", "AutoModelForCausalLM")
TEXT_CLASSES = ("AutoModelForCausalLM",)


class ModelLoader:
    """Chooses device, dtype and attention when it is made, before anything is loaded. `choices` has
    them with their reasons, `report` is what became of the weights, `adapter` of those that came
    beside them."""

    def __init__(self, load_request: dict[str, Any], config: dict[str, Any]) -> None:
        import torch
        import transformers

        self.torch, self.transformers = torch, transformers
        self.load_request, self.config = load_request, config
        self.is_text_model = is_text_model(config)
        if self.is_text_model and load_request["image"]:
            raise WorkerError("Unavailable", Message("sees_no_pages"))
        self.refused_attention: list[str] = []
        self.choices = self.choose_device_settings()
        self.report: dict[str, Any] = {}
        self.adapter: dict[str, Any] = {}

    def choose_device_settings(self) -> dict[str, devices.Choice]:
        """Device, dtype and attention; WorkerError("Unavailable", ...) for what is forced and
        cannot be had."""
        request = self.load_request
        supported_attention = tuple(
            name for name in devices.ATTENTION_IMPLEMENTATIONS if name not in self.refused_attention
        )
        try:
            device = devices.choose_device(request["device"])
            dtype = devices.choose_dtype(request["dtype"], device.value)
            attention = devices.choose_attention(
                request["attn_implementation"], device.value, dtype.value, supported_attention
            )
        except ValueError as error:
            raise make_unavailable_error(error) from None
        return {"device": device, "dtype": dtype, "attn_implementation": attention}

    @property
    def is_model_placed(self) -> bool:
        """accelerate and quantisation put weights where they belong; `.to()` would be an error."""
        return "device_map" in self.load_kwargs or quantization.CONFIG_KEY in self.load_kwargs

    @property
    def is_quantized(self) -> bool:
        """Whether weights stand in a form that transformers turns into another."""
        return any(quantization.CONFIG_KEY in each for each in (self.load_kwargs, self.config))

    @property
    def load_kwargs(self) -> dict[str, Any]:
        """What models.yaml says of loading, `quantization` in transformers' own words among it."""
        load_kwargs = dict(self.load_request["load_kwargs"])
        if name := self.load_request.get("quantization"):
            dtype, device = self.choices["dtype"].value, self.choices["device"].value
            load_kwargs = {**quantization.build_load_kwargs(name, dtype, device), **load_kwargs}
        return load_kwargs

    def load_model(self, library_messages: LibraryMessages) -> Any:
        """The model; where its class refuses an attention that `auto` chose, which it does before
        it reads any weights, the next one. WorkerError where its weights are not the
        checkpoint's."""
        while True:
            try:
                model, loading_info = self.load_pretrained()
                break
            except ValueError as error:
                refused = self.choices["attn_implementation"].value
                is_forced = self.load_request["attn_implementation"] != "auto"
                if "does not support" not in str(error) or is_forced or refused == "eager":
                    raise
                self.refused_attention.append(refused)
                self.choices = self.choose_device_settings()
            except RuntimeError as error:
                if not library_messages.load_report:
                    raise
                # What is wrong is said in the log alone.
                message = f"{error} {library_messages.load_report}"
                raise WorkerError(type(error).__name__, message) from None
        self.report = load_report.check_load_report(model, loading_info, self.is_quantized)
        model = model.eval()
        if not self.is_model_placed:
            model = model.to(self.choices["device"].value)
        if folder := self.load_request.get("adapter"):
            self.adapter = load_adapter(model, Path(folder))
        return model

    def load_pretrained(self) -> Any:
        """The model and what transformers says of its weights, by the spelling that this
        transformers has: `dtype` was `torch_dtype` before 4.56."""
        request, version = self.load_request, self.transformers.__version__
        has_dtype_argument = tuple(int(part) for part in version.split(".")[:2]) >= (4, 56)
        dtype_argument = "dtype" if has_dtype_argument else "torch_dtype"
        kwargs = {
            **self.load_kwargs,
            "use_safetensors": request["use_safetensors"],
            dtype_argument: getattr(self.torch, self.choices["dtype"].value),
            "attn_implementation": self.choices["attn_implementation"].value,
            "trust_remote_code": request["trust_remote_code"],
            "local_files_only": True,
            "output_loading_info": True,
            # Refused by name afterwards; transformers would name them in its log alone.
            "ignore_mismatched_sizes": True,
        }
        # Phi-3-vision's config.json asks for flash, and 4.40 obeys it alone.
        if "_attn_implementation" in self.config:
            kwargs["_attn_implementation"] = kwargs["attn_implementation"]
        return self.select_model_class().from_pretrained(request["folder"], **kwargs)

    def select_model_class(self) -> Any:
        """The class that opens image-text-to-text models, or text models where that is one: for
        code of its own what the checkpoint names, else the first that this transformers has."""
        auto_classes = TEXT_CLASSES if self.is_text_model else AUTO_CLASSES
        class_names = [name for name in auto_classes if hasattr(self.transformers, name)]
        custom_classes: dict[str, Any] = {}
        if self.load_request["trust_remote_code"]:
            custom_classes = self.config.get("auto_map") or {}
        custom_names = [name for name in class_names if name in custom_classes]
        return getattr(self.transformers, [*custom_names, *class_names][0])

    def describe_choices(self) -> dict[str, Any]:
        """For the record: each choice with its reason, and what was done to the weights."""
        described: dict[str, Any] = {
            name: {"value": choice.value, "reason": choice.reason}
            for name, choice in self.choices.items()
        }
        bits = quantization.describe(self.load_request.get("quantization"), self.config)
        if bits:
            described["quantization"] = bits
        if self.adapter:
            described["adapter"] = self.adapter
        return described
