"""`vlm-lab weights`: what is here, and what is fetched from a hub on loopback."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Hub, hub
from vlm_lab.backends.transformers.hub import select_files
from vlm_lab.cli import weights as command
from vlm_lab.cli.main import main
from vlm_lab.types import Model

COMMIT = "c" * 40
FILES = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Reader\n",
    "LICENSE": b"Apache",
    "config.json": b"{}",
    "tokenizer.json": b'{"a": 1}',
    "chat_template.jinja": b"{{ x }}",
    "model.safetensors": bytes(range(256)) * 2000,
}
NOT_WANTED = {
    "pytorch_model.bin": b"pickle",
    "modeling_reader.py": b"import os",
    "consolidated.safetensors": b"again",
    "onnx/model.onnx": b"another form",
    "fp32/model.safetensors": b"another form",
    ".gitattributes": b"",
    "logo.png": b"",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one model on the hub, one folder, one server; a user's own empty cache."""
    # Here, so that its log has a stream that outlives a test's own.
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text(
        "models:\n"
        "  - {name: reader, model_id: acme/reader}\n"
        f"  - {{name: pinned, model_id: acme/reader, revision: {'d' * 40}}}\n"
        "  - {name: folder, model_id: ./folder}\n"
        "  - {name: served, model_id: x, backend: openai, backend_kwargs: {base_url: 'http://127.0.0.1:8000/v1'}}\n"
    )
    return tmp_path


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub({**FILES, **NOT_WANTED}, COMMIT) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["weights", *arguments]) == status
    written = capsys.readouterr()
    return written.out if status == 0 else written.err


def snapshot(home: Path) -> Path:
    return home / "cache" / "hub" / "models--acme--reader" / "snapshots" / COMMIT


def test_fetch_brings_what_is_needed_and_says_what_to_pin(
    home: Path, acme: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    output = run(capsys, "fetch", "reader")
    assert {path.name: path.read_bytes() for path in snapshot(home).iterdir()} == FILES
    assert f"acme/reader at {COMMIT}, licence mit" in output
    assert f"revision: {COMMIT}" in output
    listed = next(line for line in run(capsys).splitlines() if line.startswith("reader"))
    assert listed.split()[1:6] == ["complete", "0.51", "MB", COMMIT[:12], "apache-2.0"]


def test_a_tag_is_found_again_by_its_name(
    home: Path, acme: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    models = Path("models.yaml").read_text()
    Path("models.yaml").write_text(
        models + "  - {name: tagged, model_id: acme/reader, revision: v1}\n"
    )
    assert f"revision: {COMMIT}" in run(capsys, "fetch", "tagged")
    lines = {line.split()[0]: line for line in run(capsys).splitlines() if line}
    assert "complete" in lines["tagged"]
    assert "not here" in lines["reader"]  # main may be another commit


def test_a_second_fetch_downloads_nothing(acme: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "fetch", "reader")
    acme.asked.clear()
    run(capsys, "fetch", "reader")
    assert not [ask for ask in acme.asked if ask[0] == "GET" and "/resolve/" in ask[1]]


def test_a_cut_download_goes_on_where_it_stopped(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What is lost at a cut: 10 MB at most.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    with hub(FILES, COMMIT, cut_once="model.safetensors") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        run(capsys, "fetch", "reader")
    half = len(FILES["model.safetensors"]) // 2
    assert [ask[2] for ask in server.asked if ask[2]] == [f"bytes={half}-"]
    assert (snapshot(home) / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_a_plan_has_names_sizes_and_a_total_and_downloads_nothing(
    home: Path, acme: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(capsys, "fetch", "reader", "--plan").splitlines()
    assert {line.split()[2] for line in lines[1:-1]} == set(FILES)
    assert lines[-1].split()[:5] == ["0.51", "MB", "in", str(len(FILES)), "files;"]
    assert not (home / "cache").exists()


def test_pickles_and_code_only_where_the_model_says_so() -> None:
    names = sorted(
        {**FILES, **NOT_WANTED, "additional_chat_templates/tools.jinja": b"", "a/b.py": b""}
    )
    safe = Model(name="m", model_id="x")
    assert set(select_files(names, safe)) == {*FILES, "additional_chat_templates/tools.jinja"}
    allowed = Model(name="m", model_id="x", trust_remote_code=True, use_safetensors=False)
    assert {"pytorch_model.bin", "modeling_reader.py"} <= set(select_files(names, allowed))
    assert "model.safetensors" not in select_files(names, allowed)


def test_a_repository_of_pickles_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub({"config.json": b"{}", "pytorch_model.bin": b"x"}, COMMIT) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert "use_safetensors: false" in run(capsys, "fetch", "reader", status=2)
    assert not (home / "cache").exists()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["pinned"], "pinned: .*/acme/reader has no revision 'dddd"),
        (["folder"], "folder: model_id is a folder"),
        (["served"], "served: backend openai needs no weights"),
        (["raeder"], "no model 'raeder' in models.yaml; did you mean 'reader'"),
    ],
)
def test_what_cannot_be_fetched(
    names: list[str], words: str, acme: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    output = run(capsys, "fetch", *names, status=2)
    assert re.search(words, output)
    assert output.count("\n") == 1


def test_a_folder_beside_models_yaml_is_not_asked_of_the_hub(
    home: Path, acme: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id looks like the hub's `organisation/name`, and it is no folder where one stands."""
    (home / "acme" / "reader").mkdir(parents=True)
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    arguments = ("fetch", "reader", "--models-file", "../models.yaml")
    assert "reader: model_id is a folder" in run(capsys, *arguments, status=2)
    assert not acme.asked


def test_a_gated_model_says_where_its_licence_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub({}, COMMIT, refuse={"X-Error-Code": "GatedRepo"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert "/acme/reader is gated: accept its licence there" in run(
            capsys, "fetch", "reader", status=2
        )


@pytest.mark.parametrize("plan", [[], ["--plan"]])
def test_without_a_network(
    plan: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    output = run(capsys, "fetch", "reader", *plan, status=2)
    assert "http://127.0.0.1:9 could not be used" in output
    assert "carry its cache/hub over" in output


def test_a_user_who_is_offline_stays_so(acme: Hub) -> None:
    command = [sys.executable, "-m", "vlm_lab", "weights", "fetch", "reader", "--plan"]
    project = str(Path(__file__).parents[2])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": project}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert re.fullmatch(
        r"vlm-lab weights: reader: HF_HUB_OFFLINE is set.*; unset it to fetch\n", done.stderr
    )
    assert acme.asked == []


def test_no_disk_no_download(
    acme: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    assert "reader: 0.0 GB do not fit" in run(capsys, "fetch", "reader", status=2)
    assert not [ask for ask in acme.asked if "/resolve/" in ask[1]]


def test_an_adapter_is_fetched_beside_a_model_that_is_here(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "adapter_config.json": b'{"peft_type": "LORA"}',
        "adapter_model.safetensors": FILES["model.safetensors"],
        "optimizer.pt": b"pickle",
    }
    with Path("models.yaml").open("a") as file:
        file.write(f"  - {{name: tuned, model_id: ./folder, adapter: acme/reader@{COMMIT}}}\n")
    with hub(files, COMMIT) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        plan = run(capsys, "fetch", "tuned", "--plan")
        assert "adapter_model.safetensors" in plan
        assert "optimizer.pt" not in plan
        assert f"complete in {snapshot(home)}" in run(capsys, "fetch", "tuned")
    assert sorted(path.name for path in snapshot(home).iterdir()) == sorted(files)[:2]
    with hub({"adapter_model.safetensors": b"x" * 99}, COMMIT) as server:
        shutil.rmtree(home / "cache")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert "it has no adapter_config.json" in run(capsys, "fetch", "tuned", status=2)


@pytest.mark.parametrize(
    ("settings", "gigabytes"),
    [({}, "4.00"), ({"quantization": "int8"}, "2.20"), ({"quantization": "int4"}, "1.20")],
)
def test_fits_counts_fewer_bits_and_an_adapter(
    tmp_path: Path, settings: dict[str, str], gigabytes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "estimate_gpu_bytes", lambda path: 2e9)
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    model = Model(name="m", model_id="acme/m", **settings)
    loaded_bytes = command.estimate_loaded_bytes(model, files, tmp_path)
    assert f"{loaded_bytes / 1e9:.2f}" == gigabytes
    tuned = Model(name="m", model_id="acme/m", adapter=str(make_adapter(tmp_path)), **settings)
    added = command.estimate_loaded_bytes(tuned, files, tmp_path) - loaded_bytes
    assert added == (tmp_path / "lora" / "adapter_model.safetensors").stat().st_size


def make_adapter(folder: Path) -> Path:
    adapter = folder / "lora"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(FILES["model.safetensors"])
    return adapter


def test_every_candidate_has_a_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "x-1.safetensors"}})
    )
    lines = run(capsys).splitlines()
    assert [line.split()[0] for line in lines[:5]] == [
        "model",
        "reader",
        "pinned",
        "folder",
        "served",
    ]
    assert "not here" in lines[1]
    assert lines[1].endswith("vlm-lab weights fetch reader")
    assert "lacks 2 files" in lines[3]
    assert "none needed" in lines[4]
    assert lines[4].endswith("http://127.0.0.1:8000/v1")


def test_fits_is_weights_and_pages_against_the_largest_gpu() -> None:
    small, large = [("a", 8e9)], [("a", 8e9), ("b", 24e9)]
    assert command.format_fit(5e9, 4, small) == "yes, needs 7.60 GB"
    assert command.format_fit(15e9, 4, small) == "no, needs 19.60 GB"
    assert command.format_fit(15e9, 4, large) == "yes, needs 19.60 GB"
    assert command.format_fit(15e9, 4, []) == "needs 19.60 GB"


@pytest.mark.parametrize(("dtype", "share"), [("float32", 0.5), ("bfloat16", 1.0), ("int8", 1.0)])
def test_float32_on_disk_is_half_as_much_on_a_gpu(dtype: str, share: float, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(5000, dtype=getattr(torch, dtype))}, path)
    assert command.estimate_gpu_bytes(path) == path.stat().st_size * share
    assert command.estimate_gpu_bytes(tmp_path / "config.json") == 0


def test_gpus_are_those_of_the_drivers_tool(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = home / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034'\necho 'A, B, 81920'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    assert command.list_gpus() == [("NVIDIA L4", 23034 * 2**20), ("A, B", 81920 * 2**20)]
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\n")
    assert command.list_gpus() == []


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\nlicense: other\nlicense_name: 'qwen'\n---\n", "qwen"),
        ("# Reader\nlicense: mit", "-"),
        ("---\nlicense:\n- a\n---\n", "-"),
        ("---\nlicense: a\x1b[31m\n---\n", "a\ufffd[31m"),
    ],
)
def test_licences(card: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card)
    assert command.read_licence(tmp_path) == said
