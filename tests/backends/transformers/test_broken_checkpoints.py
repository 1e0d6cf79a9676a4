"""Checkpoints that are broken each in one way, made from the one that ships: what is said of each.

What can be seen in the files is said before a worker starts; what transformers alone can tell (a
weight that the model wants, or does not) is said when it has loaded.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import copy_nano
from vlm_lab.backends.transformers import weights
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.messages import MESSAGES, Message, translate_message
from vlm_lab.report.translation import load_catalogue
from vlm_lab.types import Model, Runtime

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7830272\n"
FIFTH_LAYER = "model.layers.5."
UP = "model.layers.3.mlp.up_proj"
Breakage = Callable[[Path], Any]


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    """A copy to be broken."""
    return copy_nano(tmp_path / "nano")


def write(name: str, text: str) -> Breakage:
    return lambda folder: (folder / name).write_text(text)


def cut(name: str, share: float) -> Breakage:
    """Only the first part of a file is here."""

    def break_it(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return break_it


def fill_with_zeros(folder: Path) -> None:
    """A copy that broke off and has its full length."""
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:4_000_000] + bytes(len(content) - 4_000_000))


def append(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"more")


def tensors(edit: Callable[[dict[str, Any]], Any]) -> Breakage:
    """Other weights, in a file that is whole."""

    def break_it(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        held = load_file(folder / WEIGHTS)
        edit(held)
        save_file(held, folder / WEIGHTS, {"format": "pt"})

    return break_it


def settings(name: str, edit: Callable[[dict[str, Any]], Any]) -> Breakage:
    def break_it(folder: Path) -> None:
        held = json.loads((folder / name).read_text())
        edit(held)
        (folder / name).write_text(json.dumps(held))

    return break_it


def layers(count: int) -> Breakage:
    """config.json says another number of layers than there are weights for."""

    def edit(config: dict[str, Any]) -> None:
        text = config["text_config"]
        text.update(num_hidden_layers=count, layer_types=["full_attention"] * count)

    return settings("config.json", edit)


def untie(config: dict[str, Any]) -> None:
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = False


def shards(wrong: Callable[[Path, dict[str, str]], Any]) -> Breakage:
    """Two shards and their index, of which one thing is wrong."""

    def break_it(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        held = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        weight_map = {name: SHARDS[name.startswith("visual")] for name in held}
        for shard in SHARDS:
            part = {name: held[name] for name in held if weight_map[name] == shard}
            save_file(part, folder / shard, {"format": "pt"})
        wrong(folder, weight_map)
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    return break_it


def rename_shard(folder: Path, weight_map: dict[str, str]) -> None:
    (folder / SHARDS[1]).rename(folder / "elsewhere")


def empty_shard(folder: Path, weight_map: dict[str, str]) -> None:
    from safetensors.torch import save_file

    save_file({}, folder / SHARDS[1], {"format": "pt"})


def promise_more(folder: Path, weight_map: dict[str, str]) -> None:
    weight_map["model.layers.9.gate"] = SHARDS[0]


def lose_index(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / SHARDS[0])


def leave_adapter(folder: Path) -> None:
    """An adapter, and not what it was made for."""
    for path in folder.glob("*.json"):
        path.unlink()
    (folder / WEIGHTS).rename(folder / "adapter_model.safetensors")
    add_adapter(folder)


def add_adapter(folder: Path) -> None:
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "acme/reader-2B"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))


SEEN_IN_THE_FILES: Mapping[str, tuple[Breakage, str]] = {
    "weights of Git LFS": (
        write(WEIGHTS, POINTER),
        r"is incomplete: model.safetensors is a pointer of Git LFS, .*; git -C \S+nano lfs pull$",
    ),
    "a tokenizer of Git LFS": (
        write("tokenizer.json", POINTER),
        r"tokenizer.json is a pointer of Git LFS, .* lfs pull$",
    ),
    "half of the weights": (
        cut(WEIGHTS, 0.5),
        r"model.safetensors has 3,915,136 of the 7,830,272 bytes that its header .*; copy \S+nano",
    ),
    "half of a header": (
        cut(WEIGHTS, 0.001),
        r"model.safetensors has 7,830 of the [\d,]+ bytes that its header promises",
    ),
    "zeros at the end": (
        fill_with_zeros,
        "model.safetensors ends in zeros, as a copy that broke off",
    ),
    "no byte of the weights": (cut(WEIGHTS, 0), "model.safetensors is empty"),
    "more than the weights": (append, r"7,830,276 bytes, its header knows of 7,830,272"),
    "a file without weights": (tensors(dict.clear), "model.safetensors holds no weights"),
    "a shard that is not there": (shards(rename_shard), f"it lacks {SHARDS[1]}"),
    "a shard without weights": (shards(empty_shard), f"{SHARDS[1]} holds no weights"),
    "an index that promises more": (
        shards(promise_more),
        f"{SHARDS[0]} lacks model.layers.9.gate, which {INDEX} says are in it",
    ),
    "shards without an index": (lose_index, f"it lacks {INDEX}"),
    "no vocabulary": (
        lambda folder: (folder / "tokenizer.json").unlink(),
        "it lacks tokenizer.json",
    ),
    "bytes without their scales": (
        tensors(lambda held: held.update({f"{UP}.weight": held[f"{UP}.weight"].char()})),
        rf"model.safetensors holds bytes in place of weights \({UP}.weight\), and config.json has",
    ),
    "half of an index": (write(INDEX, '{"weight_map": {"a'), f"{INDEX} is not JSON"),
    "half of config.json": (cut("config.json", 0.5), r"config.json is not JSON \(.*line \d+"),
    "half of generation_config.json": (
        cut("generation_config.json", 0.5),
        "generation_config.json is not JSON",
    ),
    "a list for settings": (write("preprocessor_config.json", "[]"), "holds no JSON object"),
    "an adapter alone": (
        leave_adapter,
        "adapter_config.json is an adapter of acme/reader-2B without its base, .*name its base as",
    ),
    "an adapter beside weights": (
        add_adapter,
        r"adapter of acme/reader-2B beside the weights, which is not loaded; .* remove adapter_\*",
    ),
}
SEEN_WHEN_LOADED: Mapping[str, tuple[Breakage, str, str]] = {
    "a weight is missing": (
        tensors(lambda held: held.pop(f"{UP}.weight")),
        "MissingWeights",
        r"1 of 130 weights is not in .* random: model.language_model.layers.3.mlp.up_proj.weight;",
    ),
    "a layer is missing": (
        tensors(lambda held: [held.pop(name) for name in [*held] if name.startswith(FIFTH_LAYER)]),
        "MissingWeights",
        r"\d+ of 130 weights are not in .*: model.language_model.layers.5.* and \d+ more",
    ),
    "a layer too many by config.json": (
        layers(7),
        "MissingWeights",
        r"\d+ of 14\d weights are not .*language_model.layers.6.*; does config.json belong",
    ),
    "a layer too few by config.json": (
        layers(5),
        "UnusedWeights",
        r"\d+ weights of the checkpoint .* not loaded: model.language_model.layers.5",
    ),
    "another width by config.json": (
        settings("config.json", lambda config: config["text_config"].update(intermediate_size=640)),
        "MismatchedWeights",
        r"18 weights .*layers.0.mlp.down_proj.weight \(192 x 512 in the file, 192 x 640 by",
    ),
    "another vocabulary by config.json": (
        settings("config.json", lambda config: config["text_config"].update(vocab_size=240)),
        "MismatchedWeights",
        r"embed_tokens.weight \(233 x 192 in the file, 240 x 192 by config.json\)",
    ),
    "a head that is tied no more": (
        settings("config.json", untie),
        "MissingWeights",
        "1 of 130 weights is not .*: lm_head.weight",
    ),
    "other names": (
        tensors(lambda held: held.update({f"x.{name}": held.pop(name) for name in [*held]})),
        "MissingWeights",
        r"\d+ of 130 weights are not",
    ),
    "a bias that the model has not": (
        tensors(lambda held: held.update({f"{UP}.bias": held[f"{UP}.weight"][:, 0].clone()})),
        "UnusedWeights",
        "1 weight of the checkpoint .*layers.3.mlp.up_proj.bias",
    ),
    "an adapter that was not merged": (
        tensors(
            lambda held: held.update({f"{UP}.lora_A.weight": held[f"{UP}.weight"][:8].clone()})
        ),
        "UnusedWeights",
        "layers.3.mlp.up_proj.lora_A.weight",
    ),
    "weights that are no numbers": (
        tensors(lambda held: held[f"{UP}.weight"].view(-1)[7:9].fill_(float("nan"))),
        "BrokenWeights",
        "1 weight holds what is no finite number: .*layers.3.mlp.up_proj.weight",
    ),
}


def assert_told_in_russian(reason: Message | str) -> None:
    """Of the sentences that are ours none is left in English; it crossed from the worker as one."""
    assert isinstance(reason, Message)
    told = translate_message(reason, load_catalogue("ru"))
    pieces = [re.split(r"{[^}]*}", text) for kind in list_kinds(reason) for text in MESSAGES[kind]]
    assert [piece for piece in chain(*pieces) if len(piece) > 12 and piece in told] == []


def list_kinds(value: Any) -> Iterator[str]:
    """The kinds of a message and of those that stand in it."""
    if isinstance(value, Message):
        yield value.kind
        value = value.figures
    if isinstance(value, Mapping) and value.keys() == {"kind", "figures"}:
        yield value["kind"]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from list_kinds(item)


def job(folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "device": "cpu",
        "dtype": "float32",
        "attn_implementation": "auto",
        "trust_remote_code": False,
        "use_safetensors": True,
        "processor_kwargs": {},
        "chat_template_kwargs": {},
        "load_kwargs": {},
        "image": True,
    }


def test_the_checkpoint_that_is_broken_is_whole(nano: Path, tmp_path: Path) -> None:
    found = weights.require_checkpoint(Model(name="m", model_id=str(nano)), tmp_path)
    assert found.is_complete
    assert LoadedModel(job(nano)).environment["loading"] == {
        "weights": 130,
        "tied": {"count": 1, "names": ["lm_head.weight"]},
        "unused": {"count": 0, "names": []},
        "zero": {"count": 0, "names": []},
    }


@pytest.mark.parametrize("case", SEEN_IN_THE_FILES)
def test_what_is_broken_in_the_files_is_said_before_anything_is_loaded(
    nano: Path, tmp_path: Path, case: str
) -> None:
    break_it, said = SEEN_IN_THE_FILES[case]
    break_it(nano)
    with pytest.raises(Skip, match=said) as caught:
        weights.require_checkpoint(Model(name="m", model_id=str(nano)), tmp_path)
    assert str(caught.value).startswith(f"m: {nano} is incomplete")
    assert_told_in_russian(caught.value.message)


@pytest.mark.parametrize("case", SEEN_WHEN_LOADED)
def test_what_is_broken_in_the_weights_is_said_with_their_names(nano: Path, case: str) -> None:
    break_it, kind, said = SEEN_WHEN_LOADED[case]
    break_it(nano)
    with pytest.raises(WorkerError, match=said) as caught:
        LoadedModel(job(nano))
    assert caught.value.args[0] == kind
    assert_told_in_russian(caught.value.message)


@pytest.mark.parametrize(
    ("added", "config"),
    [
        ("score.weight", {}),
        ("mtp.layers.0.mlp.up_proj.weight", {}),
        ("model.layers.6.mlp.up_proj.weight", {"num_nextn_predict_layers": 1}),
        ("model.layers.3.self_attn.rotary_emb.inv_freq", {}),
    ],
)
def test_what_is_harmless_is_recorded(nano: Path, added: str, config: dict[str, Any]) -> None:
    """A head for another task, layers that predict further tokens, constants of old files."""
    tensors(lambda held: held.update({added: held[f"{UP}.weight"].clone()}))(nano)
    settings("config.json", lambda held: held["text_config"].update(config))(nano)
    unused = LoadedModel(job(nano)).environment["loading"]["unused"]
    # transformers itself knows the last one.
    assert unused["count"] == (0 if "inv_freq" in added else 1)
    assert all(name.endswith(added.removeprefix("model.")) for name in unused["names"])


def test_half_of_a_pickle_is_named(nano: Path, tmp_path: Path) -> None:
    import torch

    (nano / WEIGHTS).unlink()
    pickle = "pytorch_model.bin"
    torch.save({"weight": torch.ones(100)}, nano / pickle)
    asked = Model(name="m", model_id=str(nano), use_safetensors=False)
    assert weights.require_checkpoint(asked, tmp_path).is_complete
    cut(pickle, 0.5)(nano)
    with pytest.raises(Skip, match=r"pytorch_model.bin has [\d,]+ bytes and breaks off"):
        weights.require_checkpoint(asked, tmp_path)


def test_a_processor_without_its_settings_is_named(nano: Path) -> None:
    (nano / "preprocessor_config.json").unlink()
    with pytest.raises(OSError, match="preprocessor_config.json"):
        LoadedModel(job(nano))


def test_a_file_of_the_hub_that_is_cut_off_must_go_before_it_is_fetched_again(
    nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's cache keeps a blob that is there, however long it is. A whole copy is preferred."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    commit = "c" * 40
    snapshots = tmp_path / "cache" / "hub" / "models--acme--nano" / "snapshots"
    snapshots.mkdir(parents=True)
    whole = Path(shutil.copytree(nano, tmp_path / "cache" / "nano"))
    cut(WEIGHTS, 0.5)(nano)
    nano.rename(snapshots / commit)
    asked = Model(name="m", model_id="acme/nano", revision="main")
    pinned = Model(name="m", model_id="acme/nano", revision=commit)
    with pytest.raises(Skip, match=rf"; rm \S+/{WEIGHTS} && \S*vlm-lab weights fetch m$"):
        weights.require_checkpoint(pinned, tmp_path / "cache")
    refs = snapshots.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text(commit)
    assert weights.require_checkpoint(asked, tmp_path / "cache").folder == whole


@pytest.mark.parametrize(
    ("break_it", "kind", "said"),
    [
        (
            tensors(lambda held: held.pop(f"{UP}.weight")),
            "MissingWeights",
            r"m: could not be loaded: 1 of 130 .*up_proj.weight; .*; copy \S+nano anew",
        ),
        (
            write(WEIGHTS, "nothing of the kind"),
            "SafetensorError",
            r"could not be loaded: SafetensorError: .*; model.safetensors: copy \S+nano anew",
        ),
    ],
    ids=["a weight is missing", "no safetensors file"],
)
def test_a_worker_says_it_to_every_case(
    nano: Path, tmp_path: Path, break_it: Breakage, kind: str, said: str
) -> None:
    break_it(nano)
    runtime = Runtime(cache=tmp_path / "cache", device="cpu")
    with pytest.raises(GenerationError, match=said) as caught:
        Transformers(Model(name="m", model_id=str(nano)), runtime)
    assert caught.value.kind == kind
    assert_told_in_russian(caught.value.message)
