"""What a worker makes of an error: a kind, words, and memory that is free again."""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from vlm_lab.backends.transformers import worker
from vlm_lab.backends.transformers.worker_error import WorkerError


def raiser(error: Exception) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (
            raiser(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")),
            "OutOfMemory",
        ),
        (raiser(MemoryError()), "OutOfMemory"),
        (lambda: torch.empty(1 << 60, dtype=torch.uint8), "OutOfMemory"),
        (raiser(RuntimeError("mat1 and mat2 shapes cannot be multiplied")), "RuntimeError"),
        (raiser(WorkerError("ContextOverflow", "too long")), "ContextOverflow"),
    ],
    ids=["torch's on a GPU", "Python's", "torch's on a CPU", "another", "ours"],
)
def test_an_error_is_a_kind_and_words(work: Callable[[], Any], kind: str) -> None:
    assert worker.run_guarded(work)["error"][0] == kind


@pytest.mark.parametrize("cuda", [True, False])
def test_what_did_not_fit_is_free_before_the_cache_is_emptied(
    monkeypatch: pytest.MonkeyPatch, cuda: bool
) -> None:
    """Without a GPU: torch says that it has one. A frame of the error would hold the tensor, its
    cycle too."""
    kept: list[Any] = []
    seen: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: seen.append(kept[0]() is None))

    def work() -> Any:
        cache: Any = torch.zeros(10)
        cache.itself = cache
        kept.append(weakref.ref(cache))
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert worker.run_guarded(work)["error"] == [
        "OutOfMemory",
        "OutOfMemoryError: CUDA out of memory",
    ]
    assert seen == [True] * cuda
    worker.run_guarded(raiser(ValueError("no matter of memory")))
    assert seen == [True] * cuda
