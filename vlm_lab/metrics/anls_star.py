"""ANLS*: the similarity of two trees of strings, tolerant of small spelling mistakes.

Peer, Schöpf, Nebendahl, Rietzler, Stabinger: "ANLS* - A Universal Document Processing Metric for Generative Large
Language Models", arXiv:2402.03848; the figures are those of the package anls_star 1.0.1.

- leaf: 1 - Levenshtein / longer length, of the texts in lower case with runs of white space as one blank; below 0.5
  it is 0. Against anything that is no leaf: 0.
- object: every key of either side, a missing one being null; list: the pairing of elements with the highest mean
  scores, unpaired elements scoring 0; null: 1 against null, "", [] and {}, else 0.
- any of several right answers is a tuple in the reference, or, against a predicted string, a list of strings.
- score: sum of the leaf scores / number of leaves of both sides taken in pairs.
"""

from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from vlm_lab.metrics.assignment import best_pairs
from vlm_lab.metrics.depth import plain

THRESHOLD = 0.5


class Match(NamedTuple):
    """The sum of leaf scores, and the leaves they are to be divided by."""

    total: float
    leaves: int

    @property
    def mean(self) -> float:
        return self.total / self.leaves if self.leaves else 1.0


def anls_star(reference: Any, prediction: Any) -> float:
    """ANLS* of one document, 0..1. Mean over documents is the published total."""
    reference, prediction = plain(reference), plain(prediction)
    texts = isinstance(reference, list) and reference and all(isinstance(item, str) for item in reference)
    if texts and isinstance(prediction, str):
        reference = tuple(reference)
    return _match(reference, prediction).mean


def _match(reference: Any, prediction: Any) -> Match:
    if isinstance(reference, tuple):
        options = [_match(option, prediction) for option in reference]
        return max(options, key=lambda match: match.mean, default=Match(0.0, 1))
    if reference is None:
        return Match(float(_is_nothing(prediction)), max(1, _leaves(prediction)))
    if isinstance(reference, dict) and isinstance(prediction, dict):
        return _match_objects(reference, prediction)
    if isinstance(reference, list) and isinstance(prediction, list):
        return _match_lists(reference, prediction)
    if _is_leaf(reference) and _is_leaf(prediction):
        return Match(_similarity(_text(reference), _text(prediction)), 1)
    return Match(0.0, max(_leaves(reference), _leaves(prediction)))


def _match_objects(reference: dict[str, Any], prediction: dict[str, Any]) -> Match:
    total, leaves = 0.0, 0
    for key in [*reference, *(key for key in prediction if key not in reference)]:
        match = _match(reference.get(key), prediction.get(key))
        leaves += match.leaves
        if key in reference:  # an invented key that says nothing is counted, and earns nothing
            total += match.total
    return Match(total, leaves)


def _match_lists(reference: list[Any], prediction: list[Any]) -> Match:
    matches = [[_match(expected, actual) for actual in prediction] for expected in reference]
    pairs = best_pairs([[match.mean for match in row] for row in matches])
    chosen = [matches[row][column] for row, column in pairs]
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    leaves = sum(match.leaves for match in chosen)
    leaves += sum(_leaves(item) for index, item in enumerate(reference) if index not in rows)
    leaves += sum(_leaves(item) for index, item in enumerate(prediction) if index not in columns)
    return Match(sum(match.total for match in chosen), leaves)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(_leaves(item) for item in value)
    if isinstance(value, tuple):
        return max((_leaves(item) for item in value), default=1)
    return 1


def _is_leaf(value: Any) -> bool:
    return value is not None and not isinstance(value, (dict, list, tuple))


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, (str, dict, list)) and not value)


def _text(value: Any) -> str:
    return " ".join(str(value).lower().split())


def _similarity(expected: str, actual: str) -> float:
    """Levenshtein similarity, 0 below the threshold."""
    longest = max(len(expected), len(actual))
    similarity = 1 - Levenshtein.distance(expected, actual) / longest if longest else 1.0
    return similarity if similarity >= THRESHOLD else 0.0
