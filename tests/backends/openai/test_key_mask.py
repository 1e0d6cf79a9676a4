"""A server that repeats its key in any of the forms listed: none of them is written or shown."""

import base64
import html
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from tests.servers import Step, chunk, completion, serving
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.openai.key_mask import MASK, KeyMask
from vlm_lab.errors import GenerationError
from vlm_lab.types import Model, Page, Prompt, Runtime

KEY = 'k3y/+"\\=&geheim-4711'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a header": lambda key: f"authorization: Bearer {key}\r\nHost: a",
    "JSON": lambda key: json.dumps({"said": key}),
    "JSON with slashes": lambda key: json.dumps(key).replace("/", "\\/"),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key)),
    "URL": lambda key: f"?token={quote(key, safe='')}",
    "URL in lower case": lambda key: quote(key, safe="").replace("%2F", "%2f").lower(),
    "URL path": lambda key: quote(key),
    "HTML": html.escape,
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base64 of Basic": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "base64 of Bearer": lambda key: base64.b64encode(f"Bearer {key}, please".encode()).decode(),
}


def make_prompt() -> Prompt:
    page = Page.from_image(0, Image.new("RGB", (8, 8)))
    return Prompt(id="default", text="read", pages=[page], document_id="a", document_name="a")


@pytest.fixture
def backend_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], OpenAI]:
    monkeypatch.setenv("MY_KEY", KEY)

    def make(url: str) -> OpenAI:
        settings = {"base_url": url, "api_key_env": "MY_KEY", "retries": 0}
        model = Model(name="m", model_id="x", backend="openai", backend_kwargs=settings)
        return OpenAI(model, Runtime(Path("cache")))

    return make


def shows_key(text: str) -> bool:
    """Whether a word of the key stands in a text, or in what its base64 says."""
    texts = [text]
    for digits in re.findall(r"[\w+/-]{6,}", text, re.ASCII):
        for start in range(4):
            whole = digits[start : start + (len(digits) - start) // 4 * 4]
            decoded = base64.b64decode(whole.translate(str.maketrans("-_", "+/")))
            texts.append(decoded.decode("latin-1"))
    return any(word in each for word in ("k3y", "geheim", "4711") for each in texts)


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_masked(name: str) -> None:
    text = FORMS[name](KEY)
    masked = KeyMask(KEY).mask(f"you sent {text}, did you not?")
    assert MASK in masked
    assert not shows_key(masked)


def test_what_is_no_key_stays() -> None:
    reply = json.dumps({"total": "119.00", "seller": "Schlüssel & Söhne"})
    assert KeyMask(KEY).mask(reply) == reply
    assert KeyMask(None).mask(reply) == reply
    assert KeyMask("a").mask(reply) == reply


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("place", ["refusal", "no JSON", "error with 200", "answer"])
def test_a_server_that_repeats_it_does_not_bring_it_into_a_record(
    backend_of: Callable[[str], OpenAI], name: str, place: str
) -> None:
    told = FORMS[name](KEY)
    steps = {
        "refusal": Step(told.encode(), 400),
        "no JSON": Step(f"{'x' * 180}{told}".encode()),  # cut in its middle
        "error with 200": Step(json.dumps({"error": told}).encode()),
        "answer": Step(completion(told)),
    }
    with serving(steps[place]) as server:
        backend = backend_of(server.url)
        try:
            shown = json.dumps(asdict(backend.generate(make_prompt())), ensure_ascii=False)
        except GenerationError as error:
            shown = str(error)
        finally:
            backend.close()
    assert not shows_key(shown)


def test_a_stream_that_repeats_it_in_pieces(backend_of: Callable[[str], OpenAI]) -> None:
    pieces = [chunk(letter) for letter in f"<{KEY}>"]
    with serving(Step(b"".join(pieces) + chunk("", "stop") + b"data: [DONE]\n\n")) as server:
        backend = backend_of(server.url)
        reply = backend.generate(make_prompt())
        backend.close()
    assert reply.raw_response == f"<{MASK}>"
