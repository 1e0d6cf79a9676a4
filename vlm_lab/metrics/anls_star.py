"""ANLS*: the similarity of two trees of strings, tolerant of small spelling mistakes.

Peer, Schöpf, Nebendahl, Rietzler, Stabinger: "ANLS* - A Universal Document Processing Metric for
Generative Large Language Models", arXiv:2402.03848; the figures are those of the package anls_star
1.0.1.

- leaf: 1 - Levenshtein / longer length, of the texts in lower case with runs of white space as one
  blank; below 0.5 it is 0. Against anything that is no leaf: 0.
- object: every key of either side, a missing one being null; list: the pairing of elements with the
  highest mean scores, unpaired elements scoring 0; null: 1 against null, "", [] and {}, else 0.
- any of several right answers is a tuple in the reference, or, against a predicted string, a list
  of strings.
- score: sum of the leaf scores / number of leaves of both sides taken in pairs.
"""

from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from vlm_lab.metrics.assignment import find_best_pairs
from vlm_lab.metrics.depth import limit_depth

MIN_SIMILARITY = 0.5


class Match(NamedTuple):
    """The sum of leaf scores, and the leaves they are to be divided by."""

    score_sum: float
    leaf_count: int

    @property
    def mean(self) -> float:
        return self.score_sum / self.leaf_count if self.leaf_count else 1.0


def anls_star(reference: Any, prediction: Any) -> float:
    """ANLS* of one document, 0..1. Mean over documents is the published total."""
    reference, prediction = limit_depth(reference), limit_depth(prediction)
    is_list_of_texts = (
        isinstance(reference, list)
        and reference
        and all(isinstance(item, str) for item in reference)
    )
    if is_list_of_texts and isinstance(prediction, str):
        reference = tuple(reference)
    return _match_values(reference, prediction).mean


def _match_values(reference: Any, prediction: Any) -> Match:
    if isinstance(reference, tuple):
        options = [_match_values(option, prediction) for option in reference]
        return max(options, key=lambda match: match.mean, default=Match(0.0, 1))
    if reference is None:
        return Match(float(_is_null(prediction)), max(1, _count_leaves(prediction)))
    if isinstance(reference, dict) and isinstance(prediction, dict):
        return _match_objects(reference, prediction)
    if isinstance(reference, list) and isinstance(prediction, list):
        return _match_lists(reference, prediction)
    if _is_leaf(reference) and _is_leaf(prediction):
        return Match(
            _compute_similarity(_normalize_text(reference), _normalize_text(prediction)), 1
        )
    return Match(0.0, max(_count_leaves(reference), _count_leaves(prediction)))


def _match_objects(reference: dict[str, Any], prediction: dict[str, Any]) -> Match:
    score_sum, leaf_count = 0.0, 0
    for key in [*reference, *(key for key in prediction if key not in reference)]:
        match = _match_values(reference.get(key), prediction.get(key))
        leaf_count += match.leaf_count
        if key in reference:  # an invented key that says nothing is counted, and earns nothing
            score_sum += match.score_sum
    return Match(score_sum, leaf_count)


def _match_lists(reference: list[Any], prediction: list[Any]) -> Match:
    matches = [_match_with_each(item, prediction) for item in reference]
    pairs = find_best_pairs([_list_means(row) for row in matches])
    chosen = [matches[row][column] for row, column in pairs]
    score_sum = sum(match.score_sum for match in chosen)
    leaf_count = sum(match.leaf_count for match in chosen)
    leaf_count += _count_unpaired_leaves(reference, {row for row, _ in pairs})
    leaf_count += _count_unpaired_leaves(prediction, {column for _, column in pairs})
    return Match(score_sum, leaf_count)


def _match_with_each(reference: Any, predictions: list[Any]) -> list[Match]:
    return [_match_values(reference, prediction) for prediction in predictions]


def _list_means(matches: list[Match]) -> list[float]:
    return [match.mean for match in matches]


def _count_unpaired_leaves(items: list[Any], paired: set[int]) -> int:
    return sum(_count_leaves(item) for index, item in enumerate(items) if index not in paired)


def _count_leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_count_leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(_count_leaves(item) for item in value)
    if isinstance(value, tuple):
        return max((_count_leaves(item) for item in value), default=1)
    return 1


def _is_leaf(value: Any) -> bool:
    return value is not None and not isinstance(value, (dict, list, tuple))


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, (str, dict, list)) and not value)


def _normalize_text(value: Any) -> str:
    return " ".join(str(value).lower().split())


def _compute_similarity(expected: str, actual: str) -> float:
    """Levenshtein similarity, 0 below the threshold."""
    longest = max(len(expected), len(actual))
    similarity = 1 - Levenshtein.distance(expected, actual) / longest if longest else 1.0
    return similarity if similarity >= MIN_SIMILARITY else 0.0
