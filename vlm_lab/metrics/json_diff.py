"""How the JavaScript library json-diff 1.0.6 compares two values with `sort: true`: what `omni` is
defined by.

Objects in a list get names: each one of the second list takes the name of the first list's object
that it resembles most, if no other resembles it more. Then both lists are sorted as texts and
compared by difflib's SequenceMatcher.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import count
from typing import Any, NamedTuple

SCALAR_NAME = "__$!SCALAR"  # what an object in a list is called; sorting depends on it


class Similarity(NamedTuple):
    score: float
    equal: bool


class JsonDiff:
    """Remembers each pair of containers it compared: else nested lists take exponential time."""

    def __init__(self) -> None:
        self._results_by_pair: dict[tuple[int, int], Similarity] = {}

    def compare(self, first: Any, second: Any) -> Similarity:
        """json-diff's score of a pair, without upper limit, and whether it sees no difference."""
        if type(first) is not type(second) or not isinstance(first, (dict, list)):
            equal = _is_same_scalar(first, second)
            return Similarity(100.0 if equal else 0.0, equal)
        pair_ids = (id(first), id(second))
        if pair_ids not in self._results_by_pair:
            if isinstance(first, dict):
                similarity = self._compare_objects(first, second)
            else:
                similarity = self._compare_lists(first, second)
            self._results_by_pair[pair_ids] = similarity
        return self._results_by_pair[pair_ids]

    def _compare_objects(self, first: dict[str, Any], second: dict[str, Any]) -> Similarity:
        shared = [key for key in first if key in second]
        unshared_count = len(first) + len(second) - 2 * len(shared)
        score, equal = -30.0 * unshared_count, unshared_count == 0
        for key in shared:
            similarity = self.compare(first[key], second[key])
            equal = equal and similarity.equal
            score += 20 + min(20.0, max(-10.0, similarity.score / 5))
        if equal:
            return Similarity(100 * max(len(first), 0.5), True)
        return Similarity(max(0.0, score), False)

    def _compare_lists(self, first: list[Any], second: list[Any]) -> Similarity:
        score, equal = 0, True
        for operation, expected, actual in self.iterate_edits(first, second):
            score += 10 if operation == "=" else -5
            equal = equal and operation == "=" and self.compare(expected, actual).equal
        return Similarity(100, True) if equal else Similarity(max(0, score), False)

    def iterate_edits(self, first: list[Any], second: list[Any]) -> Iterator[tuple[str, Any, Any]]:
        """("=", a, b) for elements that are paired, else ("-", a, None) or ("+", None, b)."""
        named_first, named_second = self._name_items(first, second)
        named_first.sort(key=_encode_utf16)
        named_second.sort(key=_encode_utf16)
        first_keys = [_build_comparison_key(*named_item) for named_item in named_first]
        second_keys = [_build_comparison_key(*named_item) for named_item in named_second]
        matcher = SequenceMatcher(None, first_keys, second_keys)
        for operation, start, end, second_start, second_end in matcher.get_opcodes():
            if operation == "equal":
                for (_, expected), (_, actual) in zip(
                    named_first[start:end], named_second[second_start:second_end], strict=True
                ):
                    yield "=", expected, actual
            else:
                yield from (("-", expected, None) for _, expected in named_first[start:end])
                yield from (
                    ("+", None, actual) for _, actual in named_second[second_start:second_end]
                )

    def _name_items(
        self, first: list[Any], second: list[Any]
    ) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        numbers = count(1)
        named_first = [(_name_item(item, numbers), item) for item in first]
        first_by_second = self._match_similar_items(first, second)
        names = {
            second_index: named_first[first_index][0]
            for second_index, first_index in first_by_second.items()
        }
        named_second = [
            (names.get(index) or _name_item(item, numbers), item)
            for index, item in enumerate(second)
        ]
        return named_first, named_second

    def _match_similar_items(self, first: list[Any], second: list[Any]) -> dict[int, int]:
        """Index in `second` -> index in `first`."""
        container_indices = [
            first_index for first_index, item in enumerate(first) if isinstance(item, (dict, list))
        ]
        best_matches: dict[int, tuple[float, int]] = {}
        for second_index, item in enumerate(second):
            if not isinstance(item, (dict, list)):
                continue
            best = self._find_most_similar(first, container_indices, item, second_index)
            if best is not None:
                score, first_index = best
                if first_index not in best_matches or score > best_matches[first_index][0]:
                    best_matches[first_index] = (score, second_index)
        return {
            second_index: first_index for first_index, (_, second_index) in best_matches.items()
        }

    def _find_most_similar(
        self, first: list[Any], container_indices: list[int], item: Any, second_index: int
    ) -> tuple[float, int] | None:
        best: tuple[float, int, int] | None = None
        for first_index in container_indices:
            if type(first[first_index]) is type(item):
                # json-diff compares in this direction here, and in the other for the outcome
                score = self.compare(item, first[first_index]).score
                rank = (score, -abs(first_index - second_index), first_index)
                best = rank if best is None or rank[:2] > best[:2] else best
        return None if best is None else (best[0], best[2])


def _is_same_scalar(first: Any, second: Any) -> bool:
    """JavaScript's ===: 1 is 1.0, but never true."""
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _name_item(item: Any, numbers: Iterator[int]) -> str:
    if isinstance(item, (dict, list)):
        return f"{SCALAR_NAME}{next(numbers)}"
    return _format_javascript_scalar(item)


def _build_comparison_key(name: str, value: Any) -> tuple[str, str]:
    """What two elements of sorted lists must share: 1 and "1" sort alike, and are not the same."""
    return name, "number" if type(value) in (int, float) else type(value).__name__


def _encode_utf16(named_item: tuple[str, Any]) -> bytes:
    return named_item[0].encode("utf-16-be", "surrogatepass")


def _format_javascript_scalar(value: Any) -> str:
    """A leaf as JavaScript's String() writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)
