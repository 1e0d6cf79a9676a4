"""label_drafts/ in a suite's folder: documents whose labelling has begun, a file each.

They hold values of documents: the folder is its user's alone, and its own .gitignore keeps it out
of git. A draft is written at every decision and is gone when the reference is there. It is not
called .json, so that it is taken for no reference.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vlm_lab.errors import UserError
from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_private_file,
    make_private_folder,
    read_bounded_bytes,
)
from vlm_lab.suite.private_files import GITIGNORE_FILE
from vlm_lab.type_adapters import get_adapter

LABEL_DRAFTS_FOLDER = "label_drafts"
DRAFT_SUFFIX = ".draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDraft:
    """A document that is being labelled: what was `decided` by place (None: the page shows none),
    what is prefilled and still `open`, how many rows each list has; and what candidates of `run`
    `agreed` on when it was begun, with the rows that this was about."""

    document: str
    row_counts: Mapping[str, int] = field(default_factory=dict)
    decided: Mapping[str, Any] = field(default_factory=dict)
    open: Mapping[str, Any] = field(default_factory=dict)
    agreed: Mapping[str, Any] = field(default_factory=dict)
    agreed_row_counts: Mapping[str, int] = field(default_factory=dict)
    run: str = ""


def locate_draft(suite_folder: Path, document: str) -> Path:
    """The file of a document, by its id."""
    return suite_folder / LABEL_DRAFTS_FOLDER / f"{document}{DRAFT_SUFFIX}"


def read_draft(suite_folder: Path, document: str) -> tuple[LabelDraft | None, str]:
    """The draft, and a digest of it by which a change is noticed; None and "" where there is none.
    UserError where it cannot be used."""
    path = locate_draft(suite_folder, document)
    try:
        content = read_bounded_bytes(path, MAX_DATA_BYTES)
        return get_adapter(LabelDraft).validate_json(content), sha256(content).hexdigest()
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError:
        raise UserError(
            f"{path}: is no draft of a label; correct it, or delete it and begin again"
        ) from None


def write_draft(suite_folder: Path, draft: LabelDraft) -> str:
    """Writes it whole; its digest. UserError where that cannot be."""
    path = locate_draft(suite_folder, draft.document)
    text = json.dumps(asdict(draft), ensure_ascii=False, indent=1) + "\n"
    content = text.encode("utf-8", "replace")
    try:
        make_private_folder(path.parent, path.parent)
        gitignore = path.with_name(GITIGNORE_FILE)
        if not gitignore.exists():
            gitignore.write_text("*\n", "utf-8")
        with atomic_private_file(path, durable=True) as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    return sha256(content).hexdigest()


def remove_draft(suite_folder: Path, document: str) -> None:
    """Where it is there."""
    locate_draft(suite_folder, document).unlink(missing_ok=True)
