"""An adapter (LoRA) beside a model's weights: where it lies, whether it is whole, and whether it
was trained on this model.

In: a model whose `adapter` is a folder or owner/name@commit. Out: an `Adapter`, or a Skip that says
what is wrong: a model is never judged without the adapter that it is named for. That each of its
weights found its place, the worker sees when it is loaded. Pickles are not read. No network.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vlm_lab.backends.transformers import weights
from vlm_lab.backends.transformers.checkpoint_files import ADAPTER_FILES, find_file_complaints
from vlm_lab.commands import format_command
from vlm_lab.errors import Skip
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.types import Model

CONFIG_FILE, WEIGHTS_FILE, PICKLE_FILE = ADAPTER_FILES
HUB_ID_PATTERN = re.compile(r"[\w.-]+/[\w.-]+")
# The same weights with fewer bits go under names of their own; adapters are trained on them.
QUANTIZED_SUFFIX_PATTERN = re.compile(
    r"(-unsloth)?(-bnb)?(-(4bit|8bit|int4|int8|nf4|fp8|awq|gptq)(-int[48])?)$"
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A whole adapter. `digest` is the hub's commit, else sha256 over its two files; `base` the
    model that it says it was trained on."""

    folder: Path
    digest: str
    base: str

    @property
    def byte_count(self) -> int:
        return (self.folder / WEIGHTS_FILE).stat().st_size


def require_adapter(model: Model, cache: Path) -> Adapter | None:
    """The model's adapter; None where it has none."""
    if model.adapter is None:
        return None
    holder = make_holder(model)
    folders = list(weights.find_checkpoint_folders(holder, cache))
    if not folders:
        raise Skip(_describe_absence(model))
    folder, revision = folders[0]
    if damage := list(find_adapter_damage(folder)):
        figures = {"model": model.name, "path": str(folder), "damage": damage}
        raise Skip(Message("adapter_damaged", figures))
    base = str(read_json_object(folder / CONFIG_FILE).get("base_model_name_or_path") or "")
    if is_other_base(base, _find_own_name(model, cache)):
        figures = {"model": model.name, "path": str(folder), "base": base, "own": model.model_id}
        raise Skip(Message("adapter_of_another", figures))
    paths = [folder / CONFIG_FILE, folder / WEIGHTS_FILE]
    return Adapter(folder, revision or weights.compute_files_digest(paths, cache), base)


def make_holder(model: Model) -> Model:
    """The adapter as if it were a model of its own: places are looked up and fetched alike."""
    model_id, _, commit = (model.adapter or "").partition("@")
    return replace(model, model_id=model_id, revision=commit or "main", adapter=None)


def _describe_absence(model: Model) -> Message:
    holder = make_holder(model)
    figures = {"model": model.name, "path": holder.model_id}
    if not HUB_ID_PATTERN.fullmatch(holder.model_id) or weights.is_local_path(holder.model_id):
        return Message("no_adapter_folder", figures)
    if holder.revision == "main":
        return Message("adapter_not_pinned", figures)
    command = format_command("weights", "fetch", model.name)
    return Message("no_adapter", {**figures, "commit": holder.revision, "command": command})


def find_adapter_damage(folder: Path) -> Iterator[Message]:
    """A sentence for each of the two files that is missing or not whole."""
    if not (folder / CONFIG_FILE).is_file():
        yield Message("adapter_file_missing", {"file": CONFIG_FILE})
    if (folder / WEIGHTS_FILE).is_file():
        yield from find_file_complaints(folder, (CONFIG_FILE, WEIGHTS_FILE))
    elif (folder / PICKLE_FILE).is_file():
        yield Message("adapter_of_pickle", {"file": PICKLE_FILE})
    else:
        yield Message("adapter_file_missing", {"file": WEIGHTS_FILE})


def _find_own_name(model: Model, cache: Path) -> str:
    """What the hub calls the model; of a folder, what its config.json says that it was."""
    folder = weights.find_local_folder(model, cache)
    if folder is None:
        return model.model_id
    return str(read_json_object(folder / "config.json").get("_name_or_path") or "")


def is_other_base(base: str, own_name: str) -> bool:
    """Whether two names of the hub are those of two models. A path says nothing of what lies
    there: the adapter's weights decide."""
    names = [name for name in (base, own_name) if HUB_ID_PATTERN.fullmatch(name)]
    if len(names) < 2:
        return False
    repositories = {
        QUANTIZED_SUFFIX_PATTERN.sub("", name.rpartition("/")[2].lower()) for name in names
    }
    return len(repositories) > 1
