"""A case -> digests of what decides its record: so that a run that is gone on with knows which of
its answers still stand, and why others do not.

A record keeps them. They are known without asking a model, unlike the reply cache's key.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from vlm_lab.errors import UserError
from vlm_lab.suite.pages import compute_sha256
from vlm_lab.suite.prompts import render_prompt_text
from vlm_lab.types import Case, Document, Model, Suite

InputKind = Literal["prompt", "document", "reference", "settings"]
INPUT_KINDS: tuple[InputKind, ...] = ("prompt", "document", "reference", "settings")
# What a model is called, what it costs and what was decided on it change no answer.
UNDECISIVE_SETTINGS = ("name", "prompts", "status", "notes", "price")
# Of models that leave them as they are, runs from before there were these keys say nothing.
LATER_SETTINGS = {
    "serve": None,
    "serve_args": (),
    "adapter": None,
    "quantization": None,
    "image": True,
    "reader": None,
}


def compute_case_inputs(case: Case) -> Mapping[str, str]:
    """A digest of each kind of input; "" where a file cannot be read or a prompt not written."""
    document = case.document
    return {
        "prompt": _hash_prompt(case.template, document.suite, case.prompt_id),
        "document": _hash_file(document.path),
        "reference": _hash_reference(document),
        "settings": _hash_case_settings(case),
    }


def _hash_case_settings(case: Case) -> str:
    """The model's, and where its prompt shows the pages' text, all that decides that."""
    suite = case.document.suite
    settings = _hash_settings(case.model, suite.max_pages, suite.dpi)
    if case.reading is None:
        return settings
    reader_prompt = _hash_prompt(case.reading.template, suite, case.reading.prompt_id)
    return _hash_value([settings, reader_prompt, _hash_case_settings(case.reading)])


def find_changed_inputs(before: Mapping[str, str], now: Mapping[str, str]) -> list[InputKind]:
    """The kinds that differ; all of them where nobody noted what they were."""
    return [kind for kind in INPUT_KINDS if before.get(kind) != now.get(kind)]


@lru_cache(maxsize=64)
def _hash_prompt(template: str, suite: Suite, prompt_id: str) -> str:
    try:
        return _hash_value(render_prompt_text(template, suite, prompt_id))
    except UserError:
        return ""


def _hash_file(path: Path) -> str:
    try:
        return compute_sha256(path)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _hash_reference(document: Document) -> str:
    """The reference as it is read: corrections, `map` and `unwrap` have had their say."""
    labels = [document.reference, document.verified, dict(document.tags)]
    return _hash_value([labels, _hash_scoring(document.suite)])


@lru_cache(maxsize=64)
def _hash_scoring(suite: Suite) -> str:
    fields = [asdict(field) for field in suite.fields]
    return _hash_value([suite.schema, fields, asdict(suite.conventions), suite.empty])


@lru_cache(maxsize=64)
def _hash_settings(model: Model, max_pages: int, dpi: int) -> str:
    settings = asdict(model)
    for name in UNDECISIVE_SETTINGS:
        del settings[name]
    for name, usual_value in LATER_SETTINGS.items():
        if settings[name] == usual_value:
            del settings[name]
    return _hash_value([settings, max_pages, dpi])


def _hash_value(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
