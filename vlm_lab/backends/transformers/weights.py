"""Where a model's weights are on this machine, whether they are complete, and what identifies them.
No network.

Looked for in this order: a local path; cache/hub; HF_HUB_CACHE, HF_HOME/hub or
~/.cache/huggingface/hub; folders that `--local-dir` wrote under cache/ or ~/.cache/huggingface/
whose name or config names the model.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.errors import Skip
from vlm_lab.files import read_json_object, write_json_object
from vlm_lab.types import Model

COMMIT_PATTERN = re.compile(r"[0-9a-f]{40}")
INDEX_FILES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
# What is looked for and what is called missing, for safetensors and for pickles.
WEIGHTS_FILES = (("*.safetensors", "model.safetensors"), ("*.bin", "pytorch_model.bin"))
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "spiece.model",
    "tekken.json",
)
PICKLE_SETTING = "use_safetensors: false reads pickles and"
# Other things that caches hold.
OTHER_CACHE_FOLDERS = {"hub", "datasets", "replies", "modules", "xet", "assets"}


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint's folder. `revision` is the hub's commit, None for a folder that is not from the
    hub; `digest` is that commit, else sha256 over the files; `missing` names the files that a
    complete checkpoint would have."""

    folder: Path
    revision: str | None
    digest: str
    missing: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not self.missing


def require_checkpoint(model: Model, cache: Path) -> Weights:
    """The model's complete weights; Skip says what is missing and the command that brings it."""
    checkpoint = find_checkpoint(model, cache)
    fetch_command = f"vlm-lab weights fetch {model.name}"
    if checkpoint is None and is_local_path(model.model_id):
        raise Skip(f"{model.name}: no folder {model.model_id}; correct `model_id` in models.yaml")
    if checkpoint is None:
        raise Skip(
            f"{model.name}: no weights of {model.model_id} ({model.revision}) here; {fetch_command}"
        )
    if not checkpoint.is_complete:
        names = ", ".join(checkpoint.missing[:3]) + (" ..." if len(checkpoint.missing) > 3 else "")
        raise Skip(
            f"{model.name}: {checkpoint.folder} is incomplete, it lacks {names}; {fetch_command}"
        )
    _check_pinned_code(model, checkpoint)
    return checkpoint


def _check_pinned_code(model: Model, checkpoint: Weights) -> None:
    """Skip where code would run that no commit pins."""
    is_local = Path(model.model_id).expanduser().is_dir()
    if not (COMMIT_PATTERN.fullmatch(model.revision) or is_local):
        for runs_code, setting in (
            (model.trust_remote_code, "trust_remote_code"),
            (not model.use_safetensors, PICKLE_SETTING),
        ):
            if runs_code:
                raise Skip(
                    f"{model.name}: {setting} runs code from {model.model_id}, so `revision` must "
                    f"be a commit of 40 hexadecimal digits (got {model.revision!r}); "
                    f"here is {checkpoint.revision or 'none known'}"
                )
    if model.trust_remote_code and (classes := sorted(find_foreign_code(checkpoint.folder))):
        raise Skip(
            f"{model.name}: its auto_map runs code of another repository, which `revision` does "
            f"not pin: {', '.join(classes)}; copy that code into a local folder with the weights, "
            "and name its files in auto_map"
        )


def find_foreign_code(folder: Path) -> set[str]:
    """Classes that a checkpoint's settings take from other repositories: transformers'
    `repository--module.Class`."""
    names: list[Any] = []
    for path in folder.glob("*config.json"):
        auto_map = read_json_object(path).get("auto_map")
        for entry in auto_map.values() if isinstance(auto_map, dict) else ():
            names += entry if isinstance(entry, list) else [entry]
    return {name for name in names if isinstance(name, str) and "--" in name}


def find_checkpoint(model: Model, cache: Path) -> Weights | None:
    """The first place that has the model at its revision; complete ones are preferred."""
    best = None
    for folder, revision in find_checkpoint_folders(model, cache):
        missing = tuple(find_missing_files(folder, uses_pickles=not model.use_safetensors))
        if best is None or (best.missing and not missing):
            best = Weights(folder, revision, revision or compute_digest(folder, cache), missing)
        if not missing:
            break
    return best


def is_local_path(model_id: str) -> bool:
    """Hub ids are `name` or `organisation/name`; anything else can only be a path."""
    return model_id.startswith((".", "/", "~")) or model_id.count("/") > 1 or "\\" in model_id


def find_local_folder(model: Model, cache: Path) -> Path | None:
    """The folder that `model_id` names; None where it can only be a hub's repository."""
    given_path = Path(model.model_id).expanduser()
    # The second: the project's own checkpoints, from whatever folder it is run.
    folders = (given_path, cache.parent / given_path)
    return next((folder for folder in folders if folder.is_dir()), None)


def find_checkpoint_folders(model: Model, cache: Path) -> Iterator[tuple[Path, str | None]]:
    """Folders that may hold the model, each with its commit where that is known, in the order of
    preference."""
    local_folder = find_local_folder(model, cache)
    if local_folder:
        yield local_folder, None
        return
    default_home = Path.home() / ".cache" / "huggingface"
    hf_home = Path(os.environ.get("HF_HOME") or default_home).expanduser()
    hub_cache = Path(os.environ.get("HF_HUB_CACHE") or hf_home / "hub").expanduser()
    for root in (cache / "hub", hub_cache):
        commit = resolve_commit(root, model)
        if commit:
            yield get_repository_folder(root, model) / "snapshots" / commit, commit
    for root in (cache, hf_home):
        for folder in find_local_folders(root, model.model_id):
            commit = read_fetched_commit(folder)
            if model.revision == "main" or commit == model.revision:
                yield folder, commit


def get_repository_folder(root: Path, model: Model) -> Path:
    return root / ("models--" + model.model_id.replace("/", "--"))


def resolve_commit(root: Path, model: Model) -> str | None:
    """The commit that a hub cache has for the model's revision (a branch, a tag, or the commit
    itself)."""
    folder = get_repository_folder(root, model)
    commit = model.revision
    if not COMMIT_PATTERN.fullmatch(commit):
        try:
            commit = (folder / "refs" / commit).read_text("ascii").strip()
        except (OSError, ValueError):
            return None
    return commit if (folder / "snapshots" / commit).is_dir() else None


def find_local_folders(root: Path, model_id: str) -> Iterator[Path]:
    """Folders up to two levels under `root` that are this model by their name or by what their
    config says."""
    repository_name = model_id.rpartition("/")[2]
    folder_names = (repository_name, model_id.replace("/", "--"))
    for config_path in sorted([*root.glob("*/config.json"), *root.glob("*/*/config.json")]):
        folder = config_path.parent
        if OTHER_CACHE_FOLDERS & set(folder.relative_to(root).parts):
            continue
        model_name = read_json_object(config_path).get("_name_or_path")
        if folder.name in folder_names or model_name == model_id:
            yield folder


def read_fetched_commit(folder: Path) -> str | None:
    """The commit that `--local-dir` noted beside what it fetched: the first line of each file's
    metadata."""
    download_folder = folder / ".cache" / "huggingface" / "download"
    for metadata_path in sorted(download_folder.glob("*.metadata")):
        first_line = metadata_path.read_text("utf-8", "replace").partition("\n")[0].strip()
        if COMMIT_PATTERN.fullmatch(first_line):
            return first_line
    return None


def find_missing_files(folder: Path, uses_pickles: bool) -> Iterator[str]:
    """Names of files that are needed and not there; a link of the hub's cache into nothing is not
    there."""
    if not (folder / "config.json").is_file():
        yield "config.json"
    index_path = folder / INDEX_FILES[uses_pickles]
    pattern, weights_file = WEIGHTS_FILES[uses_pickles]
    if index_path.is_file():
        weight_map = read_json_object(index_path).get("weight_map")
        shard_names = [index_path.name]
        if isinstance(weight_map, dict):
            shard_names = sorted(set(map(str, weight_map.values())))
        yield from (name for name in shard_names if not (folder / name).is_file())
    elif not any(path.is_file() for path in folder.glob(pattern)):
        yield weights_file
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        yield TOKENIZER_FILES[0]


def compute_digest(folder: Path, cache: Path) -> str:
    """sha256 over the names and contents of a folder's files; remembered by path, size and time of
    change."""
    visible_paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    paths = sorted(path for path in visible_paths if path.is_file())
    hashes_path = cache / "weights.json"
    known_hashes = read_json_object(hashes_path)
    hashes = {path.name: _hash_file(path, known_hashes) for path in paths}
    new_hashes = {_make_file_key(path): hashes[path.name] for path in paths}
    if not new_hashes.items() <= known_hashes.items():
        write_json_object(hashes_path, {**known_hashes, **new_hashes})
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _hash_file(path: Path, known_hashes: dict[str, Any]) -> str:
    if known_hash := known_hashes.get(_make_file_key(path)):
        return str(known_hash)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_file_key(path: Path) -> str:
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
