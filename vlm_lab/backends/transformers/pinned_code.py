"""Whether all code that a checkpoint would run is pinned by a commit.

In: a model of models.yaml and the folder of its checkpoint. Out: a Skip that names what is not
pinned: remote code or pickles of a branch, and code that an auto_map takes from elsewhere.
"""

import re
from pathlib import Path
from typing import Any

from vlm_lab.errors import Skip
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.types import Model

COMMIT_PATTERN = re.compile(r"[0-9a-f]{40}")
PICKLE_SETTING = "use_safetensors: false reads pickles and"


def check_pinned_code(model: Model, folder: Path, revision: str | None) -> None:
    """Skip where code would run that no commit pins."""
    is_local = Path(model.model_id).expanduser().is_dir()
    if not (COMMIT_PATTERN.fullmatch(model.revision) or is_local):
        for runs_code, setting in (
            (model.trust_remote_code, "trust_remote_code"),
            (not model.use_safetensors, PICKLE_SETTING),
        ):
            if runs_code:
                figures = {
                    "model": model.name,
                    "setting": setting,
                    "model_id": model.model_id,
                    "revision": model.revision,
                    "found": revision or Message("none_known"),
                }
                raise Skip(Message("code_not_pinned", figures))
    if model.trust_remote_code and (classes := sorted(find_foreign_code(folder))):
        raise Skip(Message("foreign_code", {"model": model.name, "classes": classes}))


def find_foreign_code(folder: Path) -> set[str]:
    """Classes that a checkpoint's settings take from other repositories: transformers'
    `repository--module.Class`."""
    names: list[Any] = []
    for path in folder.glob("*config.json"):
        auto_map = read_json_object(path).get("auto_map")
        for entry in auto_map.values() if isinstance(auto_map, dict) else ():
            names += entry if isinstance(entry, list) else [entry]
    return {name for name in names if isinstance(name, str) and "--" in name}
