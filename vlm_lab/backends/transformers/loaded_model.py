"""A processor and a model, loaded: what turns pages and words into a reply, and counts what it
cost.

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
AUTO_CLASSES = (
    "AutoModelForImageTextToText",
    "AutoModelForCausalLM",
)  # the first is of transformers 4.46


class WorkerError(Exception):
    """An error with a kind of its own: Failed(kind, message)."""


class LoadedModel:
    """A processor and a model on their device, and what was chosen for them, with reasons."""

    def __init__(self, job: Payload) -> None:
        import torch
        import transformers

        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        self.torch, self.transformers, self.load_request = torch, transformers, job
        self.folder = Path(job["folder"])
        self.config = read_json_object(self.folder / "config.json")
        self.family = families.get_family(self.config)
        self.refused_attention: list[str] = []
        self.choices = self.choose_device_settings()
        self.device = self.choices["device"].value
        self.processor = self.load_processor()
        self.model = self.load_model().eval()
        for name in (
            self.family.shared_config_keys
        ):  # the model cuts up what the processor joined, by the same table
            setattr(self.model.config, name, getattr(self.processor.image_processor, name))
        if not self.is_model_placed:
            self.model = self.model.to(self.device)
        self.environment = self.describe_environment()

    def choose_device_settings(self) -> dict[str, devices.Choice]:
        """Device, dtype and attention; Failed("NotHere", ...) for what is forced and cannot be
        had."""
        job = self.load_request
        try:
            device = devices.choose_device(job["device"])
            dtype = devices.choose_dtype(job["dtype"], device.value)
            left = tuple(
                name
                for name in devices.ATTENTION_IMPLEMENTATIONS
                if name not in self.refused_attention
            )
            attention = devices.choose_attention(
                job["attn_implementation"], device.value, dtype.value, left
            )
        except ValueError as error:
            raise WorkerError("NotHere", str(error)) from None
        return {"device": device, "dtype": dtype, "attn_implementation": attention}

    @property
    def is_model_placed(self) -> bool:
        """accelerate and quantisation put weights where they belong; `.to()` would be an error."""
        return (
            "device_map" in self.load_request["load_kwargs"]
            or "quantization_config" in self.load_request["load_kwargs"]
        )

    def load_processor(self) -> Any:
        job = self.load_request
        try:
            wanted = families.resolve_processor_kwargs(
                self.family,
                self.config,
                families.read_preprocessor(self.folder),
                job["processor_kwargs"],
            )
        except ValueError as error:
            raise WorkerError("NotHere", str(error)) from None
        wanted["trust_remote_code"] = job["trust_remote_code"]
        return processors.load_pretrained(self.folder, wanted)

    def load_model(self) -> Any:
        """The model; where its class refuses an attention that `auto` chose, which it does before
        it reads any weights, the next one."""
        while True:
            try:
                return self.load_pretrained()
            except ValueError as error:
                tried = self.choices["attn_implementation"].value
                if (
                    "does not support" not in str(error)
                    or self.load_request["attn_implementation"] != "auto"
                    or tried == "eager"
                ):
                    raise
                self.refused_attention.append(tried)
                self.choices = self.choose_device_settings()

    def load_pretrained(self) -> Any:
        """The model, by the spelling that this transformers has: `dtype` was `torch_dtype` before
        4.56."""
        job, library = self.load_request, self.transformers
        recent = tuple(int(part) for part in library.__version__.split(".")[:2]) >= (4, 56)
        kwargs = {
            **job["load_kwargs"],
            "use_safetensors": job["use_safetensors"],
            "dtype" if recent else "torch_dtype": getattr(self.torch, self.choices["dtype"].value),
            "attn_implementation": self.choices["attn_implementation"].value,
            "trust_remote_code": job["trust_remote_code"],
            "local_files_only": True,
        }
        if (
            "_attn_implementation" in self.config
        ):  # Phi-3-vision's config.json asks for flash, and 4.40 obeys it alone
            kwargs["_attn_implementation"] = kwargs["attn_implementation"]
        return self.select_model_class().from_pretrained(job["folder"], **kwargs)

    def select_model_class(self) -> Any:
        """The class that opens image-text-to-text models: for code of its own what the checkpoint
        names, else the first that this transformers has."""
        own = self.config.get("auto_map") or {} if self.load_request["trust_remote_code"] else {}
        doors = [name for name in AUTO_CLASSES if hasattr(self.transformers, name)]
        return getattr(self.transformers, next((name for name in doors if name in own), doors[0]))

    def describe_environment(self) -> Payload:
        versions = {
            "torch": str(self.torch.__version__),
            "transformers": self.transformers.__version__,
        }
        return {
            **{
                name: {"value": choice.value, "reason": choice.reason}
                for name, choice in self.choices.items()
            },
            **versions,
            "python": ".".join(map(str, sys.version_info[:3])),
            "processor": type(self.processor).__name__,
            "image_processor": type(getattr(self.processor, "image_processor", None)).__name__,
            "model_class": type(self.model).__name__,
        }

    def generate_reply(self, request: Payload) -> Payload:
        """One case: pages and words in, words and what they cost out. Seconds by the wall clock of
        this process."""
        torch = self.torch
        torch.manual_seed(request["seed"])
        devices.reset_peak_memory(self.device)
        start = time.perf_counter()
        inputs = self.build_inputs(request)
        prepared = time.perf_counter()
        tracker = TokenStreamer()
        with torch.inference_mode():
            output = self.generate_token_ids(inputs, request["generation_kwargs"], tracker)
        ended = time.perf_counter()
        seen = bool(tracker.first_token_time)
        timing = [
            prepared - start,
            tracker.first_token_time - prepared if seen else None,
            ended - tracker.first_token_time if seen else None,
        ]
        return {**self.build_reply_fields(inputs, output, tracker), "timing": timing}

    def build_inputs(self, request: Payload) -> Any:
        pages = self.build_page_images(request)
        if len(pages) > 1 and not self.family.multi_image:
            raise WorkerError(
                "TooManyImages",
                f"this model takes one image, the prompt has {len(pages)}; set `pages: each`",
            )
        inputs = processors.encode_prompt(
            self.processor, self.build_chat_prompt(request["text"], len(pages)), pages
        )
        return inputs.to(self.device, dtype=self.model.dtype)

    def build_page_images(self, request: Payload) -> list[Any]:
        """Images of a request's pages, of the size at which this family's processor is to get
        them."""
        from PIL import Image

        files, wanted = (
            families.read_preprocessor(self.folder),
            self.load_request["processor_kwargs"],
        )
        pages = [Image.frombytes("RGB", tuple(size), pixels) for size, pixels in request["pages"]]
        resized = []
        for page in pages:
            size = families.compute_page_size(self.family, self.config, files, wanted, page.size)
            resized.append(page if page.size == size else page.resize(size))
        return resized

    def build_chat_prompt(self, text: str, images: int) -> str:
        return processors.build_chat_prompt(self.processor, self.family, text, images)

    def generate_token_ids(self, inputs: Any, kwargs: Payload, tracker: Any) -> Any:
        kwargs = build_generate_kwargs(kwargs)
        length = inputs["input_ids"].shape[1]
        window = getattr(find_text_config(self.model.config), "max_position_embeddings", None)
        if window and length >= window:
            over = length + 1 - window
            raise WorkerError("ContextOverflow", f"the prompt has {length:,} tokens, {over:,} too many for this model's "
                         f"window of {window:,}: send fewer pages or fewer visual tokens")  # fmt: skip
        self.token_budget_note = {}
        if window and window - length < kwargs["max_new_tokens"]:
            why = f"the window of {window:,} has a prompt of {length:,} in it; {kwargs['max_new_tokens']:,} asked for"
            self.token_budget_note = {"max_new_tokens": {"value": window - length, "reason": why}}
            kwargs["max_new_tokens"] = window - length
        single = kwargs.get("num_beams", 1) == 1
        extra = {"streamer": tracker, "logits_processor": [tracker]} if single else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.model.generate(**inputs, **kwargs, **extra)

    def build_reply_fields(self, inputs: Any, output: Any, tracker: TokenStreamer) -> Payload:
        prompt = inputs["input_ids"]
        written = output[0, prompt.shape[1] :]
        if self.model.config.is_encoder_decoder:
            # Its output starts with a token of its own, perhaps with a prompt.
            written = (
                output[0, len(output[0]) - tracker.put_count + 1 :]
                if tracker.put_count
                else output[0]
            )
        ids = written.tolist()
        logprobs = tracker.collect_logprobs(written)
        text = self.decode_reply(ids)
        plain = logprobs and not self.family.postprocess_method
        tokenizer = getattr(self.processor, "tokenizer", self.processor)
        texts = decode_token_texts(tokenizer, ids, text) if plain else []
        return {
            "text": text,
            "finish_reason": "stop" if ids and ids[-1] in self.collect_eos_ids() else "length",
            "prompt_tokens": prompt.shape[1],
            "visual_tokens": self.count_visual_tokens(inputs),
            "output_tokens": len(ids),
            "tokens": list(zip(texts, logprobs)),  # noqa: B905 - 3.9
            "mean_logprob": sum(logprobs) / len(logprobs) if logprobs else None,
            "image_sizes": self.compute_image_sizes(inputs),
            "peak_memory_bytes": devices.measure_peak_memory(self.device),
            "room": self.token_budget_note,
        }

    def decode_reply(self, ids: list[int]) -> str:
        """The reply; of a family that answers in tags (Donut), the JSON that its processor makes of
        them."""
        after = getattr(self.processor, self.family.postprocess_method or "-", None)
        if after is None:
            return str(self.processor.decode(ids, skip_special_tokens=True))
        ends = self.collect_eos_ids() | {self.processor.tokenizer.pad_token_id}
        told = self.processor.decode([i for i in ids if i not in ends])
        return json.dumps(after(told), ensure_ascii=False)

    def collect_eos_ids(self) -> set[int]:
        end = self.model.generation_config.eos_token_id
        return set(end) if isinstance(end, list) else {end}

    def count_visual_tokens(self, inputs: Any) -> int | None:
        if (
            "aspect_ratio_mask" in inputs
        ):  # Mllama's one token stands for all that its cross attention looks at
            return int(inputs["aspect_ratio_mask"].sum()) * visual_tokens.count_mllama_tile_tokens(
                self.config
            )
        prompt = inputs["input_ids"]
        token = next(
            (self.config[key] for key in self.family.visual_token_keys if key in self.config), None
        )
        if token is None:  # Phi-3-vision's processor gives the n-th page ids of -n
            return (
                int((prompt < 0).sum()) if processors.has_numbered_images(self.processor) else None
            )
        return int((prompt == token).sum())

    def compute_image_sizes(self, inputs: Any) -> list[list[int]]:
        """Width and height of each page as the vision tower gets it; of tiles, one tile's."""
        if "image_grid_thw" in inputs:
            patch = self.processor.image_processor.patch_size
            return [
                [int(w) * patch, int(h) * patch] for _, h, w in inputs["image_grid_thw"].tolist()
            ]
        pixels = inputs.get("pixel_values")
        return (
            [] if pixels is None else [[int(pixels.shape[-1]), int(pixels.shape[-2])]] * len(pixels)
        )


def find_text_config(config: Any) -> Any:
    """The part of a config about words; `get_text_config` is of transformers 4.45."""
    return (
        config.get_text_config()
        if hasattr(config, "get_text_config")
        else getattr(config, "text_config", config)
    )


def build_generate_kwargs(kwargs: Payload) -> Payload:
    """models.yaml's generation_kwargs for `generate`: temperature 0 means greedy, said in
    transformers' own words."""
    kwargs = {"max_new_tokens": 1024, **kwargs}
    if not kwargs.get("temperature"):
        kwargs.update(do_sample=False, temperature=None, top_p=None, top_k=None)
    else:
        kwargs.setdefault("do_sample", True)
    return kwargs
