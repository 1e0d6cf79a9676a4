"""A document that is decided -> its reference, its line of verified.txt, and what became of what
was prefilled.

The reference comes last: what is broken off before it is still waiting for its label, and can be
finished again.
"""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from vlm_lab.analysis.consensus import compare_with_reference
from vlm_lab.corrections_page.labelling.form import build_reference
from vlm_lab.corrections_page.request_checks import Refusal
from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_private_file,
    make_missing_folders,
    read_bounded_bytes,
)
from vlm_lab.suite.corrections_file import lock_folder
from vlm_lab.suite.label_checks import LabelCheck, write_label_check
from vlm_lab.suite.label_drafts import LabelDraft, remove_draft
from vlm_lab.suite.private_files import make_references_folder
from vlm_lab.suite.reference_index import normalize_unicode
from vlm_lab.suite.reference_names import name_reference
from vlm_lab.suite.tags import VERIFIED_FILE, read_verified_names
from vlm_lab.types import Document


def finish_document(
    document: Document, draft: LabelDraft, blind: bool, labelled_by: str, written: str
) -> str:
    """Writes all that a label is; the digest of its reference. `written` is the digest of what this
    sitting wrote before, "" where nothing. Refusal where another file is there by now."""
    suite = document.suite
    path = suite.references / name_reference(suite, document.name)
    reference = build_reference(draft, suite.fields)
    content = (json.dumps(reference, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
    digest = sha256(content).hexdigest()
    with lock_folder(suite.folder):
        _check_unchanged(path, written)
        if not written:  # who changes a label has seen more by then
            kept, changed = compare_with_reference(
                draft.agreed, draft.agreed_row_counts, reference, suite
            )
            check = LabelCheck(
                document=document.id,
                blind=blind,
                kept=tuple(kept),
                changed=tuple(changed),
                reference_sha256=digest,
                run=draft.run,
                labelled_by=labelled_by,
                labelled_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            write_label_check(suite.folder, check)
        _add_verified(document)
        make_references_folder(suite.references)
        make_missing_folders(path.parent)
        if not written:
            _reserve(path)
        with atomic_private_file(path, durable=True) as file:
            file.write(content)
    remove_draft(suite.folder, document.id)
    return digest


def _check_unchanged(path: Path, written: str) -> None:
    try:
        present = sha256(read_bounded_bytes(path, MAX_DATA_BYTES)).hexdigest()
    except FileNotFoundError:
        present = ""
    if present != written:
        state = "is there by now" if not written else "was changed, or taken away, since"
        raise Refusal(409, f"{path} {state}: it stays as it is, and so does your draft")


def _reserve(path: Path) -> None:
    """Another program that writes the same file now is noticed."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Refusal(409, f"{path} is there by now: it stays as it is") from None


def _add_verified(document: Document) -> None:
    """Its line of verified.txt, where the suite does not say it of all references."""
    suite = document.suite
    names = read_verified_names(suite)
    if suite.verified or document.id in names or normalize_unicode(document.name) in names:
        return
    path = suite.folder / VERIFIED_FILE
    present = path.read_text("utf-8") if path.exists() else ""
    is_plain = document.name == document.name.strip() and document.name.isprintable()
    name = document.name if is_plain and not document.name.startswith("#") else document.id
    start = present if not present or present.endswith("\n") else f"{present}\n"
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    with atomic_private_file(path, durable=True) as file:
        file.write(f"{start}{name}\n".encode())
        os.fchmod(file.fileno(), mode)
