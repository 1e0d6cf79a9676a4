"""What goes from stage to stage of a run over many machines: a document, with more and more known
of it, and what all stages are told of their job.

Between stages there are batches with one column of pickles, which never leave the cluster.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vlm_lab.errors import Skip
from vlm_lab.messages import Message
from vlm_lab.run.case_builder import CaseBuilder
from vlm_lab.run.cluster.documents import PlannedDocument
from vlm_lab.run.record import describe_failure
from vlm_lab.types import Generation, PageText, Record, Runtime, Status, Suite

ITEM = "item"  # the one column between stages
Batch = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One candidate's part of a run, as workers are told it. `answered` finds what the run that is
    gone on with has, in Ray's store."""

    id: str
    builder: CaseBuilder
    suite: Suite
    runtime: Runtime
    max_pages: int | None
    start_folder: Path
    project: Path
    plugins: tuple[str, ...]
    answered: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document on its way. `base` is its record before there is an answer, `page_fields` what
    that says of its pages beside. Without a `generation` it is `base` that is written."""

    document: PlannedDocument
    base: Record
    not_shown: frozenset[str] = frozenset()
    text: str = ""
    pages: tuple[Any, ...] = ()
    page_notes: tuple[Message, ...] = ()
    page_text: PageText | None = None
    page_fields: Mapping[str, Any] = field(default_factory=dict)
    generation: Generation | None = None

    @property
    def has_failed(self) -> bool:
        return self.base.error is not None

    def fail(self, error: BaseException) -> "Item":
        """The same without an answer, with the reason, and without what is no longer needed."""
        status: Status = "skipped" if isinstance(error, Skip) else "error"
        base = replace(self.base, status=status, error=describe_failure(error))
        return Item(document=self.document, base=base)


def pack_items(items: Sequence[Item]) -> dict[str, Any]:
    """A batch, as Ray takes it."""
    return {ITEM: np.array([pickle.dumps(item) for item in items], dtype=object)}


def unpack_items(batch: Batch) -> list[Item]:
    """What `pack_items` packed, on this cluster and in this run."""
    # Written by the stage before it, in the store of the cluster that we started or were told of.
    return [pickle.loads(item) for item in batch[ITEM]]  # noqa: S301
