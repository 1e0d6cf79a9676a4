"""What `generate` takes for a logits processor."""

import inspect
from typing import Any

import pytest

from vlm_lab.backends.transformers.logits_processor import LogitsProcessor

transformers = pytest.importorskip("transformers")


class Doubled:
    """Scores times two, and what it was called with."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, ids: Any, scores: Any) -> Any:
        self.seen.append(ids)
        return scores * 2


def test_transformers_calls_one_after_the_other() -> None:
    first, second = Doubled(), Doubled()
    processors = transformers.LogitsProcessorList(map(LogitsProcessor, (first, second)))
    assert processors("ids", 3) == 12
    assert (first.seen, second.seen) == (["ids"], ["ids"])


def test_its_signature_is_there_and_is_not_put_together() -> None:
    processor = LogitsProcessor(Doubled())
    signature = inspect.signature(processor.__call__)
    assert list(signature.parameters) == ["ids", "scores"]
    assert inspect.signature(processor.__call__) is signature
    assert callable(processor)
