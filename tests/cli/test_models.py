"""`vlm-lab models`: one line a candidate, and the commands that make an interpreter for one."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT
from vlm_lab.cli import models as command
from vlm_lab.cli.main import main
from vlm_lab.config.models_file import load_candidates

COMMIT = "e" * 40
MODELS = """
models:
  - {name: phi-3-vision, model_id: microsoft/Phi-3-vision-128k-instruct, prompts: [default, terse]}
  - {name: qwen, model_id: acme/qwen, status: chosen}
  - {name: half, model_id: ./half}
  - {name: served, model_id: x, backend: openai, backend_kwargs: {base_url: "http://127.0.0.1:8000/v1"}}
  - {name: ocr, model_id: rapidocr, backend: ocr}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr(command, "guess_device", lambda: "cuda")
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text(MODELS)
    return tmp_path


def checkpoint(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["models", *arguments]) == status
    written = capsys.readouterr()
    return written.out if status == 0 else written.err


def test_every_candidate_has_a_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint(home / "cache" / "hub" / "models--acme--qwen" / "snapshots" / COMMIT)
    refs = home / "cache" / "hub" / "models--acme--qwen" / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT)
    (home / "half").mkdir()
    rows = [re.split(r"\s{2,}", line) for line in run(capsys).splitlines()]
    assert rows == [
        list(command.HEADINGS),
        [
            "phi-3-vision",
            "transformers",
            "needs_more_data",
            "default, terse",
            "not here",
            "cuda (a guess)",
        ],
        ["qwen", "transformers", "chosen", "default", "here", "cuda (a guess)"],
        ["half", "transformers", "needs_more_data", "default", "incomplete", "cuda (a guess)"],
        [
            "served",
            "openai",
            "needs_more_data",
            "default",
            "none needed",
            "http://127.0.0.1:8000/v1",
        ],
        ["ocr", "ocr", "needs_more_data", "default", "none needed", "this process"],
    ]


def test_env_is_shell_commands_and_lines_for_models_yaml(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell, _, lines = run(capsys, "env", "phi-3-vision").partition("# models.yaml, in its entry:\n")
    venv, pip, fetch = [
        shlex.split(line, comments=True) for line in shell.splitlines() if line and line[0] != "#"
    ]
    assert venv == ["python3.11", "-m", "venv", "envs/phi-3-vision"]
    assert pip[:4] == ["envs/phi-3-vision/bin/python", "-m", "pip", "install"]
    assert {"transformers", "torch", "torchvision", "Pillow", "accelerate"} <= {
        requirement.split("==")[0] for requirement in pip[4:]
    }
    assert all(re.fullmatch(r"[A-Za-z]+==[\d.]+", requirement) for requirement in pip[4:])
    assert fetch == [f"{PROJECT}/scripts/vlm-lab", "weights", "fetch", "phi-3-vision"]
    entry = yaml.safe_load(lines)
    assert entry == {"python": "envs/phi-3-vision/bin/python", "attn_implementation": "eager",
                     "trust_remote_code": True, "revision": "<the commit>"}  # fmt: skip


def test_env_names_the_commit_that_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = home / "cache" / "hub" / "models--microsoft--Phi-3-vision-128k-instruct"
    checkpoint(root / "snapshots" / COMMIT)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    output = run(capsys, "env", "phi-3-vision")
    assert f"revision: {COMMIT}" in output
    assert "weights fetch" not in output


def test_env_from_another_folder(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell's paths start where one types, those of models.yaml where it lies."""
    (home / "else where").mkdir()
    monkeypatch.chdir(home / "else where")
    output = run(capsys, "env", "phi-3-vision", "--models-file", "../models.yaml")
    assert "-m venv ../envs/phi-3-vision\n../envs/phi-3-vision/bin/python -m pip" in output
    assert "\n    python: envs/phi-3-vision/bin/python\n" in output


def test_env_of_an_engine(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "models.yaml").write_text(
        "models:\n"
        "  - {name: v, model_id: acme/v, backend: openai, serve: vllm}\n"
        "  - {name: s, model_id: acme/s, backend: openai, serve: sglang}\n"
        "  - {name: l, model_id: l.gguf, backend: openai, serve: llama.cpp}\n"
        "  - {name: c, model_id: c, backend: openai, serve: [x, '{port}']}\n"
    )
    shell, _, lines = run(capsys, "env", "v").partition("# models.yaml, in its entry:\n")
    commands = [shlex.split(line, comments=True) for line in shell.splitlines()]
    assert [command for command in commands if command] == [
        ["python3", "-m", "venv", "envs/vllm"],
        ["envs/vllm/bin/python", "-m", "pip", "install", "vllm"],
        [f"{PROJECT}/scripts/vlm-lab", "weights", "fetch", "v"],
    ]
    assert yaml.safe_load(lines) == {"python": "envs/vllm/bin/python"}
    assert "install 'sglang[all]'" in run(capsys, "env", "s")
    assert "is a program, llama-server" in run(capsys, "env", "l", status=2)
    assert "a command of your own" in run(capsys, "env", "c", status=2)
    rows = [re.split(r"\s{2,}", line) for line in run(capsys).splitlines()]
    engines = ("vllm", "sglang", "llama.cpp", "x")
    assert [row[-1] for row in rows[1:]] == [f"{engine}, started for it" for engine in engines]
    assert [row[-2] for row in rows[1:3]] == ["not here"] * 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("qwen", "no recipe for acme/qwen"),
        ("phi-vision", "no model 'phi-vision' in models.yaml; did you mean"),
    ],
)
def test_env_of_another_model(name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in run(capsys, "env", name, status=2)


def test_the_models_file_stands_before_or_after_the_action(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "models.yaml").rename(home / "mine.yaml")
    (home / "pytest.ini").write_text("[pytest]\naddopts = -p vlm_lab.plugin\n")  # a project
    before = run(capsys, "--models-file", "mine.yaml", "env", "phi-3-vision")
    assert run(capsys, "env", "phi-3-vision", "--models-file", "mine.yaml") == before
    assert "models.yaml: cannot be read" in run(capsys, status=2)


def test_the_candidates_that_ship_can_be_listed() -> None:
    shipped = load_candidates([Path(__file__).parents[2] / "models.yaml"]).models
    names = [model.name for model in shipped]
    assert {"qwen2-vl-2b", "phi-3-vision", "llava-1.5-7b", "llava-1.6-mistral-7b"} <= set(names)
    for model in shipped:
        assert model.revision == "main" or re.fullmatch(r"[0-9a-f]{40}", model.revision)
        assert not model.trust_remote_code or model.revision != "main"


def test_code_of_ones_own_is_not_run_to_list_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(home)
    (home / "trouble.py").write_text("raise SystemExit('imported')\n")
    entry = "models:\n  - {name: own, model_id: x, backend: 'trouble:Backend'}\n"
    (home / "models.yaml").write_text(entry)
    assert "own" in run(capsys)
