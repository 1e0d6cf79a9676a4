"""Which program is started for a model, with which arguments, and what of them a reply is known
by. No engine is here: programs are scripts that say a version."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.openai.engine_arguments import build_vllm_arguments
from vlm_lab.backends.openai.engine_launch import describe_engine, find_not_sent, plan_launch
from vlm_lab.errors import Skip, UserError
from vlm_lab.types import Model, Runtime

COMMIT = "4" * 40


def write_program(path: Path, output: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output or 7}'\n")
    path.chmod(0o755)
    return path


def write_environment(folder: Path, package: str, version: str) -> Path:
    """An interpreter whose environment has a package."""
    information = folder / "lib" / "python3.11" / "site-packages" / f"{package}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    )
    return write_program(folder / "bin" / "python")


@pytest.fixture
def folder(checkpoint: Callable[[str], Path]) -> Path:
    return checkpoint("qwen2_vl")


def build_model(model_id: object, serve: str | tuple[str, ...] = "vllm", **keys: Any) -> Model:
    return Model(name="m", model_id=str(model_id), backend="openai", serve=serve, **keys)


@pytest.mark.parametrize(
    ("keys", "device", "wanted"),
    [
        ({}, "auto", ["--load-format", "safetensors"]),
        ({"pages": "each", "image": False}, "auto", ["--load-format", "safetensors"]),
        ({"dtype": "bfloat16"}, "auto", ["--load-format", "safetensors", "--dtype", "bfloat16"]),
        (
            {"pages": "each", "serve_args": ("--max-num-seqs", "16")},
            "cuda:1",
            ["--load-format", "safetensors", "--limit-mm-per-prompt", '{"image": 1, "video": 0}',
             "--max-num-seqs", "16"],
        ),
    ],
)  # fmt: skip
def test_vllm_gets_what_the_entry_says(
    tmp_path: Path, folder: Path, keys: dict[str, Any], device: str, wanted: list[str]
) -> None:
    python = write_environment(tmp_path / "envs" / "vllm", "vllm", "0.32.0")
    model = build_model(folder, python="envs/vllm/bin/python", **keys)
    launch = plan_launch(model, Runtime(tmp_path / "cache", device=device))
    assert launch.label == "vllm 0.32.0"
    assert launch.fill_command(4711) == [
        str(python),
        *("-m", "vllm.entrypoints.cli.main", "serve", str(folder.absolute())),
        *("--served-model-name", str(folder), "--host", "127.0.0.1", "--port", "4711"),
        *("--generation-config", "vllm", "--max-model-len", "auto"),
        *wanted,
    ]
    assert launch.variables.get("CUDA_VISIBLE_DEVICES") == ("1" if device == "cuda:1" else None)
    assert launch.variables["PATH"].split(os.pathsep)[0] == str(python.parent)


def test_pickles_are_loaded_only_where_the_entry_allows_them(folder: Path) -> None:
    for allowed in (True, False):
        model = build_model(folder, use_safetensors=allowed)
        arguments = list(build_vllm_arguments(model, Runtime(Path("cache")), folder))
        assert ("safetensors" in arguments) is allowed


def test_a_pixel_budget_is_told_in_the_familys_words(tmp_path: Path, folder: Path) -> None:
    write_environment(tmp_path / "env", "vllm", "1")
    keys: dict[str, Any] = {"python": "env/bin/python"}
    model = build_model(folder, processor_kwargs={"max_visual_tokens": 64}, **keys)
    arguments = plan_launch(model, Runtime(tmp_path / "cache")).command
    budget = json.loads(arguments[arguments.index("--mm-processor-kwargs") + 1])
    assert "max_visual_tokens" not in budget
    assert budget
    assert find_not_sent(model) == []
    other = build_model(folder, "sglang", processor_kwargs={"max_visual_tokens": 64})
    assert find_not_sent(other) == ["processor_kwargs"]


def test_sglang_is_a_module_of_its_interpreter(tmp_path: Path, folder: Path) -> None:
    write_environment(tmp_path / "env", "sglang", "0.5")
    model = build_model(folder, "sglang", python="env/bin/python", dtype="float16")
    launch = plan_launch(model, Runtime(tmp_path / "cache", device="cpu"))
    assert launch.label == "sglang 0.5"
    assert launch.fill_command(1)[1:] == [
        *("-m", "sglang.launch_server", "--model-path", str(folder.absolute())),
        *("--served-model-name", str(folder), "--host", "127.0.0.1", "--port", "1"),
        *("--sampling-defaults", "openai", "--load-format", "safetensors"),
        *("--dtype", "float16", "--device", "cpu"),
    ]
    assert launch.variables["CUDA_VISIBLE_DEVICES"] == ""


def test_llama_cpp_takes_a_file_and_the_projector_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = write_program(tmp_path / "bin" / "llama-server", "version: 6123 (abcdef0)")
    monkeypatch.setenv("PATH", str(program.parent))
    (tmp_path / "gguf").mkdir()
    (tmp_path / "gguf" / "reader-q4.gguf").write_bytes(b"GGUF")
    (tmp_path / "gguf" / "mmproj-reader.gguf").write_bytes(b"GGUF projector")
    model = build_model("gguf/reader-q4.gguf", "llama.cpp", serve_args=("--ctx-size", "8192"))
    runtime = Runtime(tmp_path / "cache", device="cpu")
    launch = plan_launch(model, runtime)
    assert launch.label == "llama.cpp 6123 (abcdef0)"
    assert launch.fill_command(9) == [
        str(program),
        *("--model", str(tmp_path / "gguf" / "reader-q4.gguf")),
        *("--alias", "gguf/reader-q4.gguf", "--host", "127.0.0.1", "--port", "9"),
        *("--mmproj", str(tmp_path / "gguf" / "mmproj-reader.gguf")),
        *("--device", "none", "--ctx-size", "8192"),
    ]
    before = describe_engine(model, runtime)
    (tmp_path / "gguf" / "mmproj-reader.gguf").write_bytes(b"GGUF another")
    assert describe_engine(model, runtime)["weights"] != before["weights"]


def test_what_a_reply_is_known_by(tmp_path: Path, folder: Path) -> None:
    """Engine, version, arguments and weights; neither a port nor where the weights lie."""
    write_environment(tmp_path / "old", "vllm", "0.31.0")
    write_environment(tmp_path / "new", "vllm", "0.32.0")
    runtime = Runtime(tmp_path / "cache")
    models = [
        build_model(folder, python="old/bin/python"),
        build_model(folder, python="new/bin/python"),
        build_model(folder, python="new/bin/python", dtype="float32"),
        build_model(folder, python="new/bin/python", serve_args=("--enforce-eager",)),
        build_model(folder, ("vllm", "serve", "{model_id}", "--port", "{port}")),
    ]
    identities = [json.dumps(OpenAI.identity(model, runtime)) for model in models]
    assert len(set(identities)) == len(identities)
    again = OpenAI.identity(models[1], runtime)
    assert json.dumps(again) == identities[1]
    assert again["server"]["version"] == "0.32.0"
    arguments = again["server"]["arguments"]
    assert str(folder.absolute()) not in arguments[:2]
    assert {"{checkpoint}", "{port}"} <= set(arguments)


@pytest.mark.parametrize(
    ("serve", "keys", "said"),
    [
        ("vllm", {}, "m: no program vllm on PATH; name the interpreter.*models env m"),
        ("vllm", {"python": "none/bin/python"}, "python: .*none/bin/python does not start"),
        ("vllm", {"python": "bare/bin/python"}, "bare/bin/python has no package vllm.*env m"),
        ("sglang", {"python": "bare/bin/python"}, "bare/bin/python has no package sglang"),
        ("llama.cpp", {}, "no file .*; llama.cpp loads a GGUF file"),
    ],
)
def test_what_is_missing_skips_with_the_next_command(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: str,
    keys: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    write_environment(tmp_path / "bare", "pip", "1")
    with pytest.raises(Skip, match=said):
        plan_launch(build_model(folder, serve, **keys), Runtime(tmp_path / "cache"))


def test_missing_weights_skip_and_code_runs_only_where_it_is_pinned(
    tmp_path: Path, folder: Path
) -> None:
    write_environment(tmp_path / "env", "vllm", "1")
    runtime = Runtime(tmp_path / "cache")
    keys: dict[str, Any] = {"python": "env/bin/python"}
    model = build_model("acme/reader", **keys)
    assert not OpenAI.is_here(model, runtime)
    with pytest.raises(Skip, match="no weights of acme/reader.*weights fetch m"):
        plan_launch(model, runtime)
    snapshot = tmp_path / "cache" / "hub" / "models--acme--reader" / "snapshots" / COMMIT
    shutil.copytree(folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    with pytest.raises(Skip, match="trust_remote_code runs code from acme/reader"):
        plan_launch(build_model("acme/reader", trust_remote_code=True, **keys), runtime)
    pinned = build_model("acme/reader", trust_remote_code=True, revision=COMMIT, **keys)
    launch = plan_launch(pinned, runtime)
    assert "--trust-remote-code" in launch.command
    assert launch.fill_command(1)[4] == str(snapshot)


def test_a_family_without_a_budget_refuses_one(
    tmp_path: Path, checkpoint: Callable[[str], Path]
) -> None:
    write_environment(tmp_path / "env", "vllm", "1")
    model = build_model(
        checkpoint("llava"), python="env/bin/python", processor_kwargs={"max_visual_tokens": 9}
    )
    with pytest.raises(UserError, match="m: processor_kwargs: max_visual_tokens"):
        plan_launch(model, Runtime(tmp_path / "cache"))


def test_what_a_value_says_is_no_placeholder(tmp_path: Path) -> None:
    program = write_program(tmp_path / "server")
    command = (str(program), "--model={model_id}", "--port={port}", "{other}")
    launch = plan_launch(build_model("a{port}b", serve=command), Runtime(tmp_path / "cache"))
    assert launch.fill_command(4711)[1:] == ["--model=a{port}b", "--port=4711", "{other}"]


def test_an_engine_by_name_gets_names_and_arguments_as_they_stand(
    tmp_path: Path, folder: Path
) -> None:
    """Braces in a model's name or among `serve_args` are the user's own."""
    write_environment(tmp_path / "env", "vllm", "1")
    named = shutil.copytree(folder, tmp_path / "{port}" / "{checkpoint}")
    keys: dict[str, Any] = {"python": "env/bin/python", "serve_args": ("--seed-of", "{port}")}
    launch = plan_launch(build_model(named, **keys), Runtime(tmp_path / "cache"))
    filled = launch.fill_command(4711)
    assert filled[4:7] == [str(named), "--served-model-name", str(named)]
    assert filled[7:11] == ["--host", "127.0.0.1", "--port", "4711"]
    assert filled[-2:] == ["--seed-of", "{port}"]


def test_a_command_may_have_placeholders_in_the_path_of_its_program(tmp_path: Path) -> None:
    write_program(tmp_path / "{port}" / "server")
    command = (f"{tmp_path}/{{model_id}}/server", "{port}")
    launch = plan_launch(build_model("{port}", serve=command), Runtime(tmp_path / "cache"))
    assert launch.fill_command(4711) == [f"{tmp_path}/{{port}}/server", "4711"]
