"""The reply cache: a reply is found again by everything that decided it, and by nothing else.

A document that was renamed, a new reference or a new scoring rule need no model; another dpi,
another word in the prompt, another commit of the weights do. One JSON file a reply under
cache/replies/, private to its user.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_private_file,
    make_private_folder,
    read_bounded_bytes,
)
from vlm_lab.messages import Message
from vlm_lab.records.record_lines import encode_json_line, validate_json_line
from vlm_lab.records.run_folder import read_reply_keys
from vlm_lab.suite.pages import compute_sha256, describe_renderer
from vlm_lab.types import Generation, Model, Prompt

CacheMode = Literal["use", "refresh", "only", "off"]
CACHE_FORMAT = 1  # raised when a stored reply would no longer mean the same


def compute_reply_key(
    model: Model,
    prompt: Prompt,
    identity: Mapping[str, Any],
    cache_inputs: Mapping[str, Any],
    seed: int,
    path: Path,
    scenario: str,
) -> str:
    """sha256 over all that decides a reply: `identity` is the backend's, `cache_inputs` what it
    takes of the prompt beside text and pages. The pages follow from the file's digest, the limit
    and the dpi; a model that is sent text alone gets none. What was asked beside others is another
    reply, and has no seconds of its own."""
    pages: Any = prompt.pages
    key_inputs = {
        "format": CACHE_FORMAT,
        "document": compute_sha256(path),
        "pages": [pages.max_pages, pages.dpi, model.pages, describe_renderer()]
        if model.image
        else [],
        "prompt": prompt.text,
        "generation": dict(model.generation_kwargs),
        "processor": dict(model.processor_kwargs),
        "chat_template": dict(model.chat_template_kwargs),
        "load": dict(model.load_kwargs),
        "backend": [model.backend, dict(model.backend_kwargs)],
        "model": [model.model_id, model.revision],
        "identity": dict(identity),
        "seed": seed,
        "prompt_inputs": dict(cache_inputs),
    }
    if scenario != "single-stream":
        key_inputs["scenario"] = scenario
    return hashlib.sha256(json.dumps(key_inputs, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReply(Generation):
    """A reply as it lies in the cache, with the folder of the run that it was asked for."""

    run: str = ""


class ReplyCache:
    """The cache folder. What cannot be read is no reply: it is asked for again and written anew.
    `refusal` says why a reply was not stored."""

    def __init__(self, folder: Path, mode: CacheMode) -> None:
        self.folder, self.mode = folder, mode
        self._run = ""
        self._recorded_keys: set[str] = set()
        self.refusal: Message | None = None

    def begin_run(self, folder: Path) -> None:
        """From now on replies are asked for this run, which has records of some already."""
        self._run = str(folder.resolve())
        self._recorded_keys = read_reply_keys(folder)

    def get(self, key: str | None, is_fresh: bool = False) -> Generation | None:
        """The stored reply, marked as cached, with the seconds and environment that it was measured
        with; None without a key. Where a crash came between a reply of this run and its record, it
        is this run's own and no cached one. One that `is_fresh` was asked for in this run, and is
        not asked for once more."""
        if key is None or self.mode == "off":
            return None
        try:
            stored = validate_json_line(
                StoredReply, read_bounded_bytes(self._build_path(key), MAX_DATA_BYTES)
            )
        except (OSError, ValueError):
            return None
        is_own = stored.run == self._run != "" and key not in self._recorded_keys
        if self.mode == "refresh" and not (is_own or is_fresh):
            return None
        values = {field.name: getattr(stored, field.name) for field in fields(Generation)}
        return Generation(**{**values, "cached": not is_own, "reply_key": key})

    def put(self, generation: Generation) -> None:
        """Stores a reply under its key, whole or not at all: a crash in the middle leaves the old
        one or none. A reply without a key is not stored. Where the disk takes none, `refusal` says
        so: the answer goes into the run's records all the same."""
        if self.mode == "off" or generation.reply_key is None:
            return
        self._recorded_keys.add(generation.reply_key)
        path = self._build_path(generation.reply_key)
        values = {field.name: getattr(generation, field.name) for field in fields(Generation)}
        stored = StoredReply(**values, run=self._run)
        try:
            make_private_folder(path.parent, self.folder)
            with atomic_private_file(path) as file:
                file.write(encode_json_line(stored, exclude={"reply_key"}))
        except OSError as error:
            figures = {"path": str(self.folder), "said": error.strerror or str(error)}
            self.refusal = Message("cache_not_written", figures)

    def _build_path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
