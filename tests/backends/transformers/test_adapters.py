"""pytest tests/backends/transformers/test_adapters.py: an adapter is loaded whole, or the model is
not judged; and what is said of one without loading anything."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.adapters import Tensors, write_adapter
from tests.backends.transformers.test_families import job, request_of
from tests.checkpoints import NANO
from vlm_lab.backends.transformers import quantization
from vlm_lab.backends.transformers.adapters import is_other_base, require_adapter
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.config.local_keys import QUANTIZATIONS
from vlm_lab.errors import Skip, UserError
from vlm_lab.types import Model, Runtime

HQQ = {"quant_method": "hqq"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
needs_peft = pytest.mark.skipif(
    importlib.util.find_spec("peft") is None, reason="needs peft: the extra `adapters`"
)
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None,
    reason="needs bitsandbytes: the extra `quantized`",
)
Change = Callable[[Tensors], object]


def candidate(adapter: Path | str | None = None, **settings: Any) -> Model:
    adapter_text = None if adapter is None else str(adapter)
    return Model(name="m", **{"model_id": str(NANO), "adapter": adapter_text, **settings})


def rename(old: str, new: str) -> Change:
    """Another name for each tensor that has the old part in its own."""

    def change(tensors: Tensors) -> None:
        for name in [name for name in tensors if old in name]:
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


def remove(part: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in [*tensors] if part in name]


def multiply(part: str, factor: float) -> Change:
    return lambda tensors: tensors.update(
        {name: each * factor for name, each in tensors.items() if part in name}
    )


def widen(tensors: Tensors) -> None:
    import torch

    for name, each in tensors.items():
        if "lora_A" in name:
            tensors[name] = torch.cat([each, each], 1)


def add_layer(tensors: Tensors) -> None:
    for name in [name for name in tensors if ".layers.5." in name]:
        tensors[name.replace(".layers.5.", ".layers.6.")] = tensors[name]


@needs_peft
def test_an_adapter_stands_beside_the_weights_and_changes_what_is_said(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path, NANO, strength=0.3, base_model_name_or_path="/somewhere/nano")
    request = {**request_of((200, 120)), "generation_kwargs": {"max_new_tokens": 30}}
    plain = LoadedModel(job(NANO))
    tuned = LoadedModel(job(NANO, adapter=str(folder)))
    facts = tuned.environment["adapter"]
    assert facts == {
        "type": "LORA",
        "base": "/somewhere/nano",
        "weights": 24,
        "bytes": 24 * 4 * 192 * 4,
        "merged": False,
    }
    assert tuned.environment["weights_bytes"] == plain.environment["weights_bytes"] + facts["bytes"]
    assert tuned.generate_reply(request)["text"] != plain.generate_reply(request)["text"]


@needs_peft
@pytest.mark.parametrize(
    ("change", "config", "said"),
    [
        (rename(".layers.", ".blocks."), {}, "the adapter lacks 24 weights: .*trained on this"),
        (remove(".layers.5."), {}, r"lacks 4 weights: .*layers\.5\.self_attn.*and 1 more"),
        (add_layer, {}, r"no part for 4 weights of the adapter: .*layers\.6"),
        (
            widen,
            {},
            "12 weights of the adapter do not fit: .*4 x 384 in the file, 4 x 192",
        ),
        (multiply("", 1.0), {"r": 8}, "24 weights of the adapter do not fit"),
        (multiply("", 1.0), {"target_modules": ["c_attn"]}, "c_attn.*not found in the base model"),
        (multiply("", 1.0), {"peft_type": "OTHER"}, "adapter: KeyError: 'OTHER'"),
        (multiply("lora_B", 0.0), {}, "changes nothing: .*was it trained"),
        (multiply("", float("nan")), {}, "24 weights of the adapter hold what is no finite number"),
    ],
)
def test_an_adapter_of_which_a_part_is_not_used_is_refused(
    tmp_path: Path, change: Change, config: Mapping[str, Any], said: str
) -> None:
    folder = write_adapter(tmp_path, NANO, change, **config)
    with pytest.raises(WorkerError, match=said):
        LoadedModel(job(NANO, adapter=str(folder)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "adapter_config.json").unlink(), "has no adapter_config.json"),
        (lambda folder: (folder / "adapter_config.json").write_text("[]"), "holds no JSON object"),
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "has no adapter_model.s"),
        (
            lambda folder: (folder / "adapter_model.safetensors").rename(
                folder / "adapter_model.bin"
            ),
            "adapter_model.bin is a pickle, which can run any code",
        ),
        (
            lambda folder: (folder / "adapter_model.safetensors").write_bytes(
                (folder / "adapter_model.safetensors").read_bytes()[:-400]
            ),
            "of the .* bytes that its header promises",
        ),
    ],
)
def test_an_adapter_that_is_not_whole_is_said_before_anything_is_loaded(
    tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    folder = write_adapter(tmp_path / "lora", NANO)
    spoil(folder)
    with pytest.raises(Skip, match=f"m: .*lora is no whole adapter: .*{said}"):
        Transformers.identity(candidate(folder), Runtime(cache=tmp_path / "cache"))


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        ("./nowhere", "m: no folder ./nowhere; correct `adapter`"),
        ("acme/lora", r"adapter of the hub is named with its commit, `adapter`: acme/lora@<40"),
        (f"acme/lora@{COMMIT}", rf"no adapter acme/lora \({COMMIT}\) here; .*weights fetch m"),
    ],
)
def test_an_adapter_that_is_not_here_is_said_with_what_to_do(
    tmp_path: Path, adapter: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with pytest.raises(Skip, match=said):
        Transformers.identity(candidate(adapter), Runtime(cache=tmp_path / "cache"))


def test_a_fetched_adapter_is_known_by_its_commit_and_a_folder_by_its_files(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    snapshot = cache / "hub" / "models--acme--lora" / "snapshots" / COMMIT
    write_adapter(snapshot, NANO)
    fetched = require_adapter(candidate(f"acme/lora@{COMMIT}"), cache)
    assert fetched
    assert (fetched.digest, fetched.folder) == (COMMIT, snapshot)
    first = require_adapter(candidate(write_adapter(tmp_path / "a", NANO)), cache)
    other = require_adapter(candidate(write_adapter(tmp_path / "b", NANO, strength=0.06)), cache)
    assert first
    assert other
    assert first.digest != other.digest
    # A relative path starts where models.yaml lies.
    beside = require_adapter(candidate("a"), cache)
    assert beside
    assert beside.digest == first.digest


@pytest.mark.parametrize(
    ("base", "own", "is_other"),
    [
        ("acme/reader-2B", "acme/reader-2B", False),
        ("Acme/Reader-2b", "other/reader-2B", False),
        ("unsloth/reader-2B-unsloth-bnb-4bit", "acme/reader-2B", False),
        ("acme/reader-2B", "acme/reader-2B-AWQ", False),
        ("acme/reader-2B-Instruct", "acme/reader-2B", True),
        ("acme/reader-7B", "acme/reader-2B", True),
        ("/home/me/reader-7B", "acme/reader-2B", False),
        ("acme/reader-7B", "", False),
        ("", "acme/reader-2B", False),
    ],
)
def test_two_names_of_the_hub_are_two_models_a_path_says_nothing(
    base: str, own: str, is_other: bool
) -> None:
    assert is_other_base(base, own) is is_other


def test_an_adapter_of_another_model_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "lora", NANO, base_model_name_or_path="acme/reader-7B")
    for path in NANO.iterdir():
        (tmp_path / path.name).symlink_to(path)
    config = json.loads((NANO / "config.json").read_text())
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps({**config, "_name_or_path": "acme/nano"}))
    model = candidate(folder, model_id=str(tmp_path))
    with pytest.raises(Skip, match="was trained on acme/reader-7B, not on"):
        Transformers.identity(model, Runtime(cache=tmp_path / "cache"))


def test_the_names_of_quantizations_are_those_that_can_be_had() -> None:
    assert set(QUANTIZATIONS) == set(quantization.SETTINGS) == set(quantization.SHARE_OF_WEIGHTS)


@needs_bitsandbytes
@pytest.mark.parametrize(("name", "share"), quantization.SHARE_OF_WEIGHTS.items())
def test_fewer_bits_take_less_memory_and_say_so(name: str, share: float) -> None:
    loaded = LoadedModel(job(NANO, quantization=name, dtype="bfloat16"))
    whole_bytes = (NANO / "model.safetensors").stat().st_size
    assert loaded.environment["weights_bytes"] == pytest.approx(share * whole_bytes, rel=0.15)
    assert loaded.environment["quantization"]["value"] == name


@pytest.mark.parametrize(
    ("config", "settings", "said"),
    [
        ({"quant_method": "gptq"}, {}, "config.json: quantization_config: gptq needs .* gptqmodel"),
        ({"quant_method": "compressed-tensors"}, {}, "needs the package compressed-tensors; "),
        ({}, {"load_kwargs": {"quantization_config": HQQ}}, "load_kwargs: .*: hqq needs"),
    ],
)
def test_the_package_of_a_quantized_checkpoint_is_named_before_anything_is_loaded(
    tmp_path: Path, config: Mapping[str, Any], settings: Mapping[str, Any], said: str
) -> None:
    model = quantized_candidate(tmp_path, config, **settings)
    with pytest.raises(Skip, match=said):
        Transformers.identity(model, Runtime(cache=tmp_path / "cache"))


def quantized_candidate(folder: Path, config: Mapping[str, Any], **settings: Any) -> Model:
    """The small model, whose config.json says how its weights were quantized."""
    for path in NANO.iterdir():
        (folder / path.name).symlink_to(path)
    whole = json.loads((NANO / "config.json").read_text())
    (folder / "config.json").unlink()
    own = {"quantization_config": config} if config else {}
    (folder / "config.json").write_text(json.dumps({**whole, **own}))
    return candidate(model_id=str(folder), **settings)


def test_weights_that_have_fewer_bits_already_lose_no_more(tmp_path: Path) -> None:
    model = quantized_candidate(tmp_path, {"quant_method": "fp8"}, quantization="int4")
    with pytest.raises(UserError, match=r"m: quantization: int4: .* quantized already \(fp8\)"):
        Transformers.identity(model, Runtime(cache=tmp_path / "cache"))
