"""What a stored reply is found again by, and what of it is written."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlm_lab.backends import resolve_backend
from vlm_lab.messages import in_english
from vlm_lab.run import reply_cache
from vlm_lab.run.reply_cache import ReplyCache, compute_reply_key
from vlm_lab.suite.pages import Pages
from vlm_lab.types import Generation, Model, Prompt

SERVER = {"base_url": "http://127.0.0.1:1/v1"}
STRICT_SERVER = {**SERVER, "response_format": "json_schema"}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8)).save(tmp_path / "d.png")
    return tmp_path / "d.png"


def key_of(document: Path, backend: str, kwargs: Mapping[str, Any], **changed: Any) -> str:
    model = Model(name="m", model_id="x", backend=backend, backend_kwargs=kwargs)
    prompt = Prompt(
        id="p", text="Read.", pages=Pages(document, 4, 150), document_id="d", document_name="d"
    )
    prompt = replace(prompt, **changed)
    cache_inputs = resolve_backend(backend).cache_inputs(model, prompt)
    return compute_reply_key(model, prompt, {}, cache_inputs, 0, document, "single-stream")


@pytest.mark.parametrize(
    ("backend", "kwargs", "changed", "decides"),
    [
        ("ocr", {}, {"languages": ("ru",)}, True),
        ("ocr", {}, {"schema": {"type": "object"}}, False),
        ("openai", STRICT_SERVER, {"schema": {"type": "object"}}, True),
        ("openai", STRICT_SERVER, {"languages": ("ru",)}, False),
        ("openai", SERVER, {"schema": {"type": "object"}}, False),
        ("transformers", {}, {"schema": {"type": "object"}, "languages": ("ru",)}, False),
    ],
)
def test_a_backend_says_what_of_a_prompt_decides_its_replies(
    document: Path, backend: str, kwargs: Mapping[str, Any], changed: Any, decides: bool
) -> None:
    before, after = key_of(document, backend, kwargs), key_of(document, backend, kwargs, **changed)
    assert (before != after) is decides


def test_variables_of_the_chat_template_decide_a_reply(document: Path) -> None:
    prompt = Prompt(
        id="p", text="Read.", pages=Pages(document, 4, 150), document_id="d", document_name="d"
    )
    plain = Model(name="m", model_id="x", chat_template_kwargs={"enable_thinking": False})
    thinking = replace(plain, chat_template_kwargs={"enable_thinking": True})
    keys = {
        compute_reply_key(model, prompt, {}, {}, 0, document, "single-stream")
        for model in (plain, thinking, replace(plain, chat_template_kwargs={}))
    }
    assert len(keys) == 3


def test_a_reply_knows_its_key_and_does_not_write_it(tmp_path: Path) -> None:
    cache, key = ReplyCache(tmp_path, "use"), "ab" * 32
    generation = Generation(raw_response="{}", reply_key=key)
    cache.put(generation)
    assert cache.get(key) == replace(generation, cached=True)
    (path,) = tmp_path.glob("*/*.json")
    assert "reply_key" not in json.loads(path.read_text())


def test_a_reply_without_a_key_is_not_kept(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path, "use")
    cache.put(Generation(raw_response="{}"))
    assert list(tmp_path.iterdir()) == []
    assert cache.get(None) is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "RO")])
def test_a_cache_that_cannot_be_written_costs_no_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    cache, key = ReplyCache(tmp_path / "replies", "use"), "ab" * 32

    def refuse(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(reply_cache, "atomic_private_file", refuse)
    cache.put(Generation(raw_response="{}", reply_key=key))
    assert cache.get(key) is None
    assert cache.refusal is not None
    assert f"{tmp_path / 'replies'}: cannot be written ({error.strerror})" in in_english(
        cache.refusal
    )


def test_half_a_character_in_a_reply_is_stored_as_it_is(tmp_path: Path) -> None:
    cache, key = ReplyCache(tmp_path, "use"), "ab" * 32
    cache.put(Generation(raw_response="half \ud83d", reply_key=key))
    stored = cache.get(key)
    assert stored is not None
    assert stored.raw_response == "half \ud83d"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"raw_response": 1}', "[" * 100_000])
def test_half_a_reply_is_none(tmp_path: Path, text: str) -> None:
    cache, key = ReplyCache(tmp_path, "use"), "ab" * 32
    cache.put(Generation(raw_response="{}", reply_key=key))
    (path,) = tmp_path.glob("*/*.json")
    path.write_text(text)
    assert cache.get(key) is None


@pytest.mark.parametrize(
    ("mode", "asked_for", "is_recorded", "found"),
    [
        ("use", "this run", False, "own"),
        ("use", "this run", True, "cached"),
        ("use", "another run", False, "cached"),
        ("refresh", "this run", False, "own"),
        ("refresh", "this run", True, None),
        ("refresh", "another run", False, None),
    ],
)
def test_a_reply_whose_record_a_crash_took_is_the_runs_own(
    tmp_path: Path, mode: reply_cache.CacheMode, asked_for: str, is_recorded: bool, found: str
) -> None:
    key = "ab" * 32
    for name in ("this run", "another run"):
        (tmp_path / name).mkdir()
    before = ReplyCache(tmp_path / "replies", mode)
    before.begin_run(tmp_path / asked_for)
    before.put(Generation(raw_response="{}", reply_key=key))
    head = {"suite": "s", "model": "m", "prompt_id": "p", "document": "d", "reply_key": key}
    if is_recorded:
        (tmp_path / "this run" / "records.jsonl").write_text(json.dumps(head) + "\n")
    cache = ReplyCache(tmp_path / "replies", mode)
    cache.begin_run(tmp_path / "this run")
    reply = cache.get(key)
    assert (reply and ("cached" if reply.cached else "own")) == found
    assert type(reply) in (Generation, type(None))
