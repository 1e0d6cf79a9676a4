"""Where weights are found, which of several, and what is said where they are not."""

import json
from pathlib import Path

import pytest

from vlm_lab.backends.transformers import weights
from vlm_lab.errors import Skip
from vlm_lab.types import Model

OLD, NEW = "a" * 40, "b" * 40
FILES = {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights"}


def checkpoint(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in {**FILES, **files}.items():
        (folder / name).write_text(text)
    return folder


def hub(root: Path, commit: str, **refs: str) -> Path:
    folder = root / "models--acme--reader-2B"
    snapshot = checkpoint(folder / "snapshots" / commit)
    (folder / "refs").mkdir(exist_ok=True)
    for name, target in refs.items():
        (folder / "refs" / name).write_text(target)
    return snapshot


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own cache of the hub, empty."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "home"


def model(**kwargs: object) -> Model:
    return Model(**{"name": "reader", "model_id": "acme/reader-2B", **kwargs})  # type: ignore[arg-type]


def test_the_projects_cache_comes_before_the_users(tmp_path: Path, home: Path) -> None:
    theirs = hub(home / "hub", OLD, main=OLD)
    assert weights.require_checkpoint(model(), tmp_path / "cache").folder == theirs
    ours = hub(tmp_path / "cache" / "hub", NEW, main=NEW)
    found = weights.require_checkpoint(model(), tmp_path / "cache")
    assert (found.folder, found.revision, found.digest) == (ours, NEW, NEW)


def test_hf_hub_cache_names_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = hub(tmp_path / "elsewhere", OLD, main=OLD)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert weights.require_checkpoint(model(), tmp_path / "cache").folder == there


def test_a_revision_is_a_branch_a_tag_or_a_commit(tmp_path: Path, home: Path) -> None:
    old = hub(home / "hub", OLD)
    new = hub(home / "hub", NEW, main=NEW, v1=OLD)
    cases = {"main": new, "v1": old, OLD: old, NEW: new}
    assert {
        name: weights.require_checkpoint(model(revision=name), tmp_path).folder for name in cases
    } == cases
    with pytest.raises(
        Skip, match=r"no weights of acme/reader-2B \(v2\) here; \S*vlm-lab weights fetch reader"
    ):
        weights.require_checkpoint(model(revision="v2"), tmp_path)


@pytest.mark.parametrize("name", ["reader-2B", "acme/reader-2B", "acme--reader-2B", "models/any"])
def test_folders_of_local_dir_are_known_by_name_or_config(tmp_path: Path, name: str) -> None:
    config = json.dumps({"_name_or_path": "acme/reader-2B" if name.endswith("any") else ""})
    folder = checkpoint(tmp_path / "cache" / name, **{"config.json": config})
    checkpoint(tmp_path / "cache" / "other-2B")
    found = weights.require_checkpoint(model(), tmp_path / "cache")
    assert (found.folder, found.revision) == (folder, None)
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    (notes / "model.safetensors.metadata").write_text(f"{OLD}\netag\n1700000000.0\n")
    assert weights.require_checkpoint(model(), tmp_path / "cache").revision == OLD
    assert weights.find_checkpoint(model(revision=NEW), tmp_path / "cache") is None


def test_shards_that_are_missing_are_named_and_a_complete_copy_is_preferred(
    tmp_path: Path, home: Path
) -> None:
    snapshot = hub(home / "hub", OLD, main=OLD)
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / "model-1.safetensors").write_text("x")
    (snapshot / "model-2.safetensors").symlink_to(tmp_path / "blob that was never finished")
    with pytest.raises(
        Skip, match=r"incomplete, it lacks model-2\.safetensors; .*weights fetch reader"
    ):
        weights.require_checkpoint(model(), tmp_path / "cache")
    whole = checkpoint(tmp_path / "cache" / "reader-2B")
    assert weights.require_checkpoint(model(), tmp_path / "cache").folder == whole


def test_pickles_are_used_only_where_they_are_asked_for(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "old")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Skip, match=r"lacks model\.safetensors"):
        weights.require_checkpoint(model(model_id=str(folder)), tmp_path)
    assert weights.require_checkpoint(
        model(model_id=str(folder), use_safetensors=False), tmp_path
    ).is_complete


def test_pickles_need_a_commit_as_remote_code_does(tmp_path: Path, home: Path) -> None:
    snapshot = hub(home / "hub", OLD, main=OLD)
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    with pytest.raises(
        Skip, match=f"reads pickles and runs code from .* must be a commit .*'main'.*{OLD}"
    ):
        weights.require_checkpoint(model(use_safetensors=False), tmp_path)
    assert weights.require_checkpoint(
        model(use_safetensors=False, revision=OLD), tmp_path
    ).is_complete


def test_a_digest_follows_the_files_and_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = checkpoint(tmp_path / "mine"), tmp_path / "cache"
    first = weights.require_checkpoint(model(model_id=str(folder)), cache).digest
    with monkeypatch.context() as patched:
        patched.setattr(weights.hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
        assert weights.require_checkpoint(model(model_id=str(folder)), cache).digest == first
    (folder / "model.safetensors").write_text("other weights")
    assert weights.require_checkpoint(model(model_id=str(folder)), cache).digest != first


def test_remote_code_needs_a_commit_or_a_folder_of_ones_own(tmp_path: Path, home: Path) -> None:
    hub(home / "hub", OLD, main=OLD)
    with pytest.raises(Skip, match=f"must be a commit of 40 hexadecimal digits .*'main'.*{OLD}"):
        weights.require_checkpoint(model(trust_remote_code=True), tmp_path)
    assert weights.require_checkpoint(model(trust_remote_code=True, revision=OLD), tmp_path)
    assert weights.require_checkpoint(
        model(trust_remote_code=True, model_id=str(checkpoint(tmp_path / "mine"))), tmp_path
    )


def test_a_path_that_is_not_there_is_no_hub_id(tmp_path: Path) -> None:
    with pytest.raises(Skip, match=r"no folder \./nowhere; correct `model_id`"):
        weights.require_checkpoint(model(model_id="./nowhere"), tmp_path)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "processor_config.json"])
def test_code_of_another_repository_is_refused(tmp_path: Path, file: str) -> None:
    """A commit pins the code that lies beside the weights, not what an auto_map takes from
    elsewhere."""
    own = {"AutoModel": "own.Reader", "AutoTokenizer": ["own.Words", None]}
    folder = checkpoint(tmp_path / "reader", **{file: json.dumps({"auto_map": own})})
    asked = Model(name="reader", model_id=str(folder), trust_remote_code=True)
    assert weights.require_checkpoint(asked, tmp_path).folder == folder
    (folder / file).write_text(
        json.dumps({"auto_map": {**own, "AutoProcessor": [None, "evil/code--a.Reader"]}})
    )
    with pytest.raises(Skip, match="another repository.*evil/code--a.Reader"):
        weights.require_checkpoint(asked, tmp_path)
