"""Models that transformers runs, each in a worker process that dies with everything it held.

    - {name: qwen2-vl-2b, model_id: Qwen/Qwen2-VL-2B-Instruct, backend: transformers}

`backend_kwargs` takes `load_timeout` and `reply_timeout` in seconds. A worker that is killed,
crashes or hangs fails the case it had in hand and is started again once; when that one goes too,
the model's other cases fail at once.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

from vlm_lab.backends import Backend
from vlm_lab.backends.transformers import devices, families, weights
from vlm_lab.backends.transformers.process import Worker, split_into_chunks
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.files import read_json_object
from vlm_lab.types import Generation, Model, Prompt, Runtime, Timing, Usage

LOAD_SECONDS, REPLY_SECONDS = 1800.0, 600.0
MAX_RESTARTS = 1
VERSIONED_PACKAGES = ("torch", "transformers", "tokenizers", "pillow")
DEVICE_SETTINGS = ("device", "dtype", "attn_implementation")
RENAMED_SETTINGS = {"torch_dtype": "dtype", "use_flash_attention_2": "attn_implementation"}
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")


class Transformers(Backend):
    """One loaded model. Raises Skip without weights, UserError for what is asked for and not here,
    GenerationError where loading fails."""

    can_batch = True
    needs_weights = True

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.runtime = model, runtime
        check_renamed_settings(model)
        self.weights = weights.require_checkpoint(model, runtime.cache)
        self.timeouts = parse_timeouts(model)
        self.crashes: list[str] = []
        self.worker: Worker | None = None
        self.environment: Mapping[str, Any] = {}
        self._start_worker()

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

    def generate(self, prompt: Prompt) -> Generation:
        """The reply to one prompt; GenerationError says why there is none and what it means for the
        next."""
        return self._build_generation(self._request_answer([prompt], {"prompt_text": prompt.text}))

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are padded to one batch: text alone, nothing is timed or
        counted."""
        batch_prompts = [(prompt.text, len(prompt.pages)) for prompt in prompts]
        answer = self._request_answer(prompts, {"batch_prompts": batch_prompts})
        return [
            Generation(
                raw_response=reply["text"],
                finish_reason=reply["finish_reason"],
                environment=self.environment,
            )
            for reply in answer["replies"]
        ]

    def _request_answer(
        self, prompts: Sequence[Prompt], prompt_fields: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The worker's answer to `prompt_fields` about all the prompts' pages."""
        worker = self._ensure_worker()
        pages: list[tuple[tuple[int, int], int]] = []
        chunks: list[bytes] = []
        for page in chain.from_iterable(prompt.pages for prompt in prompts):
            image = page.image if page.image.mode == "RGB" else page.image.convert("RGB")
            page_chunks = split_into_chunks(image.tobytes())
            pages.append((image.size, len(page_chunks)))
            chunks += page_chunks
        request = {
            "pages": pages,
            "generation_kwargs": dict(self.model.generation_kwargs),
            "seed": self.runtime.seed,
            **prompt_fields,
        }
        seconds = self.timeouts["reply_timeout"] * len(prompts)
        try:
            answer = worker.request_answer(request, seconds, chunks)
        except GenerationError as error:
            self._discard_worker(str(error))
            raise
        if "error" in answer:
            raise GenerationError(*answer["error"])
        return answer

    def close(self) -> None:
        """Ends the worker: what it held is free when this returns."""
        if self.worker:
            self.worker.close()
            self.worker = None

    def _ensure_worker(self) -> Worker:
        if self.worker is None:
            if len(self.crashes) > MAX_RESTARTS:
                raise GenerationError(
                    "WorkerDied",
                    f"{self.model.name}: not started again after {len(self.crashes)} deaths: "
                    f"{self.crashes[-1]}",
                )
            self._start_worker()
        assert self.worker is not None  # noqa: S101 - _start_worker() raises otherwise
        return self.worker

    def _discard_worker(self, reason: str) -> None:
        self.crashes.append(reason)
        self.close()

    def _start_worker(self) -> None:
        try:
            self.worker = Worker(resolve_interpreter(self.model, self.runtime), self.runtime.online)
        except Skip as error:
            raise make_interpreter_error(self.model, str(error)) from None
        try:
            answer = self.worker.request_answer(
                self._build_load_request(), self.timeouts["load_timeout"]
            )
        except GenerationError as error:
            self._discard_worker(f"while loading: {error}")
            raise GenerationError(
                error.kind, f"{self.model.name}: while loading: {error}"
            ) from None
        if "error" in answer:
            self.close()
            raise self._make_load_error(*answer["error"])
        self._store_environment(answer)

    def _make_load_error(self, kind: str, message: str) -> UserError:
        name, python = self.model.name, self.model.python
        if kind == "Unavailable":
            return UserError(f"{name}: {message}")
        if python and kind in IMPORT_ERRORS:
            return make_interpreter_error(
                self.model, f"python: {python} lacks what this model needs ({message})"
            )
        hint = ""
        if read_json_object(self.weights.folder / "config.json").get("auto_map"):
            hint = (
                "; it brings code of its own, which may need other versions: "
                f"vlm-lab models env {name}"
            )
        return GenerationError(kind, f"{name}: could not be loaded: {message}{hint}")

    def _build_load_request(self) -> dict[str, Any]:
        return {
            "folder": str(self.weights.folder),
            "device": self.runtime.device,
            "dtype": self.model.dtype,
            "attn_implementation": self.model.attn_implementation,
            "trust_remote_code": self.model.trust_remote_code,
            "use_safetensors": self.model.use_safetensors,
            "processor_kwargs": dict(self.model.processor_kwargs),
            "load_kwargs": dict(self.model.load_kwargs),
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
            environment={**self.environment, **answer["token_budget_note"]},
        )


def resolve_interpreter(model: Model, runtime: Runtime) -> str | None:
    """The path that `python:` names; a relative one starts where models.yaml and `cache` lie, not
    where one types."""
    if not model.python:
        return None
    return str(runtime.cache.absolute().parent / Path(model.python).expanduser())


def make_interpreter_error(model: Model, reason: str) -> Skip:
    """What is wrong with the interpreter that `python:` names, and how to get one that works."""
    return Skip(
        f"{model.name}: {reason}; correct it in models.yaml, "
        f"or make one: vlm-lab models env {model.name}"
    )


def check_renamed_settings(model: Model) -> None:
    """Names that transformers 5 no longer has; UserError says what they are called now."""
    for value in (*model.load_kwargs, *model.load_kwargs.values(), *model.backend_kwargs.values()):
        if value == "AutoModelForVision2Seq":
            raise UserError(
                f"{model.name}: {value} is gone from transformers 5; "
                "AutoModelForImageTextToText is used for every model, remove the setting"
            )
    for old_name, new_name in RENAMED_SETTINGS.items():
        if old_name in model.load_kwargs:
            raise UserError(
                f"{model.name}: load_kwargs: {old_name} is spelt `{new_name}` "
                "and stands beside load_kwargs"
            )


def parse_timeouts(model: Model) -> dict[str, float]:
    """Seconds for loading and for one reply; UserError for a key that is not known or not a
    number."""
    timeouts = {"load_timeout": LOAD_SECONDS, "reply_timeout": REPLY_SECONDS}
    for key, value in model.backend_kwargs.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if key not in timeouts or not is_number or value <= 0:
            known_keys = "load_timeout and reply_timeout, in seconds above 0"
            raise UserError(
                f"{model.name}: backend_kwargs: known are {known_keys} (got {key}: {value!r})"
            )
        timeouts[key] = float(value)
    return timeouts


def compute_choice_key(model: Model, runtime: Runtime, digest: str) -> str:
    """What device, dtype and attention were chosen *for*: another GPU, driver setting or torch
    chooses anew."""
    requested = [
        runtime.device,
        model.dtype,
        model.attn_implementation,
        dict(model.load_kwargs),
        model.python,
    ]
    versions = read_package_versions(resolve_interpreter(model, runtime))
    key_inputs = [requested, digest, versions, devices.detect_hardware()]
    text = json.dumps(key_inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_package_versions(python: str | None) -> dict[str, str | None]:
    """Versions of the packages that decide a reply, read from their metadata; nothing is imported
    or started."""
    search_paths = sys.path if python is None else list(map(str, find_site_packages(python)))
    installed = {
        (distribution.name or "").lower(): distribution.version
        for distribution in metadata.distributions(path=search_paths)
    }
    return {name: installed.get(name) for name in VERSIONED_PACKAGES}


def find_site_packages(python: str) -> list[Path]:
    """Where an interpreter's packages lie, by the layout that venv and the system use."""
    prefix = Path(python).expanduser().absolute().parent.parent
    return [*prefix.glob("lib/python3*/site-packages"), *prefix.glob("Lib/site-packages")]
