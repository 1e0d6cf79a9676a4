"""Where a model's weights are on this machine, whether they are complete, and what identifies them.
No network.

Looked for in this order: a local path; cache/hub; HF_HUB_CACHE, HF_HOME/hub or
~/.cache/huggingface/hub; folders that `--local-dir` wrote under cache/ or ~/.cache/huggingface/
whose name or config names the model.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.checkpoint_files import (
    ADAPTER_KINDS,
    LFS_POINTER,
    find_damage,
    find_missing_files,
)
from vlm_lab.backends.transformers.pinned_code import COMMIT_PATTERN, check_pinned_code
from vlm_lab.commands import format_command
from vlm_lab.errors import Skip
from vlm_lab.files import read_json_object, write_json_object
from vlm_lab.messages import Message
from vlm_lab.types import Model

SHOWN_FILES = 3
# Other things that caches hold.
OTHER_CACHE_FOLDERS = {"hub", "datasets", "replies", "modules", "xet", "assets"}


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint's folder. `revision` is the hub's commit, None for a folder that is not from the
    hub; `digest` is that commit, else sha256 over the files; `missing` names the files that a
    complete checkpoint would have, `damage` has a sentence for each that is here and not whole."""

    folder: Path
    revision: str | None
    digest: str
    missing: tuple[str, ...] = ()
    damage: tuple[Message, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.damage)

    @property
    def state(self) -> str:
        """`complete`, or how many files are not."""
        if self.missing:
            return f"lacks {len(self.missing)} files"
        return f"{len(self.damage)} files are not whole" if self.damage else "complete"


def require_checkpoint(model: Model, cache: Path) -> Weights:
    """The model's complete weights; Skip says what is missing and the command that brings it."""
    checkpoint = find_checkpoint(model, cache)
    fetch_command = format_command("weights", "fetch", model.name)
    if checkpoint is None and is_local_path(model.model_id):
        figures = {"model": model.name, "path": model.model_id}
        raise Skip(Message("no_weights_folder", figures))
    if checkpoint is None:
        figures = {
            "model": model.name,
            "model_id": model.model_id,
            "revision": model.revision,
            "command": fetch_command,
        }
        raise Skip(Message("no_weights", figures))
    if not checkpoint.is_complete:
        raise Skip(_describe_incomplete(model, checkpoint, fetch_command))
    check_pinned_code(model, checkpoint.folder, checkpoint.revision)
    return checkpoint


def _describe_incomplete(model: Model, checkpoint: Weights, fetch_command: str) -> Message:
    """What of a checkpoint is not there or not whole, and what to do about it."""
    # Where an adapter lies alone, a model's files are not what is missing.
    missing = () if _is_adapter(checkpoint) else checkpoint.missing
    figures: dict[str, Any] = {
        "model": model.name,
        "path": str(checkpoint.folder),
        "remedy": _describe_remedy(model, checkpoint, fetch_command),
    }
    if missing:
        hidden = " ..." if len(missing) > SHOWN_FILES else ""
        figures["files"] = f"{', '.join(missing[:SHOWN_FILES])}{hidden}"
    if checkpoint.damage:
        shown_damage = list(checkpoint.damage[:SHOWN_FILES])
        hidden_count = len(checkpoint.damage) - SHOWN_FILES
        and_more = Message("more_damage", {"damage": shown_damage, "n": hidden_count})
        figures["damage"] = and_more if hidden_count > 0 else shown_damage
    kinds = {
        (False, False): "weights_incomplete",
        (True, False): "weights_lack",
        (False, True): "weights_damaged",
        (True, True): "weights_lack_and_damaged",
    }
    return Message(kinds["files" in figures, "damage" in figures], figures)


def _is_adapter(checkpoint: Weights) -> bool:
    return any(complaint.kind in ADAPTER_KINDS for complaint in checkpoint.damage)


def _describe_remedy(model: Model, checkpoint: Weights, fetch_command: str) -> Message | str:
    """What to do about a checkpoint that is not whole."""
    damage = checkpoint.damage
    if _is_adapter(checkpoint):
        return Message("merge_adapter")
    if any(complaint.kind == LFS_POINTER for complaint in damage):
        return f"git -C {shlex.quote(str(checkpoint.folder))} lfs pull"
    if damage:
        names = list(dict.fromkeys(complaint.figures["file"] for complaint in damage))
        return describe_renewal(checkpoint, model.name, names)
    if is_local_path(model.model_id):
        return Message("correct_folder", {"path": model.model_id})
    return fetch_command


def describe_renewal(
    checkpoint: Weights, model_name: str, names: Sequence[str] = ()
) -> Message | str:
    """How files that are here and wrong are had anew: a hub's cache keeps a file that it has, so
    that it must go first."""
    if checkpoint.revision is None:
        return Message("copy_anew", {"path": str(checkpoint.folder)})
    paths = [shlex.quote(str((checkpoint.folder / name).resolve())) for name in names]
    removal = f"rm {' '.join(paths)} && " if paths else ""
    return f"{removal}{format_command('weights', 'fetch', model_name)}"


def find_checkpoint(model: Model, cache: Path) -> Weights | None:
    """The first place that has the model at its revision; complete ones are preferred."""
    best = None
    for folder, revision in find_checkpoint_folders(model, cache):
        missing = tuple(find_missing_files(folder, uses_pickles=not model.use_safetensors))
        damage = tuple(find_damage(folder, uses_pickles=not model.use_safetensors))
        found = Weights(
            folder, revision, revision or compute_digest(folder, cache), missing, damage
        )
        if best is None or _rank(found) < _rank(best):
            best = found
        if best.is_complete:
            break
    return best


def _rank(checkpoint: Weights) -> tuple[bool, bool]:
    """Whole ones first."""
    return bool(checkpoint.missing), bool(checkpoint.damage)


def find_folder(model: Model, cache: Path) -> Path | None:
    """Where a model lies that has its config.json, whole or not; nothing of it is hashed."""
    for folder, _ in find_checkpoint_folders(model, cache):
        if (folder / "config.json").is_file():
            return folder
    return None


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


def compute_digest(folder: Path, cache: Path) -> str:
    """sha256 over the names and contents of a folder's files."""
    visible_paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return compute_files_digest(sorted(path for path in visible_paths if path.is_file()), cache)


def compute_files_digest(paths: Sequence[Path], cache: Path) -> str:
    """sha256 over the names and contents of files; remembered by path, size and time of change."""
    hashes_path = cache / "weights.json"
    known_hashes = read_json_object(hashes_path)
    hashes = {path.name: _hash_file(path, known_hashes) for path in paths}
    new_hashes = {_make_file_key(path): hashes[path.name] for path in paths}
    if not new_hashes.items() <= known_hashes.items():
        with suppress(OSError):  # a cache that cannot be written costs time alone
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
