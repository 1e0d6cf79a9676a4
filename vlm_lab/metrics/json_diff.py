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
    """Remembers every pair of containers it has compared, without which nested lists take
    exponential time."""

    def __init__(self) -> None:
        self._results_by_pair: dict[tuple[int, int], Similarity] = {}

    def compare(self, first: Any, second: Any) -> Similarity:
        """json-diff's score of a pair, which has no upper limit, and whether it sees no
        difference."""
        if type(first) is not type(second) or not isinstance(first, (dict, list)):
            equal = _is_same_scalar(first, second)
            return Similarity(100.0 if equal else 0.0, equal)
        pair = (id(first), id(second))
        if pair not in self._results_by_pair:
            known = (
                self._compare_objects(first, second)
                if isinstance(first, dict)
                else self._compare_lists(first, second)
            )
            self._results_by_pair[pair] = known
        return self._results_by_pair[pair]

    def _compare_objects(self, first: dict[str, Any], second: dict[str, Any]) -> Similarity:
        shared = [key for key in first if key in second]
        lonely = len(first) + len(second) - 2 * len(shared)
        score, equal = -30.0 * lonely, lonely == 0
        for key in shared:
            likeness = self.compare(first[key], second[key])
            equal = equal and likeness.equal
            score += 20 + min(20.0, max(-10.0, likeness.score / 5))
        if equal:
            return Similarity(100 * max(len(first), 0.5), True)
        return Similarity(max(0.0, score), False)

    def _compare_lists(self, first: list[Any], second: list[Any]) -> Similarity:
        score, equal = 0, True
        for sign, expected, actual in self.iterate_edits(first, second):
            score += 10 if sign == "=" else -5
            equal = equal and sign == "=" and self.compare(expected, actual).equal
        return Similarity(100, True) if equal else Similarity(max(0, score), False)

    def iterate_edits(self, first: list[Any], second: list[Any]) -> Iterator[tuple[str, Any, Any]]:
        """("=", a, b) for elements that stand for each other, ("-", a, None) and ("+", None, b) for
        the others."""
        before, after = self._name_items(first, second)
        before.sort(key=_encode_utf16)
        after.sort(key=_encode_utf16)
        matcher = SequenceMatcher(
            None,
            [_build_comparison_key(*named) for named in before],
            [_build_comparison_key(*named) for named in after],
        )
        for operation, start, end, start_after, end_after in matcher.get_opcodes():
            if operation == "equal":
                for (_, expected), (_, actual) in zip(
                    before[start:end], after[start_after:end_after], strict=True
                ):
                    yield "=", expected, actual
            else:
                yield from (("-", expected, None) for _, expected in before[start:end])
                yield from (("+", None, actual) for _, actual in after[start_after:end_after])

    def _name_items(
        self, first: list[Any], second: list[Any]
    ) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        numbers = count(1)
        before = [(_name_item(item, numbers), item) for item in first]
        names = {
            index: before[place][0]
            for index, place in self._match_similar_items(first, second).items()
        }
        after = [
            (names.get(index) or _name_item(item, numbers), item)
            for index, item in enumerate(second)
        ]
        return before, after

    def _match_similar_items(self, first: list[Any], second: list[Any]) -> dict[int, int]:
        """Index in `second` -> index in `first`."""
        places = [place for place, item in enumerate(first) if isinstance(item, (dict, list))]
        claims: dict[int, tuple[float, int]] = {}
        for index, item in enumerate(second):
            best = (
                self._find_most_similar(first, places, item, index)
                if isinstance(item, (dict, list))
                else None
            )
            if best is not None:
                score, place = best
                if place not in claims or score > claims[place][0]:
                    claims[place] = (score, index)
        return {index: place for place, (_, index) in claims.items()}

    def _find_most_similar(
        self, first: list[Any], places: list[int], item: Any, index: int
    ) -> tuple[float, int] | None:
        best: tuple[float, int, int] | None = None
        for place in places:
            if type(first[place]) is type(item):
                # json-diff compares in this direction here, and in the other for the outcome
                rank = (self.compare(item, first[place]).score, -abs(place - index), place)
                best = rank if best is None or rank[:2] > best[:2] else best
        return None if best is None else (best[0], best[2])


def _is_same_scalar(first: Any, second: Any) -> bool:
    """JavaScript's ===: 1 is 1.0, but never true."""
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _name_item(item: Any, numbers: Iterator[int]) -> str:
    return (
        f"{SCALAR_NAME}{next(numbers)}"
        if isinstance(item, (dict, list))
        else _format_javascript_scalar(item)
    )


def _build_comparison_key(name: str, value: Any) -> tuple[str, str]:
    """What two elements of sorted lists must share: 1 and "1" sort alike, and are not the same."""
    return name, "number" if type(value) in (int, float) else type(value).__name__


def _encode_utf16(named: tuple[str, Any]) -> bytes:
    return named[0].encode("utf-16-be", "surrogatepass")


def _format_javascript_scalar(value: Any) -> str:
    """A leaf as JavaScript's String() writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)
