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
    model: Model, prompt: Prompt, identity: Mapping[str, Any], seed: int, path: Path
) -> str:
    """sha256 over all that decides a reply. The pages follow from the file's digest, the limit and
    the dpi."""
    pages: Any = prompt.pages
    decides = {
        "format": CACHE_FORMAT,
        "document": compute_sha256(path),
        "pages": [pages.max_pages, pages.dpi, model.pages, describe_renderer()],
        "prompt": prompt.text,
        "generation": dict(model.generation_kwargs),
        "processor": dict(model.processor_kwargs),
        "load": dict(model.load_kwargs),
        "backend": [model.backend, dict(model.backend_kwargs)],
        "model": [model.model_id, model.revision],
        "identity": dict(identity),
        "seed": seed,
        "languages": prompt.languages if model.backend == "ocr" else None,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()


class ReplyCache:
    """The cache folder. What cannot be read is no reply: it is asked for again and written anew."""

    def __init__(self, folder: Path, mode: CacheMode) -> None:
        self.folder, self.mode = folder, mode
        self._adapter = TypeAdapter(Generation)

    def get(self, key: str) -> Generation | None:
        """The stored reply, marked as cached, with the seconds and environment that it was measured
        with."""
        if self.mode in ("off", "refresh"):
            return None
        try:
            stored = self._adapter.validate_json(self._build_path(key).read_bytes())
        except (OSError, ValidationError):
            return None
        return dataclasses.replace(stored, cached=True)

    def put(self, key: str, generation: Generation) -> None:
        """Stores a reply, whole or not at all: a crash in the middle leaves the old one or none."""
        if self.mode == "off":
            return
        path = self._build_path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic_private_file(path) as file:
            file.write(self._adapter.dump_json(generation))

    def _build_path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
