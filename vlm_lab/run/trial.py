"""A candidate, tried on a few pages -> what somebody who has its weights can tell others.

Figures, versions and names of classes and settings: no value, no reply, no text and no name of a
document, no path, and no name of a machine or its user. What failed is told by its kind alone.
"""

import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.backends.transformers import weights
from vlm_lab.backends.transformers.devices import detect_hardware
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.parsing import parse
from vlm_lab.types import Case, Model, Prompt

CHOICE_NAMES = ("device", "dtype", "attn_implementation")
CLASS_NAMES = ("model_class", "processor", "image_processor")
VERSION_NAMES = ("python", "torch", "transformers")
SETTING_NAMES = (
    "dtype", "attn_implementation", "pages", "image", "dpi", "processor_kwargs", "load_kwargs",
    "chat_template_kwargs", "generation_kwargs",
)  # fmt: skip
TOLD_WORD = re.compile(r"[A-Za-z_][\w.+-]{0,60}")  # no path, no sentence
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTrial:
    """One page: its pixels, the visual tokens that were predicted and counted, what the reply took,
    and whether it is one. `error` is the kind of what went wrong."""

    size: tuple[int, int] | None = None
    predicted_tokens: int | None = None
    counted_tokens: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    status: str = "error"
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All that is told. `model_id` is "" where it is no name of the hub. `chosen` are device, dtype
    and attention, and the classes that were loaded."""

    model_id: str
    model_type: str
    revision: str | None
    backend: str
    date: str
    hardware: tuple[str, ...]
    vlm_lab: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    chat_template: Mapping[str, Any] = field(default_factory=dict)
    load_seconds: float | None = None
    pages: tuple[PageTrial, ...] = ()
    error: str = ""

    @property
    def predictions(self) -> list[bool]:
        """Of each page of which both are known, whether its visual tokens are as predicted."""
        return [
            page.predicted_tokens == page.counted_tokens
            for page in self.pages
            if page.predicted_tokens is not None and page.counted_tokens is not None
        ]

    @property
    def peak_memory_bytes(self) -> int | None:
        """Of the page that took most."""
        known = [page.peak_memory_bytes for page in self.pages if page.peak_memory_bytes]
        return max(known, default=None)


def try_candidate(
    candidate: Candidate, cases: Sequence[Case], prompts: Sequence[Prompt]
) -> tuple[Trial, list[UserError]]:
    """Loads the candidate and asks it each prompt: what is told, and what went wrong, which is for
    whoever typed the command."""
    trial = describe_model(candidate)
    start_time = time.perf_counter()
    try:
        candidate.load()
    except UserError as error:
        return replace(trial, error=tell_kind(error)), [error]
    trial = replace(trial, load_seconds=time.perf_counter() - start_time)
    pages: list[PageTrial] = []
    errors: list[UserError] = []
    for case, prompt in zip(cases, prompts, strict=True):
        try:
            page, environment = _try_page(candidate, case, prompt)
        except UserError as error:
            errors.append(error)
            pages.append(PageTrial(error=tell_kind(error)))
        else:
            pages.append(page)
            trial = _add_environment(trial, environment)
    return replace(trial, pages=tuple(pages)), errors


def describe_model(candidate: Candidate) -> Trial:
    """What is known before it is loaded."""
    model = candidate.model
    checkpoint = weights.find_checkpoint(model, candidate.runtime.cache)
    config = read_json_object(checkpoint.folder / "config.json") if checkpoint else {}
    return Trial(
        model_id=model.model_id if HUB_ID.fullmatch(model.model_id) else "",
        model_type=str(_tell(config.get("model_type", ""))),
        revision=checkpoint.revision if checkpoint else None,
        backend="own" if model.has_own_backend else model.backend,
        date=datetime.now(UTC).date().isoformat(),
        hardware=tuple(name for name in detect_hardware() if "=" not in name),
        vlm_lab=version("vlm-lab"),
        settings=_tell_settings(model),
        versions={"python": platform.python_version()},
    )


def _try_page(
    candidate: Candidate, case: Case, prompt: Prompt
) -> tuple[PageTrial, Mapping[str, Any]]:
    sizes = [page.size for page in prompt.pages]
    start_time = time.perf_counter()
    reply = candidate.generate(prompt)
    seconds = time.perf_counter() - start_time
    prediction = parse(replace(reply, fields=case.document.suite.fields))
    page = PageTrial(
        size=sizes[0] if sizes else None,
        predicted_tokens=candidate.predict_visual_tokens(sizes),
        counted_tokens=reply.usage.visual_tokens,
        prompt_tokens=reply.usage.prompt_tokens,
        output_tokens=reply.usage.output_tokens,
        seconds=seconds,
        peak_memory_bytes=reply.peak_memory_bytes,
        status=prediction.status,
    )
    return page, reply.environment


def _add_environment(trial: Trial, environment: Mapping[str, Any]) -> Trial:
    """What a worker says it loaded, and with what."""
    chosen = {
        name: choice["value"]
        for name in CHOICE_NAMES
        if isinstance(choice := environment.get(name), Mapping)
    }
    classes = {name: environment[name] for name in CLASS_NAMES if name in environment}
    versions = {name: environment[name] for name in VERSION_NAMES if name in environment}
    template = environment.get("chat_template") or {}
    return replace(
        trial,
        chosen=_tell({**chosen, **classes}),
        versions={**trial.versions, **_tell_versions(versions)},
        chat_template=_tell({key: template.get(key) for key in ("value", "name", "content")}),
    )


def _tell_settings(model: Model) -> dict[str, Any]:
    told: dict[str, Any] = _tell({name: getattr(model, name) for name in SETTING_NAMES})
    return told


def _tell_versions(versions: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:40] for name, value in versions.items()}


def _tell(value: Any) -> Any:
    """Numbers and single words of a setting; a path or a sentence becomes a mark that there is
    one."""
    if isinstance(value, Mapping):
        return {str(_tell(str(key))): _tell(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_tell(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and TOLD_WORD.fullmatch(value) else "..."


def tell_kind(error: UserError) -> str:
    """The kind of an error, which a backend of one's own may have made up."""
    return error.kind if TOLD_WORD.fullmatch(error.kind) else "Error"
