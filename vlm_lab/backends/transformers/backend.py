"""Models that transformers runs, each in a worker process that dies with everything it held.

    - {name: qwen2-vl-2b, model_id: Qwen/Qwen2-VL-2B-Instruct, backend: transformers}

`backend_kwargs` takes `load_timeout` and `reply_timeout` in seconds. A worker that is killed,
crashes or hangs fails the case it had in hand and is started again; when that one goes before it
has answered anything, the model's other cases fail at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from vlm_lab.backends import Backend
from vlm_lab.backends.transformers import chat_template, devices, families, weights
from vlm_lab.backends.transformers.checkpoint_files import find_unreadable_files
from vlm_lab.backends.transformers.generation_settings import read_decoding
from vlm_lab.backends.transformers.interpreter import (
    compute_choice_key,
    make_interpreter_error,
    read_package_versions,
    resolve_interpreter,
)
from vlm_lab.backends.transformers.process import start_worker
from vlm_lab.backends.transformers.recipes import find_missing_settings
from vlm_lab.backends.transformers.settings import check_renamed_settings, parse_timeouts
from vlm_lab.commands import format_command
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message, decode_message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Generation, Model, Prompt, Runtime, Timing, Usage
from vlm_lab.workers.pixel_file import PixelPage, pack_pages
from vlm_lab.workers.process import Worker
from vlm_lab.workers.supervisor import Supervisor

MAX_DEATHS = 2  # in a row: loading takes minutes
DEVICE_SETTINGS = ("device", "dtype", "attn_implementation")
WEIGHTS_ERRORS = ("MissingWeights", "UnusedWeights", "MismatchedWeights", "BrokenWeights")
SAFETENSORS_ERROR = "SafetensorError"
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")


@dataclass(frozen=True, slots=True)
class AnnouncedBatch:
    """What a worker was told to get ready for, and the number that it is asked by."""

    worker: Worker
    prompts: Sequence[Prompt]
    number: int

    def is_of(self, worker: Worker | None, prompts: Sequence[Prompt]) -> bool:
        """Whether that worker has these prompts."""
        return worker is self.worker and list(prompts) == list(self.prompts)


class Transformers(Backend):
    """One loaded model. Raises Skip without weights, UserError for what is asked for and not here,
    GenerationError where loading fails."""

    can_batch = True

    def __init__(self, model: Model, runtime: Runtime, *, waits: bool = True) -> None:
        self.model, self.runtime = model, runtime
        check_renamed_settings(model)
        self.weights = weights.require_checkpoint(model, runtime.cache)
        self.timeouts = parse_timeouts(model)
        self.environment: Mapping[str, Any] = {}
        self._announced: AnnouncedBatch | None = None
        self._announced_count = 0
        self._begun_worker: Worker | None = None  # loads, and has not been waited for
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
        choice_key = compute_choice_key(model, runtime, checkpoint.digest)
        stored_choices = devices.read_choices(runtime.cache, choice_key)
        return {
            "weights": checkpoint.digest,
            **{name: stored_choices.get(name) for name in DEVICE_SETTINGS},
            "load_kwargs": dict(model.load_kwargs),
            "processor_kwargs": dict(model.processor_kwargs),
            "generation": read_decoding(checkpoint.folder, model.generation_kwargs).effective,
            **read_package_versions(resolve_interpreter(model, runtime)),
        }

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
        """Settings that it lacks; a chat model without a chat template is asked in a form that it
        was not trained with."""
        return [
            *_describe_missing_settings(model, runtime),
            *_describe_missing_template(model, runtime),
        ]

    def generate(self, prompt: Prompt) -> Generation:
        """The reply to one prompt; GenerationError says why there is none and what it means for the
        next."""
        return self._build_generation(self._request_answer([prompt], {"prompt_text": prompt.text}))

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are padded to one batch. Their timing is the batch's."""
        announced = self._announced
        self._announced = None
        if announced and announced.is_of(self.worker, prompts):
            answer = self._request_answer(prompts, {"announced": announced.number}, pages=())
        else:
            batch_prompts = [(prompt.text, len(prompt.pages)) for prompt in prompts]
            answer = self._request_answer(prompts, {"batch_prompts": batch_prompts})
        return [self._build_generation({**answer, **reply}) for reply in answer["replies"]]

    def announce_batch(self, prompts: Sequence[Prompt]) -> None:
        """Has the next batch preprocessed while the model works on this one."""
        worker = self.worker
        if worker is None:
            return
        self._announced_count += 1
        batch_prompts = [(prompt.text, len(prompt.pages)) for prompt in prompts]
        request = {"announce": self._announced_count, "batch_prompts": batch_prompts}
        worker.announce(request, _pack_prompts(prompts))
        self._announced = AnnouncedBatch(worker, prompts, self._announced_count)

    def _request_answer(
        self,
        prompts: Sequence[Prompt],
        prompt_fields: Mapping[str, Any],
        pages: Sequence[PixelPage] | None = None,
    ) -> dict[str, Any]:
        """The worker's answer to `prompt_fields` about all the prompts' pages, unless it has
        them."""
        pixel_pages = _pack_prompts(prompts) if pages is None else pages
        request = {
            "generation_kwargs": dict(self.model.generation_kwargs),
            "seed": self.runtime.seed,
            **prompt_fields,
        }
        seconds = self.timeouts["reply_timeout"] * len(prompts)
        answer = self._supervisor.request_answer(
            request, seconds, pixel_pages, is_batch=len(prompts) > 1
        )
        if "error" in answer:
            kind, message = answer["error"]
            raise GenerationError(kind, decode_message(message))
        return answer

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
            raise self._make_load_error(kind, decode_message(message))
        self._store_environment(answer)
        return worker

    def _make_load_error(self, kind: str, message: Message | str) -> UserError:
        name, python = self.model.name, self.model.python
        if kind == "Unavailable":
            return UserError(Message("of_model", {"model": name, "what": message}))
        if python and kind in IMPORT_ERRORS:
            reason = Message("interpreter_lacks", {"path": python, "said": message})
            return make_interpreter_error(self.model, reason)
        reason = Message("load_failed", {"model": name, "said": message})
        remedy = weights.describe_renewal(self.weights, name)
        if kind == SAFETENSORS_ERROR:
            names = find_unreadable_files(self.weights.folder)
            figures = {"what": reason, "files": list(names), "remedy": remedy}
            reason = Message("load_failed_files", figures)
        if kind in WEIGHTS_ERRORS:
            reason = Message("load_failed_remedy", {"what": reason, "remedy": remedy})
        if read_json_object(self.weights.folder / "config.json").get("auto_map"):
            command = format_command("models", "env", name)
            reason = Message("load_failed_own_code", {"what": reason, "command": command})
        return GenerationError(kind, reason)

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
        }

    def _store_environment(self, environment: Mapping[str, Any]) -> None:
        checkpoint = self.weights
        self.environment = {
            **environment,
            "weights": checkpoint.digest,
            "revision": checkpoint.revision,
        }
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


def _pack_prompts(prompts: Sequence[Prompt]) -> list[PixelPage]:
    all_pages = chain.from_iterable(prompt.pages for prompt in prompts)
    return pack_pages(page.image for page in all_pages)


def _describe_missing_settings(model: Model, runtime: Runtime) -> list[Message]:
    settings = list(find_missing_settings(model, runtime))
    command = format_command("models", "env", model.name)
    figures = {"model": model.name, "settings": settings, "command": command}
    return [Message("lacks_settings", figures)] if settings else []


def _describe_missing_template(model: Model, runtime: Runtime) -> list[Message]:
    folder = weights.find_folder(model, runtime.cache)
    if folder is None or chat_template.has_chat_template(folder):
        return []
    family = families.get_family(read_json_object(folder / "config.json"))
    if not family.is_chat:
        return []
    form = family.prompt_format.format(images=family.image_placeholder, text="...")
    path = terminal_safe(str(folder / chat_template.TEMPLATE_FILES[0]))
    figures = {"model": model.name, "form": form, "file": path}
    return [Message("no_chat_template", figures)]
