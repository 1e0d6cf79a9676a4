"""Which documents a candidate is judged by: the one place that says so, for every figure.

A document is in a candidate's figures where it was answered, well or not. One that could not be
asked (`error`, `skipped`, `not_run`) is counted beside them. One that it is not judged by is in no
count of its, and is named with the reason.
"""

from vlm_lab.errors import NotApplicable
from vlm_lab.messages import Message
from vlm_lab.types import Record


def explain_left_out(record: Record) -> str | Message | None:
    """Why a candidate is not judged by this document; None where it is."""
    if record.error and record.error.type == NotApplicable.kind:
        return record.failure_reason
    if is_own_reference(record):
        return Message("own_reference")
    return None


def is_own_reference(record: Record) -> bool:
    """Whether an answer is the very file that its reference is, which nobody has checked: a
    pipeline that is held against its own output is always right."""
    replayed = record.environment.get("replayed")
    return bool(replayed) and replayed == record.reference_sha256 and not record.verified
