"""A processor and a model, loaded: pages and text -> a reply, and what it cost.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9, imports torch and
transformers late, and of ours only what is sent along with it.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import devices, families, processors, visual_tokens
from vlm_lab.backends.transformers.streamer import TokenStreamer, decode_token_texts
from vlm_lab.files import read_json_object

Payload = dict[str, Any]
# The first is of transformers 4.46.
AUTO_CLASSES = ("AutoModelForImageTextToText", "AutoModelForCausalLM")


class WorkerError(Exception):
    """An error with a kind of its own: WorkerError(kind, message)."""


class LoadedModel:
    """A processor and a model on their device, and what was chosen for them, with reasons."""

    def __init__(self, load_request: Payload) -> None:
        import torch
        import transformers

        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        self.torch, self.transformers, self.load_request = torch, transformers, load_request
        self.folder = Path(load_request["folder"])
        self.config = read_json_object(self.folder / "config.json")
        self.family = families.get_family(self.config)
        self.refused_attention: list[str] = []
        self.choices = self.choose_device_settings()
        self.device = self.choices["device"].value
        self.processor = self.load_processor()
        self.model = self.load_model().eval()
        # The model cuts up what the processor joined, by the same table.
        for name in self.family.shared_config_keys:
            setattr(self.model.config, name, getattr(self.processor.image_processor, name))
        if not self.is_model_placed:
            self.model = self.model.to(self.device)
        self.environment = self.describe_environment()

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
            raise WorkerError("Unavailable", str(error)) from None
        return {"device": device, "dtype": dtype, "attn_implementation": attention}

    @property
    def is_model_placed(self) -> bool:
        """accelerate and quantisation put weights where they belong; `.to()` would be an error."""
        load_kwargs = self.load_request["load_kwargs"]
        return "device_map" in load_kwargs or "quantization_config" in load_kwargs

    def load_processor(self) -> Any:
        preprocessor = families.read_preprocessor(self.folder)
        try:
            processor_kwargs = families.resolve_processor_kwargs(
                self.family, self.config, preprocessor, self.load_request["processor_kwargs"]
            )
        except ValueError as error:
            raise WorkerError("Unavailable", str(error)) from None
        processor_kwargs["trust_remote_code"] = self.load_request["trust_remote_code"]
        return processors.load_pretrained(self.folder, processor_kwargs)

    def load_model(self) -> Any:
        """The model; where its class refuses an attention that `auto` chose, which it does before
        it reads any weights, the next one."""
        while True:
            try:
                return self.load_pretrained()
            except ValueError as error:
                refused = self.choices["attn_implementation"].value
                is_forced = self.load_request["attn_implementation"] != "auto"
                if "does not support" not in str(error) or is_forced or refused == "eager":
                    raise
                self.refused_attention.append(refused)
                self.choices = self.choose_device_settings()

    def load_pretrained(self) -> Any:
        """The model, by the spelling that this transformers has: `dtype` was `torch_dtype` before
        4.56."""
        request, version = self.load_request, self.transformers.__version__
        has_dtype_argument = tuple(int(part) for part in version.split(".")[:2]) >= (4, 56)
        dtype_argument = "dtype" if has_dtype_argument else "torch_dtype"
        kwargs = {
            **request["load_kwargs"],
            "use_safetensors": request["use_safetensors"],
            dtype_argument: getattr(self.torch, self.choices["dtype"].value),
            "attn_implementation": self.choices["attn_implementation"].value,
            "trust_remote_code": request["trust_remote_code"],
            "local_files_only": True,
        }
        # Phi-3-vision's config.json asks for flash, and 4.40 obeys it alone.
        if "_attn_implementation" in self.config:
            kwargs["_attn_implementation"] = kwargs["attn_implementation"]
        return self.select_model_class().from_pretrained(request["folder"], **kwargs)

    def select_model_class(self) -> Any:
        """The class that opens image-text-to-text models: for code of its own what the checkpoint
        names, else the first that this transformers has."""
        class_names = [name for name in AUTO_CLASSES if hasattr(self.transformers, name)]
        custom_classes: Payload = {}
        if self.load_request["trust_remote_code"]:
            custom_classes = self.config.get("auto_map") or {}
        custom_names = [name for name in class_names if name in custom_classes]
        return getattr(self.transformers, [*custom_names, *class_names][0])

    def describe_environment(self) -> Payload:
        choices = {
            name: {"value": choice.value, "reason": choice.reason}
            for name, choice in self.choices.items()
        }
        return {
            **choices,
            "torch": str(self.torch.__version__),
            "transformers": self.transformers.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "processor": type(self.processor).__name__,
            "image_processor": type(getattr(self.processor, "image_processor", None)).__name__,
            "model_class": type(self.model).__name__,
        }

    def generate_reply(self, request: Payload) -> Payload:
        """One case: pages and text in, the reply and what it cost out. Seconds by the wall clock of
        this process."""
        torch = self.torch
        torch.manual_seed(request["seed"])
        devices.reset_peak_memory(self.device)
        start_time = time.perf_counter()
        inputs = self.build_inputs(request)
        inputs_time = time.perf_counter()
        streamer = TokenStreamer()
        with torch.inference_mode():
            output = self.generate_token_ids(inputs, request["generation_kwargs"], streamer)
        end_time = time.perf_counter()
        first_token = decode = None
        if streamer.first_token_time:
            first_token = streamer.first_token_time - inputs_time
            decode = end_time - streamer.first_token_time
        timing = [inputs_time - start_time, first_token, decode]
        return {**self.build_reply_fields(inputs, output, streamer), "timing": timing}

    def build_inputs(self, request: Payload) -> Any:
        pages = self.build_page_images(request)
        if len(pages) > 1 and not self.family.multi_image:
            raise WorkerError(
                "TooManyImages",
                f"this model takes one image, the prompt has {len(pages)}; set `pages: each`",
            )
        chat_prompt = self.build_chat_prompt(request["prompt_text"], len(pages))
        inputs = processors.encode_prompt(self.processor, chat_prompt, pages)
        return inputs.to(self.device, dtype=self.model.dtype)

    def build_page_images(self, request: Payload) -> list[Any]:
        """Images of a request's pages, of the size at which this family's processor is to get
        them."""
        from PIL import Image

        preprocessor = families.read_preprocessor(self.folder)
        processor_kwargs = self.load_request["processor_kwargs"]
        resized = []
        for original_size, pixels in request["pages"]:
            page = Image.frombytes("RGB", tuple(original_size), pixels)
            size = families.compute_page_size(
                self.family, self.config, preprocessor, processor_kwargs, page.size
            )
            resized.append(page if page.size == size else page.resize(size))
        return resized

    def build_chat_prompt(self, text: str, image_count: int) -> str:
        return processors.build_chat_prompt(self.processor, self.family, text, image_count)

    def generate_token_ids(self, inputs: Any, kwargs: Payload, streamer: TokenStreamer) -> Any:
        """The model's output ids. WorkerError("ContextOverflow", ...) where the prompt fills the
        context window; a reply that would not fit is cut, and `token_budget_note` says so."""
        kwargs = build_generate_kwargs(kwargs)
        prompt_length = inputs["input_ids"].shape[1]
        window = getattr(find_text_config(self.model.config), "max_position_embeddings", None)
        if window and prompt_length >= window:
            excess_tokens = prompt_length + 1 - window
            raise WorkerError(
                "ContextOverflow",
                f"the prompt has {prompt_length:,} tokens, {excess_tokens:,} too many for this "
                f"model's window of {window:,}: send fewer pages or fewer visual tokens",
            )
        self.token_budget_note = {}
        if window and window - prompt_length < kwargs["max_new_tokens"]:
            max_new_tokens = window - prompt_length
            reason = (
                f"the window of {window:,} has a prompt of {prompt_length:,} in it; "
                f"{kwargs['max_new_tokens']:,} asked for"
            )
            self.token_budget_note = {"max_new_tokens": {"value": max_new_tokens, "reason": reason}}
            kwargs["max_new_tokens"] = max_new_tokens
        is_single_beam = kwargs.get("num_beams", 1) == 1
        if is_single_beam:
            kwargs.update(streamer=streamer, logits_processor=[streamer])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.model.generate(**inputs, **kwargs)

    def build_reply_fields(self, inputs: Any, output: Any, streamer: TokenStreamer) -> Payload:
        prompt_ids = inputs["input_ids"]
        reply_start = prompt_ids.shape[1]
        if self.model.config.is_encoder_decoder:
            # Its output starts with a token of its own, perhaps with a prompt.
            reply_start = len(output[0]) - streamer.put_count + 1 if streamer.put_count else 0
        reply_ids = output[0, reply_start:]
        reply_id_list = reply_ids.tolist()
        logprobs = streamer.collect_logprobs(reply_ids)
        text = self.decode_reply(reply_id_list)
        token_texts: list[str] = []
        if logprobs and not self.family.postprocess_method:
            tokenizer = getattr(self.processor, "tokenizer", self.processor)
            token_texts = decode_token_texts(tokenizer, reply_id_list, text)
        is_finished = bool(reply_id_list) and reply_id_list[-1] in self.collect_eos_ids()
        return {
            "text": text,
            "finish_reason": "stop" if is_finished else "length",
            "prompt_tokens": prompt_ids.shape[1],
            "visual_tokens": self.count_visual_tokens(inputs),
            "output_tokens": len(reply_id_list),
            "tokens": list(zip(token_texts, logprobs)),  # noqa: B905 - 3.9
            "mean_logprob": sum(logprobs) / len(logprobs) if logprobs else None,
            "image_sizes": self.compute_image_sizes(inputs),
            "peak_memory_bytes": devices.measure_peak_memory(self.device),
            "token_budget_note": self.token_budget_note,
        }

    def decode_reply(self, ids: list[int]) -> str:
        """The reply; of a family that answers in tags (Donut), the JSON that its processor makes of
        them."""
        postprocess = getattr(self.processor, self.family.postprocess_method or "-", None)
        if postprocess is None:
            return str(self.processor.decode(ids, skip_special_tokens=True))
        skipped_ids = self.collect_eos_ids() | {self.processor.tokenizer.pad_token_id}
        tagged_text = self.processor.decode([token for token in ids if token not in skipped_ids])
        return json.dumps(postprocess(tagged_text), ensure_ascii=False)

    def collect_eos_ids(self) -> set[int]:
        eos_token_id = self.model.generation_config.eos_token_id
        return set(eos_token_id) if isinstance(eos_token_id, list) else {eos_token_id}

    def count_visual_tokens(self, inputs: Any) -> int | None:
        # Mllama's one token stands for all that its cross attention looks at.
        if "aspect_ratio_mask" in inputs:
            tile_count = int(inputs["aspect_ratio_mask"].sum())
            return tile_count * visual_tokens.count_mllama_tile_tokens(self.config)
        prompt_ids = inputs["input_ids"]
        for key in self.family.visual_token_keys:
            if self.config.get(key) is not None:
                return int((prompt_ids == self.config[key]).sum())
        # Phi-3-vision's processor gives the n-th page ids of -n.
        if processors.has_numbered_images(self.processor):
            return int((prompt_ids < 0).sum())
        return None

    def compute_image_sizes(self, inputs: Any) -> list[list[int]]:
        """Width and height of each page as the vision tower gets it; of tiles, one tile's."""
        if "image_grid_thw" in inputs:
            patch_size = self.processor.image_processor.patch_size
            grids = inputs["image_grid_thw"].tolist()
            return [
                [int(columns) * patch_size, int(rows) * patch_size] for _, rows, columns in grids
            ]
        pixels = inputs.get("pixel_values")
        if pixels is None:
            return []
        height, width = pixels.shape[-2:]
        return [[int(width), int(height)]] * len(pixels)


def find_text_config(config: Any) -> Any:
    """The language model's part of a config; `get_text_config` is of transformers 4.45."""
    if hasattr(config, "get_text_config"):
        return config.get_text_config()
    return getattr(config, "text_config", config)


def build_generate_kwargs(kwargs: Payload) -> Payload:
    """models.yaml's generation_kwargs for `generate`: temperature 0 means greedy, said in
    transformers' own words."""
    kwargs = {"max_new_tokens": 1024, **kwargs}
    if not kwargs.get("temperature"):
        kwargs.update(do_sample=False, temperature=None, top_p=None, top_k=None)
    else:
        kwargs.setdefault("do_sample", True)
    return kwargs
