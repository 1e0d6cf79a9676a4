"""`vlm-lab try NAME`: what is printed, and that the file has figures and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.projects import PROJECT, echo, write_project
from tests.suites import REFERENCE
from vlm_lab.cli.main import main

DOCUMENTS = {f"secret-customer-{n}": REFERENCE for n in range(5)}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def try_model(folder: Path, models: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    write_project(folder, f"models:\n{models}", DOCUMENTS)
    status = main(["try", "m", *arguments])
    path = folder / "try-m.json"
    return status, json.loads(path.read_text()) if path.exists() else {}


def test_figures_of_three_pages_are_told_and_no_value_text_or_name(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ", isolate: false, generation_kwargs: {max_new_tokens: 7, stop_strings: ['A secret']}"
    status, told = try_model(project, echo("m", extra))
    assert status == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("m: loaded in 0.0 s")
    assert lines[2].startswith("page 1: 32 x 32, 64 visual tokens (1 predicted), 0.0 s, 20 tokens")
    assert "visual tokens: as predicted on 0 of 3 pages" in lines
    assert lines[-2].startswith("written: try-m.json: no value")
    assert len(told["pages"]) == 3
    page = told["pages"][0]
    assert (page["size"], page["predicted_tokens"], page["counted_tokens"]) == ([32, 32], 1, 64)
    assert (page["status"], page["output_tokens"], page["error"]) == ("ok", 20, "")
    assert told["settings"]["generation_kwargs"] == {"max_new_tokens": 7, "stop_strings": ["..."]}
    written = (project / "try-m.json").read_text()
    for secret in ("secret", "A-17", "119", "invoice_number", str(project), "echo"):
        assert secret not in written, secret
    assert (project / "try-m.json").stat().st_mode & 0o777 == 0o600


def test_a_page_that_fails_is_told_by_its_kind_and_explained_to_whoever_typed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = echo("m", ", isolate: false", fails=["secret-customer-1"])
    status, told = try_model(project, models)
    assert status == 1
    assert [page["error"] for page in told["pages"]] == ["", "OutOfMemory", ""]
    written = capsys.readouterr()
    assert written.err == "vlm-lab try: needs 9 GB, has 8 GB\n"
    assert "page 2: no reply (OutOfMemory)" in written.out
    assert "has 8 GB" not in (project / "try-m.json").read_text()


@pytest.mark.parametrize(
    ("models", "arguments", "said"),
    [
        (echo("n"), (), "no model 'm' in models.yaml"),
        ("  - {name: m, model_id: acme/absent}\n", (), "no weights of acme/absent"),
        (echo("m"), ("--suite", "other"), "no suite other in benchmarks"),
        (echo("m", ", only: {kind: [receipt]}"), (), "m: no document of"),
    ],
)
def test_what_cannot_be_tried_is_one_sentence_and_no_file(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    models: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    status, told = try_model(project, models, *arguments)
    assert (status, told) == (2, {})
    assert said in capsys.readouterr().err


def test_the_nano_is_tried_with_its_tokens_as_predicted(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    path = project / "told.json"
    assert main(["try", "qwen2-vl-nano", "--output", str(path), "--device", "cpu"]) == 0
    assert "visual tokens: as predicted on 3 of 3 pages" in capsys.readouterr().out
    told = json.loads(path.read_text())
    assert told["model_id"] == "", "a folder's path is nobody's matter"
    assert told["model_type"] == "qwen2_vl"
    assert told["chosen"]["device"] == "cpu"
    assert told["chat_template"]["content"] == "parts"
    assert all(page["peak_memory_bytes"] for page in told["pages"])
    assert str(PROJECT) not in path.read_text()
