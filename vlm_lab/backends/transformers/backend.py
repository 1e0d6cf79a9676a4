"""Models that transformers runs, each in a worker process that dies with everything it held.

    - {name: qwen2-vl-2b, model_id: Qwen/Qwen2-VL-2B-Instruct, backend: transformers}

`backend_kwargs` takes `load_timeout` and `reply_timeout` in seconds, and `response_format`. A
worker that is killed, crashes or hangs fails the case it had in hand and is started again; when
that one goes before it has answered anything, the model's other cases fail at once.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.backends import Backend
from vlm_lab.backends.reply_schema import RESPONSE_FORMAT, build_reply_schema, check_reply_schema
from vlm_lab.backends.transformers import devices, families, weights
from vlm_lab.backends.transformers.adapters import require_adapter
from vlm_lab.backends.transformers.announcements import Announcer, locate_pages
from vlm_lab.backends.transformers.generation_settings import read_decoding
from vlm_lab.backends.transformers.interpreter import (
    VERSIONED_PACKAGES,
    compute_choice_key,
    make_interpreter_error,
    read_package_versions,
    resolve_interpreter,
)
from vlm_lab.backends.transformers.load_errors import make_load_error
from vlm_lab.backends.transformers.model_warnings import find_model_warnings
from vlm_lab.backends.transformers.packages import check_packages, list_packages
from vlm_lab.backends.transformers.process import start_worker
from vlm_lab.backends.transformers.settings import (
    check_quantization,
    check_renamed_settings,
    parse_timeouts,
    read_response_format,
)
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.messages import Message, decode_message
from vlm_lab.types import Generation, Model, Prompt, Runtime, Timing, Usage
from vlm_lab.workers.process import Worker
from vlm_lab.workers.supervisor import Supervisor

MAX_DEATHS = 2  # in a row: loading takes minutes
WARM_UP_TOKENS = 2  # the first comes from the prompt, the second from the first
DEVICE_SETTINGS = ("device", "dtype", "attn_implementation")


class Transformers(Backend):
    """One loaded model. Raises Skip without weights, UserError for what is asked for and not here,
    GenerationError where loading fails."""

    can_batch = True

    def __init__(self, model: Model, runtime: Runtime, *, waits: bool = True) -> None:
        self.model, self.runtime = model, runtime
        check_renamed_settings(model)
        self.weights = weights.require_checkpoint(model, runtime.cache)
        self.timeouts = parse_timeouts(model)
        self.response_format = read_response_format(model, self.weights.folder)
        check_quantization(model, self.weights.folder)
        self.adapter = require_adapter(model, runtime.cache)
        check_packages(model, runtime, self.weights.folder)
        self.environment: dict[str, Any] = {}
        self._announcer = Announcer()
        self._begun_worker: Worker | None = None  # loads, and has not been waited for
        self._warm_worker: Worker | None = None
        self._supervisor = Supervisor(model.name, self._start_worker, MAX_DEATHS)
        if waits:
            self.prepare()
        else:
            self._begun_worker = self._begin_worker()

    @classmethod
    def begin_loading(cls, model: Model, runtime: Runtime) -> "Transformers":
        return cls(model, runtime, waits=False)

    @property
    def worker(self) -> Worker | None:
        """The process that holds the model; None between two of them."""
        return self._supervisor.worker

    @classmethod
    def needs_weights(cls, model: Model) -> bool:
        return True

    @classmethod
    def is_here(cls, model: Model, runtime: Runtime) -> bool:
        return weights.find_folder(model, runtime.cache) is not None

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> dict[str, Any]:
        """Everything that decides a reply, without torch. Device, dtype and attention are None
        until a worker has chosen them once on this machine. Raises Skip where weights are
        missing."""
        check_renamed_settings(model)
        checkpoint = weights.require_checkpoint(model, runtime.cache)
        read_response_format(model, checkpoint.folder)
        check_quantization(model, checkpoint.folder)
        adapter = require_adapter(model, runtime.cache)
        check_packages(model, runtime, checkpoint.folder)
        versioned_packages = [*VERSIONED_PACKAGES, *list_packages(model, checkpoint.folder)]
        choice_key = compute_choice_key(model, runtime, checkpoint.digest)
        stored_choices = devices.read_choices(runtime.cache, choice_key)
        return {
            "weights": checkpoint.digest,
            **{name: stored_choices.get(name) for name in DEVICE_SETTINGS},
            "load_kwargs": dict(model.load_kwargs),
            "processor_kwargs": dict(model.processor_kwargs),
            "generation": read_decoding(checkpoint.folder, model.generation_kwargs).effective,
            **read_package_versions(resolve_interpreter(model, runtime), versioned_packages),
            **({"adapter": adapter.digest} if adapter else {}),
            **({"quantization": model.quantization} if model.quantization else {}),
        }

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> dict[str, Any]:
        """The schema, where replies are held to it. GenerationError where none can be."""
        schema = build_reply_schema(model.backend_kwargs.get(RESPONSE_FORMAT), prompt)
        if schema is None:
            return {}
        check_reply_schema(schema)
        return {"reply_schema": schema}

    @classmethod
    def predict_visual_tokens(
        cls, model: Model, runtime: Runtime, sizes: Sequence[tuple[int, int]]
    ) -> int | None:
        """By the family's arithmetic, from the checkpoint's JSON files; None without weights here
        and for a family whose arithmetic nobody knows."""
        checkpoint = weights.find_checkpoint(model, runtime.cache)
        if checkpoint is None:
            return None
        return families.predict_visual_tokens(checkpoint.folder, model, sizes)

    @classmethod
    def find_warnings(cls, model: Model, runtime: Runtime) -> list[Message]:
        return list(find_model_warnings(model, runtime))

    def warm_up(self, prompt: Prompt) -> None:
        """On a GPU the first reply waits for kernels to be loaded: several seconds, which are no
        document's. A CPU has nothing to load."""
        worker = self._ensure_worker()
        if worker is self._warm_worker:
            return
        if self.environment["device"]["value"] != "cpu":
            kwargs = _shorten_reply(self.model.generation_kwargs)
            fields = {**_build_prompt_fields(prompt), "generation_kwargs": kwargs}
            self._request_answer([prompt], fields)
        self._warm_worker = worker

    def generate(self, prompt: Prompt) -> Generation:
        """The reply to one prompt; GenerationError says why there is none and what it means for the
        next."""
        fields = _build_prompt_fields(prompt)
        opened_pages = self._announcer.take_pages(prompt)
        return self._build_generation(self._request_answer([prompt], {**fields, **opened_pages}))

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are padded to one batch. Their timing is the batch's."""
        answer = self._request_answer(prompts, self._announcer.take_batch(self.worker, prompts))
        return [self._build_generation({**answer, **reply}) for reply in answer["replies"]]

    def announce_batch(self, prompts: Sequence[Prompt]) -> None:
        """Has the next batch preprocessed while the model works on this one."""
        if worker := self.worker:
            self._announcer.announce_batch(worker, prompts)

    def announce_pages(self, prompt: Prompt) -> None:
        """Has the images made that the processor gets, while the model has nothing to do."""
        if worker := self.worker:
            self._announcer.announce_pages(worker, prompt)

    def _request_answer(
        self,
        prompts: Sequence[Prompt],
        prompt_fields: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The worker's answer to `prompt_fields` about these prompts."""
        request = {
            "generation_kwargs": dict(self.model.generation_kwargs),
            "seed": self.runtime.seed,
            "reply_schemas": [self._build_reply_schema(prompt) for prompt in prompts],
            **prompt_fields,
        }
        seconds = self.timeouts["reply_timeout"] * len(prompts)
        answer = self._supervisor.request_answer(request, seconds, is_batch=len(prompts) > 1)
        if "error" in answer:
            kind, message = answer["error"]
            raise GenerationError(kind, decode_message(message))
        return answer

    def _build_reply_schema(self, prompt: Prompt) -> str | None:
        """What the reply is held to, in a form that a pipe takes however deep it is nested."""
        schema = build_reply_schema(self.response_format, prompt)
        return None if schema is None else json.dumps(schema)

    def prepare(self) -> None:
        """Loads the model again where its process died."""
        self._ensure_worker()

    def close(self) -> None:
        """Ends the worker: what it held is free when this returns."""
        if self._begun_worker:
            self._begun_worker.close()
            self._begun_worker = None
        self._supervisor.close()

    def _ensure_worker(self) -> Worker:
        return self._supervisor.ensure_worker()

    def _begin_worker(self) -> Worker:
        """A worker that loads the model from now on."""
        python = resolve_interpreter(self.model, self.runtime)
        try:
            worker = start_worker(python, self.runtime.online)
        except Skip as error:
            raise make_interpreter_error(self.model, error.message) from None
        worker.send_request(self._build_load_request())
        return worker

    def _start_worker(self) -> Worker:
        """A worker that has loaded the model."""
        try:
            worker, self._begun_worker = self._begun_worker or self._begin_worker(), None
            answer = worker.receive_answer(self.timeouts["load_timeout"])
        except GenerationError as error:
            figures = {"model": self.model.name, "what": error.message}
            death = Message("while_loading", figures)
            self._supervisor.note_death(death)
            raise GenerationError(error.kind, death) from None
        if "error" in answer:
            worker.close()
            kind, message = answer["error"]
            raise make_load_error(self.model, self.weights, kind, decode_message(message))
        self._store_environment(answer)
        return worker

    def _build_load_request(self) -> dict[str, Any]:
        return {
            "folder": str(self.weights.folder),
            "device": self.runtime.device,
            "dtype": self.model.dtype,
            "attn_implementation": self.model.attn_implementation,
            "trust_remote_code": self.model.trust_remote_code,
            "use_safetensors": self.model.use_safetensors,
            "processor_kwargs": dict(self.model.processor_kwargs),
            "chat_template_kwargs": dict(self.model.chat_template_kwargs),
            "load_kwargs": dict(self.model.load_kwargs),
            "image": self.model.image,
            "response_format": self.response_format,
            "quantization": self.model.quantization,
            "adapter": str(self.adapter.folder) if self.adapter else None,
        }

    def _store_environment(self, environment: Mapping[str, Any]) -> None:
        checkpoint = self.weights
        self.environment = {
            **environment,
            "weights": checkpoint.digest,
            "revision": checkpoint.revision,
        }
        if self.adapter:
            adapter = {"value": self.model.adapter, "digest": self.adapter.digest}
            self.environment["adapter"] = {**adapter, **environment["adapter"]}
        choice_key = compute_choice_key(self.model, self.runtime, checkpoint.digest)
        choices = {name: environment[name]["value"] for name in DEVICE_SETTINGS}
        devices.write_choices(self.runtime.cache, choice_key, choices)

    def _build_generation(self, answer: Mapping[str, Any]) -> Generation:
        return Generation(
            raw_response=answer["text"],
            finish_reason=answer["finish_reason"],
            usage=Usage(answer["prompt_tokens"], answer["visual_tokens"], answer["output_tokens"]),
            timing=Timing(*answer["timing"]),
            mean_logprob=answer["mean_logprob"],
            tokens=tuple((text, logprob) for text, logprob in answer["tokens"]),
            image_sizes=tuple((width, height) for width, height in answer["image_sizes"]),
            peak_memory_bytes=answer["peak_memory_bytes"],
            environment={
                **self.environment,
                **answer["token_budget_note"],
                "generation": answer["generation"],
                "library_messages": answer["library_messages"],
            },
        )


def _shorten_reply(generation_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings for a reply that nobody reads."""
    kwargs = {name: value for name, value in generation_kwargs.items() if "min_" not in name}
    return {**kwargs, "max_new_tokens": WARM_UP_TOKENS}


def _build_prompt_fields(prompt: Prompt) -> dict[str, Any]:
    return {"prompt_text": prompt.text, "pages": locate_pages([prompt])}
