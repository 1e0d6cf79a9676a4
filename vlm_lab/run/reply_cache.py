"""The reply cache: a reply is found again by everything that decided it, and by nothing else.

A document that was renamed, a new reference or a new scoring rule need no model; another dpi,
another word in the prompt, another commit of the weights do. One JSON file a reply under
cache/replies/, private to its user.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from vlm_lab.files import atomic_private_file
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
) -> str:
    """sha256 over all that decides a reply: `identity` is the backend's, `cache_inputs` what it
    takes of the prompt beside text and pages. The pages follow from the file's digest, the limit
    and the dpi."""
    pages: Any = prompt.pages
    key_inputs = {
        "format": CACHE_FORMAT,
        "document": compute_sha256(path),
        "pages": [pages.max_pages, pages.dpi, model.pages, describe_renderer()],
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
    return hashlib.sha256(json.dumps(key_inputs, sort_keys=True, default=str).encode()).hexdigest()


class ReplyCache:
    """The cache folder. What cannot be read is no reply: it is asked for again and written anew."""

    def __init__(self, folder: Path, mode: CacheMode) -> None:
        self.folder, self.mode = folder, mode
        self._adapter = TypeAdapter(Generation)

    def get(self, key: str | None) -> Generation | None:
        """The stored reply, marked as cached, with the seconds and environment that it was measured
        with; None without a key."""
        if key is None or self.mode in ("off", "refresh"):
            return None
        try:
            stored = self._adapter.validate_json(self._build_path(key).read_bytes())
        except (OSError, ValidationError):
            return None
        return dataclasses.replace(stored, cached=True, reply_key=key)

    def put(self, generation: Generation) -> None:
        """Stores a reply under its key, whole or not at all: a crash in the middle leaves the old
        one or none. A reply without a key is not stored."""
        if self.mode == "off" or generation.reply_key is None:
            return
        path = self._build_path(generation.reply_key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic_private_file(path) as file:
            file.write(self._adapter.dump_json(generation, exclude={"reply_key"}))

    def _build_path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
