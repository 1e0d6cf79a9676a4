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
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "spiece.model",
    "tekken.json",
)
PICKLE_SETTING = "use_safetensors: false reads pickles and"
OTHER_CACHE_FOLDERS = {
    "hub",
    "datasets",
    "replies",
    "modules",
    "xet",
    "assets",
}  # other things that caches hold


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
    found = find_checkpoint(model, cache)
    fetch = f"vlm-lab weights fetch {model.name}"
    if found is None:
        if is_local_path(model.model_id):
            raise Skip(
                f"{model.name}: no folder {model.model_id}; correct `model_id` in models.yaml"
            )
        raise Skip(f"{model.name}: no weights of {model.model_id} ({model.revision}) here; {fetch}")
    if not found.is_complete:
        names = ", ".join(found.missing[:3]) + (" ..." if len(found.missing) > 3 else "")
        raise Skip(f"{model.name}: {found.folder} is incomplete, it lacks {names}; {fetch}")
    if not (COMMIT_PATTERN.fullmatch(model.revision) or Path(model.model_id).expanduser().is_dir()):
        for allowed, what in (
            (model.trust_remote_code, "trust_remote_code"),
            (not model.use_safetensors, PICKLE_SETTING),
        ):
            if allowed:
                raise Skip(
                    f"{model.name}: {what} runs code from {model.model_id}, so `revision` must be a commit of 40 "
                    f"hexadecimal digits (got {model.revision!r}); here is {found.revision or 'none known'}"
                )
    if model.trust_remote_code and (other := sorted(find_foreign_code(found.folder))):
        raise Skip(
            f"{model.name}: its auto_map runs code of another repository, which `revision` does not pin: "
            f"{', '.join(other)}; copy that code into a local folder with the weights, and name its files in auto_map"
        )
    return found


def find_foreign_code(folder: Path) -> set[str]:
    """Classes that a checkpoint's settings take from other repositories: transformers'
    `repository--module.Class`."""
    maps = [read_json_object(path).get("auto_map") for path in folder.glob("*config.json")]
    entries = [entry for each in maps if isinstance(each, dict) for entry in each.values()]
    names = [name for entry in entries for name in (entry if isinstance(entry, list) else [entry])]
    return {name for name in names if isinstance(name, str) and "--" in name}


def find_checkpoint(model: Model, cache: Path) -> Weights | None:
    """The first place that has the model at its revision; complete ones are preferred."""
    pickles = not model.use_safetensors
    first = None
    for folder, revision in find_checkpoint_folders(model, cache):
        missing = tuple(find_missing_files(folder, pickles))
        if first is None or (first.missing and not missing):
            first = Weights(folder, revision, revision or compute_digest(folder, cache), missing)
        if not missing:
            break
    return first


def is_local_path(model_id: str) -> bool:
    """Hub ids are `name` or `organisation/name`; anything else can only be a path."""
    return model_id.startswith((".", "/", "~")) or model_id.count("/") > 1 or "\\" in model_id


def find_checkpoint_folders(model: Model, cache: Path) -> Iterator[tuple[Path, str | None]]:
    """Folders that may hold the model, each with its commit where that is known, in the order of
    preference."""
    written = Path(model.model_id).expanduser()
    for local in (
        written,
        cache.parent / written,
    ):  # the project's own checkpoints, from whatever folder it is run
        if local.is_dir():
            yield local, None
            return
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    for root in (cache / "hub", hub):
        commit = resolve_commit(root, model)
        if commit:
            yield get_repository_folder(root, model) / "snapshots" / commit, commit
    for root in (cache, home):
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
    name = model_id.rpartition("/")[2]
    for path in sorted([*root.glob("*/config.json"), *root.glob("*/*/config.json")]):
        folder = path.parent
        if OTHER_CACHE_FOLDERS & set(folder.relative_to(root).parts):
            continue
        if (
            folder.name in (name, model_id.replace("/", "--"))
            or read_json_object(path).get("_name_or_path") == model_id
        ):
            yield folder


def read_fetched_commit(folder: Path) -> str | None:
    """The commit that `--local-dir` noted beside what it fetched: the first line of each file's
    metadata."""
    for note in sorted((folder / ".cache" / "huggingface" / "download").glob("*.metadata")):
        line = note.read_text("utf-8", "replace").partition("\n")[0].strip()
        if COMMIT_PATTERN.fullmatch(line):
            return line
    return None


def find_missing_files(folder: Path, pickles: bool) -> Iterator[str]:
    """Names of files that are needed and not there; a link of the hub's cache into nothing is not
    there."""
    if not (folder / "config.json").is_file():
        yield "config.json"
    index = folder / INDEX_FILES[pickles]
    if index.is_file():
        shards = read_json_object(index).get("weight_map")
        names = sorted(set(shards.values())) if isinstance(shards, dict) else [index.name]
        yield from (str(name) for name in names if not (folder / str(name)).is_file())
    elif not any(path.is_file() for path in folder.glob("*.bin" if pickles else "*.safetensors")):
        yield "pytorch_model.bin" if pickles else "model.safetensors"
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        yield TOKENIZER_FILES[0]


def compute_digest(folder: Path, cache: Path) -> str:
    """sha256 over the names and contents of a folder's files; remembered by path, size and time of
    change."""
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    notes = cache / "weights.json"
    known = read_json_object(notes)
    hashes = {path.name: _hash_file(path, known) for path in files}
    fresh = {_make_file_key(path): hashes[path.name] for path in files}
    if not fresh.items() <= known.items():
        write_json_object(notes, {**known, **fresh})
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _hash_file(path: Path, known: dict[str, Any]) -> str:
    if remembered := known.get(_make_file_key(path)):
        return str(remembered)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_file_key(path: Path) -> str:
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
