"""Pictures kept on disk in shards of 64: drawing one takes longer than a lesson on it, and each
serves many lessons."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.nano.random_documents import any_word, wish
from training.nano.rendering import Picture, picture
from vlm_lab.files import atomic_file

SHARD = 64


def invoice(chance: random.Random) -> Picture:
    return picture(chance, wish(chance, spell=any_word))


def fill(
    folder: Path, index: int, seed: str, draw: Callable[[random.Random], Picture] = invoice
) -> None:
    """Draw one shard if it is not there yet; the same seed and index draw the same pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{index:05d}.npz"
    if not path.exists():
        chance = random.Random(f"{seed}/{index}")  # noqa: S311 - drawings, not secrets
        save(path, [draw(chance) for _ in range(SHARD)])


def opened(folder: Path) -> list[Picture]:
    """All pictures of a folder's shards."""
    return [each for path in sorted(folder.glob("[0-9]*[0-9].npz")) for each in load(path)]


def save(path: Path, pictures: list[Picture]) -> None:
    """A shard is whole or not there."""
    arrays: dict[str, NDArray[Any]] = {
        f"pixels{index}": each.pixels for index, each in enumerate(pictures)
    }
    arrays |= {f"centres{index}": each.centres for index, each in enumerate(pictures)}
    arrays["words"] = np.array(
        json.dumps([(each.letters, each.values, each.spots) for each in pictures])
    )
    with atomic_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> Iterator[Picture]:
    with np.load(path) as shard:
        for index, (letters, values, spots) in enumerate(json.loads(str(shard["words"]))):
            yield Picture(shard[f"pixels{index}"], letters, shard[f"centres{index}"], values, spots)
