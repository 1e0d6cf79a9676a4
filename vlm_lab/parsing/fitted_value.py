"""Data that was brought into the schema's shape, and several such parts as one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlm_lab.parsing.merging import merge_values

MAX_SEARCH_DEPTH = 8  # levels of wrapping; nobody wraps deeper
MAX_PAGES = 200  # objects in a list that are merged


@dataclass(frozen=True, slots=True)
class FittedValue:
    """Data in the schema's shape, the schema's paths that it has, and whether it was reshaped."""

    value: Any
    paths: frozenset[str] = frozenset()
    reshaped: bool = False

    def mark_reshaped(self) -> "FittedValue":
        """The same, known to have stood elsewhere."""
        return self if self.reshaped else replace(self, reshaped=True)


def merge_disjoint(parts: Sequence[FittedValue]) -> FittedValue | None:
    """The first part, and of the others what it has no path of."""
    merged: FittedValue | None = None
    for part in parts:
        if merged is None:
            merged = part
        elif not part.paths & merged.paths:
            value = merge_values(merged.value, part.value)
            merged = FittedValue(value, merged.paths | part.paths, True)
    return merged


def merge_pages(pages: Sequence[FittedValue]) -> FittedValue | None:
    """Pages of one document: the first value of each field, all rows. A page that only repeats
    another is left out."""
    unique_pages = {repr(page.value): page for page in reversed(pages[:MAX_PAGES])}
    if not unique_pages:
        return None
    value: Any = {}
    for page in reversed(unique_pages.values()):
        value = merge_values(value, page.value)
    return FittedValue(
        value, frozenset().union(*(page.paths for page in unique_pages.values())), True
    )
