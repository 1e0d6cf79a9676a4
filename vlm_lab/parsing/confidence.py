"""Log-probabilities of a reply's tokens -> how sure the model was of each value.

A value's confidence is the probability of its characters: exp of the sum of the log-probabilities
of all tokens that touch them (greedy decoding: of the tokens that were chosen). Longer values are
therefore surer to be unsure; compare within a field, not between fields.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from vlm_lab.parsing.json_extraction import JSON_TOKEN, find_json_spans
from vlm_lab.types import Generation

ValueSpan = tuple[str, int, int]


def compute_confidences(generation: Generation, answer: int = 0) -> dict[str, float]:
    """Path in the prediction (`line_items[0].amount`, `tags[]`) -> probability from 0 to 1, of the
    JSON object with the most values after character `answer`. Empty where the tokens are not known
    or do not add up to the reply."""
    text = generation.raw_response
    if not generation.tokens or "".join(piece for piece, _ in generation.tokens) != text:
        return {}
    found = [
        list(_find_value_spans(text, answer + each.start, _shift_end(answer, each.end)))
        for each in find_json_spans(text[answer:])
    ]
    sums: dict[str, float] = {}
    starts = [0, *accumulate(len(piece) for piece, _ in generation.tokens)]
    for path, start, end in max(reversed(found), key=len, default=()):
        sums[path] = sums.get(path, 0.0) + _sum_logprobs(generation.tokens, starts, start, end)
    return {path: math.exp(min(0.0, total)) for path, total in sums.items()}


def _shift_end(answer: int, end: int | None) -> int | None:
    return None if end is None else answer + end


def _sum_logprobs(
    tokens: Sequence[tuple[str, float]], starts: Sequence[int], start: int, end: int
) -> float:
    first = bisect_right(starts, start) - 1
    last = bisect_right(starts, max(start, end - 1))
    return sum(logprob for _, logprob in tokens[first:last])


def _find_value_spans(text: str, start: int, end: int | None) -> Iterator[ValueSpan]:
    """Path, start and end of each plain value of one JSON structure; the quotes of a string are not
    of its value."""
    places: list[
        str | int
    ] = []  # one for each open bracket: the key last read, or the index in a list
    key = True
    for token in JSON_TOKEN.finditer(text, start, len(text) if end is None else end):
        word = token[0]
        if word in ("{", "["):
            places.append("" if word == "{" else 0)
            key = word == "{"
        elif word in ("}", "]"):
            places.pop()
            if not places:
                return
        elif word == ",":
            last = places[-1]
            key = isinstance(last, str)
            places[-1] = last if isinstance(last, str) else last + 1
        elif word == ":":
            key = False
        elif key:
            places[-1] = word.strip("\"'")
        else:
            quoted = word[0] == '"'
            yield (
                _build_path(places),
                token.start() + quoted,
                token.end() - (quoted and len(word) > 1),
            )


def _build_path(places: Sequence[str | int]) -> str:
    """As `vlm_lab.scoring` names it: a key that repeats its parent's ("menu.nm" in "menu") is the
    parent's child."""
    path, parent = "", ""
    for number, place in enumerate(places):
        if isinstance(place, int):
            path += "[]" if number == len(places) - 1 else f"[{place}]"
        else:
            inside = place.removeprefix(f"{parent}.") if parent else place
            path += f".{inside}" if path else inside
            parent = inside.rpartition(".")[2]
    return path
