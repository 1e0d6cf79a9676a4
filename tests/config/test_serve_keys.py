"""`serve` in models.yaml: what starts a program is right before anything runs, or an error."""

from pathlib import Path

import pytest

from vlm_lab.config.models_file import load_candidates
from vlm_lab.errors import UserError
from vlm_lab.types import Model


def load(folder: Path, keys: str, backend: str = "openai") -> Model:
    path = folder / "models.yaml"
    path.write_text(
        f"models:\n  - name: a\n    model_id: hub/a\n    backend: {backend}\n    {keys}\n"
    )
    return load_candidates([path]).models[0]


@pytest.mark.parametrize(
    ("keys", "serve", "serve_args"),
    [
        ("serve: vllm", "vllm", ()),
        ("serve: llama.cpp\n    serve_args: [--ctx-size, 8192]", "llama.cpp",
         ("--ctx-size", "8192")),
        ("serve: sglang\n    serve_args: [--mem-fraction-static, 0.8]", "sglang",
         ("--mem-fraction-static", "0.8")),
        ('serve: [my-server, "{model_id}", "--port={port}", 7]',
         ("my-server", "{model_id}", "--port={port}", "7"), ()),
        ('serve: [x, "{port}", \'{"image": 1}\']', ("x", "{port}", '{"image": 1}'), ()),
        ("dtype: auto", None, ()),
    ],
)  # fmt: skip
def test_engines_and_commands(tmp_path: Path, keys: str, serve: object, serve_args: object) -> None:
    model = load(tmp_path, keys)
    assert (model.serve, model.serve_args) == (serve, serve_args)
    hash(model)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "serve: vlm",
            "models.yaml:5: models[0].serve: no engine 'vlm'; did you mean 'vllm'? A command of"
            ' your own is a list: [program, ..., "{port}"]',
        ),
        ("serve: tgi", "known: llama.cpp, sglang, vllm. A command of your own is a list: [pro"),
        ("serve: [my-server, --port, 8000]", 'serve: needs an item "{port}"'),
        ("serve: []", 'serve: needs an item "{port}"'),
        ('serve: [my-server, "{port}", "{model}"]', "serve[2]: no placeholder '{model}'"),
        ('serve: [my-server, "{port}", true]', "serve[2]: must be a text or a number (got True)"),
        ('serve: [my-server, "{port}", [x]]', "serve[2]: must be a text or a number"),
        ('serve: [my-server, "{port}", "a\\0b"]', "serve[2]: holds a character"),
        ("serve: {vllm: yes}", "serve: must be llama.cpp, sglang, vllm or a command as a list"),
        ("serve: true", "serve: must be llama.cpp, sglang, vllm or a command as a list"),
        ("serv: vllm", "unknown key 'serv'; did you mean 'serve'?"),
        ("serve: vllm\n    serve_arg: [x]", "did you mean 'serve_args'?"),
        ("serve: vllm\n    serve_args: --max-model-len 4096", "serve_args: must be a list"),
        ("serve: vllm\n    serve_args: [--host, 0.0.0.0]", "serve_args[0]: --host is set"),
        ("serve: vllm\n    serve_args: [-x, 1, --api-key=x]", "serve_args[2]: --api-key is set"),
        ("serve_args: [--seed, 1]", "serve_args: is for a server that `serve` starts"),
        ('serve: [x, "{port}"]\n    serve_args: [y]', "write further arguments into the list"),
        ("backend_kwargs: {serve: vllm}", "backend_kwargs.serve: stands beside backend_kwargs"),
        (
            "serve: vllm\n    backend_kwargs: {base_url: 'http://127.0.0.1:1/v1'}",
            "base_url: names a server that runs already, and `serve` starts one: remove one",
        ),
        ("serve: vllm\n    backend_kwargs: {api_key_env: K}", "api_key_env: names the key of"),
    ],
)  # fmt: skip
def test_what_cannot_be_started_is_said_with_its_line(tmp_path: Path, keys: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, keys)
    assert said in str(caught.value)
    assert "models.yaml:" in str(caught.value)


@pytest.mark.parametrize("backend", ["transformers", "ocr", "echo:Echo"])
def test_it_is_for_one_backend(tmp_path: Path, backend: str) -> None:
    with pytest.raises(UserError, match="serve: starts a server for `backend: openai`"):
        load(tmp_path, "serve: vllm", backend)
