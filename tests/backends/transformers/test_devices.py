"""What is chosen, why, and what is refused before anything is loaded."""

import sys
from pathlib import Path

import pytest

from vlm_lab.backends.transformers import devices
from vlm_lab.backends.transformers.devices import (
    Choice,
    choose_attention,
    choose_device,
    choose_dtype,
)

torch = pytest.importorskip("torch")


def gpu(monkeypatch: pytest.MonkeyPatch, bfloat16: bool = True, count: int = 2) -> None:
    """What torch says on a machine with GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=0: "NVIDIA L4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bfloat16)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_an_error() -> None:
    assert choose_device("auto").value == "cpu"
    assert "sees no GPU" in choose_device("auto").reason
    assert choose_device("cpu") == Choice("cpu", "asked for")
    with pytest.raises(
        ValueError, match=r"--device cuda: torch .* sees 0 CUDA devices; use --device auto"
    ):
        choose_device("cuda")


def test_with_gpus_auto_takes_them_and_one_too_many_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu(monkeypatch)
    chosen = choose_device("auto")
    assert chosen.value == "cuda"
    assert "NVIDIA L4" in chosen.reason
    assert choose_device("cuda:1").value == "cuda:1"
    with pytest.raises(ValueError, match="sees 2 CUDA devices"):
        choose_device("cuda:2")


def test_torch_2_3_which_knows_no_emulation_is_asked_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The version that Phi-3-vision's interpreter has."""
    gpu(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_dtype("auto", "cuda").value == "bfloat16"


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", ""])
def test_a_device_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="known: auto, cpu, cuda, cuda:N, mps"):
        choose_device(name)


def test_dtype_follows_what_the_hardware_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch)
    assert choose_dtype("auto", "cuda:1").value == "bfloat16"
    gpu(monkeypatch, bfloat16=False)
    assert choose_dtype("auto", "cuda").value == "float16"
    monkeypatch.setattr(devices, "read_cpu_flags", lambda: frozenset({"avx2", "amx_bf16"}))
    assert choose_dtype("auto", "cpu") == Choice("bfloat16", "this CPU has amx_bf16")
    monkeypatch.setattr(devices, "read_cpu_flags", lambda: frozenset({"avx2"}))
    assert choose_dtype("auto", "cpu").value == "float32"
    assert choose_dtype("bf16", "cpu") == Choice("bfloat16", "asked for")
    with pytest.raises(ValueError, match="cannot load weights as 'int8'"):
        choose_dtype("int8", "cpu")


def test_attention_says_what_it_could_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Choice("sdpa", "flash_attention_2: package flash_attn is not installed")
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    assert choose_attention("auto", "cuda", "bfloat16") == missing
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: object())
    assert choose_attention("auto", "cuda", "bfloat16").value == "flash_attention_2"
    assert choose_attention("auto", "cuda", "float32").value == "sdpa"
    assert choose_attention("auto", "cpu", "bfloat16").value == "sdpa"
    assert choose_attention("auto", "cpu", "float32", ("eager",)).value == "eager"
    with pytest.raises(
        ValueError, match="flash_attention_2 cannot be had: needs a CUDA device, not cpu; use auto"
    ):
        choose_attention("flash_attention_2", "cpu", "bfloat16")


def test_choices_are_remembered_for_those_without_torch(tmp_path: Path) -> None:
    assert devices.read_choices(tmp_path, "a") == {}
    devices.write_choices(tmp_path, "a", {"device": "cpu"})
    devices.write_choices(tmp_path, "b", {"device": "cuda"})
    assert devices.read_choices(tmp_path, "a") == {"device": "cpu"}
    (tmp_path / "environments.json").write_text("torn")
    assert devices.read_choices(tmp_path, "a") == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory_is_this_process_own() -> None:
    before = devices.measure_peak_memory("cpu")
    block = bytearray(200_000_000)
    after = devices.measure_peak_memory("cpu")
    assert before is not None
    assert after is not None
    assert after >= before
    assert after > len(block)
