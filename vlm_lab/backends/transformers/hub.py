"""What the hub has of a model, and bringing it here: the only code that downloads, when asked to.

Files go into `cache/hub` in the hub's own layout (blobs, snapshots, refs), so that other programs
find them there and the commit is known afterwards. A lost connection goes on in the middle of a
file, a fetch that was stopped with the files it had not finished. `HF_ENDPOINT` names a mirror.
"""

import glob
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import weights
from vlm_lab.commands import format_install_command
from vlm_lab.errors import UserError
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Model

HUB_URL = "https://huggingface.co"
SETTINGS_SUFFIXES = (".json", ".txt", ".jinja", ".model", ".tiktoken")
LICENCE_FILE_PATTERN = re.compile(r"(LICEN[CS]E|NOTICE|README)[^/]*", re.IGNORECASE)
DUPLICATE_WEIGHTS_PREFIXES = ("consolidated",)  # the same weights again, for other programs
CHAT_TEMPLATES_FOLDER = "additional_chat_templates/"


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What would be fetched: the commit that the revision stands for, and (name, bytes) of each
    file needed."""

    model_id: str
    commit: str
    files: tuple[tuple[str, int], ...]
    licence: str | None = None

    @property
    def total_bytes(self) -> int:
        return sum(size for _, size in self.files)


def get_endpoint() -> str:
    """Where the hub is."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB_URL


def plan_fetch(model: Model) -> FetchPlan:
    """Asks the hub. UserError where it cannot be reached, does not have the model, or has nothing
    that may be used."""
    with translate_errors(model) as hub:
        model_info = hub.HfApi(endpoint=get_endpoint()).model_info(
            model.model_id, revision=model.revision, files_metadata=True
        )
    sizes = {entry.rfilename: int(entry.size or 0) for entry in model_info.siblings or ()}
    file_names = select_files(sorted(sizes), model)
    if not any(name.endswith((".safetensors", ".bin")) for name in file_names):
        raise UserError(_format_no_weights(model, sizes))
    licence = (model_info.card_data or {}).get("license")
    return FetchPlan(
        model_id=model.model_id,
        commit=str(model_info.sha),
        files=tuple((name, sizes[name]) for name in file_names),
        licence=licence if isinstance(licence, str) else None,
    )


def select_files(names: Sequence[str], model: Model) -> list[str]:
    """The files that transformers reads, and those that say what may be done with them.

    Weights are safetensors unless the model says `use_safetensors: false`: a pickle can run
    anything. Python files only with `trust_remote_code`. Folders hold other forms of the same
    weights.
    """
    suffixes = [*SETTINGS_SUFFIXES, ".safetensors" if model.use_safetensors else ".bin"]
    suffixes += [".py"] if model.trust_remote_code else []
    selected = []
    for name in names:
        is_in_folder = "/" in name.removeprefix(CHAT_TEMPLATES_FOLDER)
        if is_in_folder or name.startswith((*DUPLICATE_WEIGHTS_PREFIXES, ".")):
            continue
        if name.endswith(tuple(suffixes)) or LICENCE_FILE_PATTERN.fullmatch(name):
            selected.append(name)
    return selected


def fetch_checkpoint(model: Model, plan: FetchPlan, cache: Path) -> weights.Weights:
    """Downloads what is not here yet, with a progress bar, and says where it is. UserError where
    that fails."""
    download(model, plan, cache)
    checkpoint = weights.find_checkpoint(model, cache)
    if checkpoint is None or not checkpoint.is_complete:
        raise UserError(
            f"{model.name}: {model.model_id} {_format_shortfall(checkpoint)}; "
            "transformers could not load it"
        )
    return checkpoint


def download(model: Model, plan: FetchPlan, cache: Path) -> None:
    """Brings the plan's files into the cache's own hub. UserError where they cannot be had, or do
    not fit."""
    root = cache / "hub"
    root.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(root).free
    if plan.total_bytes > free_bytes + _count_cached_bytes(root, model):
        raise UserError(
            f"{model.name}: {plan.total_bytes / 1e9:.1f} GB do not fit: "
            f"{root} has {free_bytes / 1e9:.1f} GB free"
        )
    with translate_errors(model) as hub:
        hub.snapshot_download(
            model.model_id,
            revision=model.revision,
            cache_dir=root,
            allow_patterns=[glob.escape(name) for name, _ in plan.files],
            endpoint=get_endpoint(),
        )


def _format_shortfall(checkpoint: weights.Weights | None) -> str:
    if checkpoint is None:
        return "came without everything"
    if checkpoint.missing:
        return f"came without {', '.join(checkpoint.missing)}"
    return f"did not come whole: {'; '.join(map(str, checkpoint.damage))}"


@contextmanager
def translate_errors(model: Model) -> Iterator[Any]:
    """huggingface_hub, with its exceptions turned into one message each."""
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors

        # httpx's or httpx2's, by version
        http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    except ImportError:
        command = format_install_command("local")
        raise UserError(f"fetching needs huggingface_hub: {command}") from None
    model_url = f"{get_endpoint()}/{model.model_id}"
    try:
        yield hub
    except errors.GatedRepoError:
        raise UserError(
            f"{model.name}: {model_url} is gated: accept its licence there, then set HF_TOKEN"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(
            f"{model.name}: {model_url} has no revision {model.revision!r}; see {model_url}/commits"
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"{model.name}: there is no {model_url}, or it is private: set HF_TOKEN"
        ) from None
    except errors.HFValidationError as error:
        raise UserError(f"{model.name}: model_id: {_format_error(error)}") from None
    except errors.OfflineModeIsEnabled:
        raise UserError(
            f"{model.name}: HF_HUB_OFFLINE is set, so {get_endpoint()} is not asked; "
            "unset it to fetch"
        ) from None
    except (http_error, OSError) as error:
        raise UserError(
            f"{model.name}: {get_endpoint()} could not be used ({_format_error(error)}). "
            "Without a network: fetch elsewhere and carry its cache/hub over, "
            "or set HF_ENDPOINT to a mirror. Whole files are kept; type the same again"
        ) from None


def _format_no_weights(model: Model, names: Sequence[str] | dict[str, int]) -> str:
    if any(name.endswith((".bin", ".safetensors")) for name in names):
        return (
            f"{model.name}: {model.model_id} has weights in a form that is not allowed (pickles "
            "can run any code); allow them in models.yaml with use_safetensors: false and a "
            "commit, or choose another checkpoint"
        )
    return (
        f"{model.name}: {model.model_id} has no weights that transformers reads; "
        "is it the right model_id?"
    )


def _count_cached_bytes(root: Path, model: Model) -> int:
    blobs = (weights.get_repository_folder(root, model) / "blobs").glob("*")
    return sum(path.stat().st_size for path in blobs if path.suffix != ".incomplete")


def _format_error(error: Exception) -> str:
    return terminal_safe(" ".join(str(error).split()))[:200] or type(error).__name__
