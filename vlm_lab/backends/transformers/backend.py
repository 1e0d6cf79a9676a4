"""Models that transformers runs, each in a worker process of its own that dies with everything it
held.

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
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")


class Transformers(Backend):
    """One loaded model. Raises Skip without weights, UserError for what is asked for and not here,
    GenerationError where loading fails."""

    can_batch = True

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
        found = weights.require_checkpoint(model, runtime.cache)
        known = devices.read_choices(
            runtime.cache, compute_choice_key(model, runtime, found.digest)
        )
        return {
            "weights": found.digest,
            **{name: known.get(name) for name in DEVICE_SETTINGS},
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
        return self._build_generation(self._request_answer([prompt], {"text": prompt.text}))

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are padded to one batch: words alone, nothing is timed or
        counted."""
        answer = self._request_answer(
            prompts, {"texts": [(prompt.text, len(prompt.pages)) for prompt in prompts]}
        )
        return [
            Generation(
                raw_response=each["text"],
                finish_reason=each["finish_reason"],
                environment=self.environment,
            )
            for each in answer["replies"]
        ]

    def _request_answer(
        self, prompts: Sequence[Prompt], words: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The worker's answer to these words about all the prompts' pages."""
        worker = self._ensure_worker()
        shown = [page.image for prompt in prompts for page in prompt.pages]
        images = [image if image.mode == "RGB" else image.convert("RGB") for image in shown]
        pages = [split_into_chunks(image.tobytes()) for image in images]
        request = {
            "pages": [(image.size, len(page)) for image, page in zip(images, pages, strict=True)],
            "generation_kwargs": dict(self.model.generation_kwargs),
            "seed": self.runtime.seed,
            **words,
        }
        seconds = self.timeouts["reply_timeout"] * len(prompts)
        try:
            answer = worker.request_answer(
                request, seconds, [piece for page in pages for piece in page]
            )
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
                    f"{self.model.name}: not started again after {len(self.crashes)} deaths: {self.crashes[-1]}",
                )
            self._start_worker()
        assert self.worker is not None  # noqa: S101 - _start() raises otherwise
        return self.worker

    def _discard_worker(self, why: str) -> None:
        self.crashes.append(why)
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
        if kind == "NotHere":
            return UserError(f"{name}: {message}")
        if python and kind in IMPORT_ERRORS:
            return make_interpreter_error(
                self.model, f"python: {python} lacks what this model needs ({message})"
            )
        own = read_json_object(self.weights.folder / "config.json").get("auto_map")
        hint = (
            f"; it brings code of its own, which may need other versions: vlm-lab models env {name}"
            if own
            else ""
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
        found = self.weights
        self.environment = {**environment, "weights": found.digest, "revision": found.revision}
        key = compute_choice_key(self.model, self.runtime, found.digest)
        devices.write_choices(
            self.runtime.cache, key, {name: environment[name]["value"] for name in DEVICE_SETTINGS}
        )

    def _build_generation(self, answer: Mapping[str, Any]) -> Generation:
        return Generation(
            raw_response=answer["text"],
            finish_reason=answer["finish_reason"],
            usage=Usage(answer["prompt_tokens"], answer["visual_tokens"], answer["output_tokens"]),
            timing=Timing(*answer["timing"]),
            mean_logprob=answer["mean_logprob"],
            tokens=tuple((text, value) for text, value in answer["tokens"]),
            image_sizes=tuple((width, height) for width, height in answer["image_sizes"]),
            peak_memory_bytes=answer["peak_memory_bytes"],
            environment={**self.environment, **answer["room"]},
        )


def resolve_interpreter(model: Model, runtime: Runtime) -> str | None:
    """The path that `python:` names; a relative one starts where models.yaml and `cache` lie, not
    where one types."""
    return (
        str(runtime.cache.absolute().parent / Path(model.python).expanduser())
        if model.python
        else None
    )


def make_interpreter_error(model: Model, why: str) -> Skip:
    """What is wrong with the interpreter that `python:` names, and how to get one that works."""
    return Skip(
        f"{model.name}: {why}; correct it in models.yaml, or make one: vlm-lab models env {model.name}"
    )


def check_renamed_settings(model: Model) -> None:
    """Names that transformers 5 no longer has; UserError says what they are called now."""
    for value in (*model.load_kwargs, *model.load_kwargs.values(), *model.backend_kwargs.values()):
        if value == "AutoModelForVision2Seq":
            raise UserError(f"{model.name}: {value} is gone from transformers 5; AutoModelForImageTextToText is used "
                            "for every model, remove the setting")  # fmt: skip
    for old, new in {
        "torch_dtype": "dtype",
        "use_flash_attention_2": "attn_implementation",
    }.items():
        if old in model.load_kwargs:
            raise UserError(
                f"{model.name}: load_kwargs: {old} is spelt `{new}` and stands beside load_kwargs"
            )


def parse_timeouts(model: Model) -> dict[str, float]:
    """Seconds for loading and for one reply; UserError for a key that is not known or not a
    number."""
    known = {"load_timeout": LOAD_SECONDS, "reply_timeout": REPLY_SECONDS}
    for key, value in model.backend_kwargs.items():
        if (
            key not in known
            or isinstance(value, bool)
            or not isinstance(value, int | float)
            or value <= 0
        ):
            wanted = "load_timeout and reply_timeout, in seconds above 0"
            raise UserError(
                f"{model.name}: backend_kwargs: known are {wanted} (got {key}: {value!r})"
            )
        known[key] = float(value)
    return known


def compute_choice_key(model: Model, runtime: Runtime, digest: str) -> str:
    """What device, dtype and attention were chosen *for*: another GPU, driver setting or torch
    chooses anew."""
    asked = [
        runtime.device,
        model.dtype,
        model.attn_implementation,
        dict(model.load_kwargs),
        model.python,
    ]
    text = json.dumps(
        [
            asked,
            digest,
            read_package_versions(resolve_interpreter(model, runtime)),
            devices.detect_hardware(),
        ],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_package_versions(python: str | None) -> dict[str, str | None]:
    """Versions of the packages that decide a reply, read from their metadata; nothing is imported
    or started."""
    where = sys.path if python is None else [str(path) for path in find_site_packages(python)]
    found = {(each.name or "").lower(): each.version for each in metadata.distributions(path=where)}
    return {name: found.get(name) for name in VERSIONED_PACKAGES}


def find_site_packages(python: str) -> list[Path]:
    """Where an interpreter's packages lie, by the layout that venv and the system use."""
    prefix = Path(python).expanduser().absolute().parent.parent
    return [*prefix.glob("lib/python3*/site-packages"), *prefix.glob("Lib/site-packages")]
