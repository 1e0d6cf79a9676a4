"""A processor and a model, loaded: pages and text -> a reply, and what it cost.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9, imports torch and
transformers late, and of ours only what is sent along with it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import devices, families, processors
from vlm_lab.backends.transformers.beams import BeamObserver
from vlm_lab.backends.transformers.generation_settings import Decoding, resolve_decoding
from vlm_lab.backends.transformers.library_messages import LibraryMessages
from vlm_lab.backends.transformers.logits_processor import LogitsProcessor
from vlm_lab.backends.transformers.model_loading import ModelLoader
from vlm_lab.backends.transformers.reply_grammar import ReplyGrammar
from vlm_lab.backends.transformers.streamer import (
    SingleTokens,
    TokenStreamer,
    decode_token_texts,
)
from vlm_lab.backends.transformers.text_only import TextProcessor
from vlm_lab.backends.transformers.visual_tokens.mllama import count_mllama_tile_tokens
from vlm_lab.backends.transformers.worker_error import WorkerError, make_unavailable_error
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.pixel_file import read_pixels

Payload = dict[str, Any]


class LoadedModel:
    """A processor and a model on their device, and what was chosen for them, with reasons."""

    def __init__(self, load_request: Payload) -> None:
        import torch
        import transformers

        self.torch, self.transformers, self.load_request = torch, transformers, load_request
        self.folder = Path(load_request["folder"])
        self.config = read_json_object(self.folder / "config.json")
        self.preprocessor = families.read_preprocessor(self.folder)
        self.family = families.get_family(self.config)
        self.library_messages = LibraryMessages()
        # A fast tokenizer that pads in one thread and decodes in another raises "Already borrowed".
        self.processor_lock = threading.Lock()
        loader = ModelLoader(load_request, self.config)
        with self.library_messages.listen():
            self.processor = self.load_processor(loader.is_text_model)
            self.chat_template = processors.find_chat_template(
                self.processor, self.folder, self.family, load_request["chat_template_kwargs"]
            )
            self.model = loader.load_model(self.library_messages)
        self.device = loader.choices["device"].value
        # The model cuts up what the processor joined, by the same table.
        for name in self.family.shared_config_keys:
            setattr(self.model.config, name, getattr(self.processor.image_processor, name))
        tokenizer = getattr(self.processor, "tokenizer", self.processor)
        self.single_tokens = SingleTokens(tokenizer)
        self.reply_grammar: ReplyGrammar | None = None
        if load_request.get("response_format"):
            self.reply_grammar = ReplyGrammar(tokenizer, self.collect_eos_ids())
        self.environment = self.describe_environment(loader)

    def load_processor(self, is_text_model: bool) -> Any:
        requested = self.load_request["processor_kwargs"]
        try:
            processor_kwargs = families.resolve_processor_kwargs(
                self.family, self.config, self.preprocessor, requested
            )
        except ValueError as error:
            raise make_unavailable_error(error) from None
        processor_kwargs["trust_remote_code"] = self.load_request["trust_remote_code"]
        if is_text_model:
            return TextProcessor.from_pretrained(self.folder, **processor_kwargs)
        return processors.load_pretrained(self.folder, processor_kwargs)

    def describe_environment(self, loader: ModelLoader) -> Payload:
        """What replies are made with, for the record."""
        return {
            **loader.describe_choices(),
            "torch": str(self.torch.__version__),
            "transformers": self.transformers.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "processor": type(self.processor).__name__,
            "image_processor": type(getattr(self.processor, "image_processor", None)).__name__,
            "model_class": type(self.model).__name__,
            "chat_template": self.describe_chat_template(),
            **({"response_format": self.reply_grammar.describe()} if self.reply_grammar else {}),
            "loading": loader.report,
            "weights_bytes": int(self.model.get_memory_footprint()),
            "library_messages": list(self.library_messages.messages),
        }

    def describe_chat_template(self) -> Payload:
        if self.chat_template:
            return self.chat_template.describe()
        reason = "no chat template belongs to this family"
        if self.family.is_chat:
            reason = "the checkpoint has no chat template: prompts have its family's plain form"
        return {"value": None, "form": self.family.prompt_format, "reason": reason}

    def generate_reply(self, request: Payload) -> Payload:
        """One case: pages and text in, the reply and what it cost out. Seconds by the wall clock of
        this process."""
        torch = self.torch
        devices.seed_random_numbers(self.device, request["seed"])
        devices.reset_peak_memory(self.device)
        start_time = time.perf_counter()
        inputs = self.build_inputs(request)
        inputs_time = time.perf_counter()
        with torch.inference_mode():
            output, observer = self.generate_token_ids(inputs, request)
        end_time = time.perf_counter()
        first_token = decode = None
        if observer.first_token_time:
            first_token = observer.first_token_time - inputs_time
            decode = end_time - observer.first_token_time
        timing = [inputs_time - start_time, first_token, decode]
        return {**self.build_reply_fields(inputs, output, observer), "timing": timing}

    def build_inputs(self, request: Payload) -> Any:
        pages = self.build_page_images(request)
        if len(pages) > 1 and not self.family.multi_image:
            raise WorkerError("TooManyImages", Message("one_image_alone", {"n": len(pages)}))
        chat_prompt = self.build_chat_prompt(request["prompt_text"], len(pages))
        inputs = processors.encode_prompt(self.processor, chat_prompt, pages)
        return inputs.to(self.device, dtype=self.model.dtype)

    def build_page_images(self, request: Payload) -> list[Any]:
        """Images of a request's pages, of the size at which this family's processor is to get
        them. Images that are there already are taken out of the request: it lives on while the
        model needs the memory."""
        images = request.pop("images", None) or open_images(request["pages"])
        processor_kwargs = self.load_request["processor_kwargs"]
        resized = []
        while images:
            page = images.pop(0)
            size = families.compute_page_size(
                self.family, self.config, self.preprocessor, processor_kwargs, page.size
            )
            resized.append(page if page.size == size else page.resize(size))
        return resized

    def build_chat_prompt(self, text: str, image_count: int) -> str:
        return processors.build_chat_prompt(
            self.processor, self.family, self.chat_template, text, image_count
        )

    def generate_token_ids(
        self, inputs: Any, request: Payload, batch_observer: Any = None
    ) -> tuple[Any, Any]:
        """The model's output ids, and what saw them being made: of several prompts the observer
        that is handed in, unless beams are searched. WorkerError("ContextOverflow", ...) where the
        prompt fills the context window; a reply that would not fit is cut, and `token_budget_note`
        says so."""
        decoding = self.resolve_decoding(request["generation_kwargs"])
        self.decoding = decoding
        kwargs = dict(decoding.kwargs)
        self.token_budget_note = self.limit_new_tokens(inputs["input_ids"].shape[1], kwargs)
        observer: Any = batch_observer
        if decoding.beam_count > 1:
            observer = BeamObserver(self.collect_eos_ids())
        elif observer is None:
            observer = kwargs["streamer"] = TokenStreamer()
        if decoding.effective.get("stop_strings"):
            kwargs["tokenizer"] = self.processor.tokenizer
        # The observer comes first: a token that a grammar left alone is as doubtful as it was.
        logits_processors = [LogitsProcessor(observer)]
        if self.reply_grammar:
            grammar_mask = self.reply_grammar.build_processor(request["reply_schemas"])
            logits_processors.append(LogitsProcessor(grammar_mask))
        with self.library_messages.listen():
            output = self.model.generate(**inputs, **kwargs, logits_processor=logits_processors)
        return output, observer

    def resolve_decoding(self, requested: Payload) -> Decoding:
        """What `generate` is told, after the checkpoint's own settings as transformers has loaded
        them."""
        own_settings = self.model.generation_config.to_dict()
        return resolve_decoding(requested, own_settings, self.family.decodes_as_made)

    def limit_new_tokens(self, prompt_length: int, kwargs: Payload) -> Payload:
        """Lowers `max_new_tokens` in `kwargs` to what the context window has left. A note for the
        record where it was lowered."""
        window = getattr(find_text_config(self.model.config), "max_position_embeddings", None)
        if window and prompt_length >= window:
            excess_tokens = prompt_length + 1 - window
            figures = {"tokens": prompt_length, "excess": excess_tokens, "window": window}
            raise WorkerError("ContextOverflow", Message("window_full", figures))
        if not window or window - prompt_length >= kwargs["max_new_tokens"]:
            return {}
        max_new_tokens = window - prompt_length
        reason = (
            f"the window of {window:,} has a prompt of {prompt_length:,} in it; "
            f"{kwargs['max_new_tokens']:,} asked for"
        )
        kwargs["max_new_tokens"] = max_new_tokens
        return {"max_new_tokens": {"value": max_new_tokens, "reason": reason}}

    def build_reply_fields(self, inputs: Any, output: Any, observer: Any) -> Payload:
        prompt_ids = inputs["input_ids"]
        reply_ids = output[0, observer.prompt_length or 0 :]
        reply_id_list = reply_ids.tolist()
        logprobs = observer.collect_logprobs(reply_ids)
        text = self.decode_reply(reply_id_list)
        is_finished = bool(reply_id_list) and reply_id_list[-1] in self.collect_eos_ids()
        return {
            "text": text,
            "finish_reason": "stop" if is_finished else "length",
            "prompt_tokens": prompt_ids.shape[1],
            "visual_tokens": self.count_visual_tokens(inputs),
            "output_tokens": len(reply_id_list),
            "tokens": self.pair_tokens(reply_id_list, text, logprobs),
            "mean_logprob": sum(logprobs) / len(logprobs) if logprobs else None,
            "image_sizes": self.compute_image_sizes(inputs),
            **self.describe_answer(),
        }

    def pair_tokens(
        self, reply_ids: list[int], text: str, logprobs: list[float]
    ) -> list[tuple[str, float]]:
        """Each token's text and log-probability; [] where these are not known, and of a family
        whose reply is made of tags."""
        if not logprobs or self.family.postprocess_method:
            return []
        token_texts = decode_token_texts(self.single_tokens, reply_ids, text)
        return list(zip(token_texts, logprobs))  # noqa: B905 - 3.9

    def describe_answer(self) -> Payload:
        """What an answer says beside its replies: memory, settings, and what was cut or warned
        of."""
        return {
            "peak_memory_bytes": devices.measure_peak_memory(self.device),
            "token_budget_note": self.token_budget_note,
            "generation": self.describe_decoding(),
            "library_messages": list(self.library_messages.messages),
        }

    def describe_decoding(self) -> Payload:
        """For the record: the settings that held, and the checkpoint's that did not."""
        return {"settings": self.decoding.effective, "overruled": self.decoding.overruled}

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
            return tile_count * count_mllama_tile_tokens(self.config)
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


def open_images(pages: list[Any]) -> list[Any]:
    """Images of pages, each given as its size and where its pixels are."""
    from PIL import Image

    return [Image.frombytes("RGB", tuple(size), read_pixels(source)) for size, source in pages]


def find_text_config(config: Any) -> Any:
    """The language model's part of a config; `get_text_config` is of transformers 4.45."""
    if hasattr(config, "get_text_config"):
        return config.get_text_config()
    return getattr(config, "text_config", config)
