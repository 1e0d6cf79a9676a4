"""Documents -> the same, without references that our own scorer does not find right.

One odd reference (a value that looks like a template's, or like an escape) must not end a run over
three hundred documents: it is named, and its document runs unscored. Where most of them are so,
the suite is wrong and not they: nothing is left out, and the run ends with what is wrong.
"""

from collections.abc import Sequence
from dataclasses import replace

from vlm_lab.messages import Message
from vlm_lab.run.preflight import check_self_score
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Document


def leave_unscored(
    documents: Sequence[Document],
) -> tuple[tuple[Document, ...], tuple[Message, ...]]:
    """The documents, and a note on each whose reference is left out."""
    referenced = [document for document in documents if document.reference is not None]
    faults = {document.id: "".join(check_self_score(document)) for document in referenced}
    unsound_ids = {document_id for document_id, fault in faults.items() if fault}
    if len(unsound_ids) > len(referenced) / 2:
        return tuple(documents), ()
    kept = [
        replace(document, reference=None) if document.id in unsound_ids else document
        for document in documents
    ]
    notes = [
        Message("runs_unscored", {"said": terminal_safe(fault)})
        for fault in faults.values()
        if fault
    ]
    return tuple(kept), tuple(notes)
