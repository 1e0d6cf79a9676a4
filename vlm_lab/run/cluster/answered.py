"""A run's records -> which of its cases are answered, as one number each: a million of them take
eight megabytes, on each machine once.

A case is the same where suite, model, prompt and document are, and where the digests of its file,
its reference, its prompt and the settings are: what changed is asked again.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vlm_lab.records.parquet_records import has_parquet
from vlm_lab.records.run_folder import read_records
from vlm_lab.run.resume import NOT_ANSWERED
from vlm_lab.types import CaseKey


def compute_answer_digest(key: CaseKey, inputs: Mapping[str, str]) -> int:
    """64 bits of a hash: two of a million cases share one with a chance of one in 37 million."""
    text = json.dumps([key, sorted(inputs.items())])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def collect_answered(folder: Path) -> Any:
    """The digests of all answers of a run, sorted. Those that failed or were skipped are asked
    again."""
    if not has_parquet(folder):
        return np.array([], np.uint64)
    digests = (
        compute_answer_digest(record.key, record.inputs)
        for record in read_records(folder)
        if record.status not in NOT_ANSWERED
    )
    return np.sort(np.fromiter(digests, np.uint64))


def is_answered(answered: Any, digest: int) -> bool:
    """Whether it is among the sorted digests."""
    index = int(np.searchsorted(answered, np.uint64(digest)))
    return index < len(answered) and int(answered[index]) == digest
