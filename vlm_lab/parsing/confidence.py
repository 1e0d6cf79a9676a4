"""Log-probabilities of a reply's tokens -> how sure the model was of each value.

A value's confidence is the probability of its characters: exp of the sum of the log-probabilities
of all tokens that touch them (greedy decoding: of the tokens that were chosen). Longer values are
therefore surer to be unsure; compare within a field, not between fields.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from vlm_lab.parsing.json_spans import JSON_TOKEN, find_json_spans
from vlm_lab.types import Generation

ValueSpan = tuple[str, int, int]


def compute_confidences(
    generation: Generation, structure_starts: Sequence[int] | None = None
) -> dict[str, float]:
    """Path in the prediction (`line_items[0].amount`, `tags[]`) -> probability from 0 to 1, of the
    JSON structures that begin at these characters, a later one over an earlier; without them, of
    the one with the most values. Empty where the tokens are not known or do not add up to the
    reply."""
    text = generation.raw_response
    if not generation.tokens or "".join(token_text for token_text, _ in generation.tokens) != text:
        return {}
    starts = [0, *accumulate(len(token_text) for token_text, _ in generation.tokens)]
    confidences: dict[str, float] = {}
    for value_spans in _find_structures(text, structure_starts):
        logprob_sums: dict[str, float] = {}
        for path, start, end in value_spans:
            value_logprob = _sum_logprobs(generation.tokens, starts, start, end)
            logprob_sums[path] = logprob_sums.get(path, 0.0) + value_logprob
        confidences |= {path: math.exp(min(0.0, total)) for path, total in logprob_sums.items()}
    return confidences


def _find_structures(text: str, structure_starts: Sequence[int] | None) -> list[list[ValueSpan]]:
    """The values of each structure that counts, the base of an answer before its corrections."""
    if structure_starts is not None:
        return [
            list(_find_value_spans(text, start, None))
            for start in structure_starts
            if start < len(text)
        ]
    spans = [
        list(_find_value_spans(text, structure.start, structure.end))
        for structure in find_json_spans(text)
    ]
    return [max(reversed(spans), key=len)] if spans else []


def _sum_logprobs(
    tokens: Sequence[tuple[str, float]], starts: Sequence[int], start: int, end: int
) -> float:
    first_token = bisect_right(starts, start) - 1
    last_token = bisect_right(starts, max(start, end - 1))
    return sum(logprob for _, logprob in tokens[first_token:last_token])


def _find_value_spans(text: str, start: int, end: int | None) -> Iterator[ValueSpan]:
    """Path, start and end of each plain value of one JSON structure; the quotes of a string are not
    of its value."""
    # One for each open bracket: the key last read, or the index in a list.
    open_keys: list[str | int] = []
    expects_key = True
    for token in JSON_TOKEN.finditer(text, start, len(text) if end is None else end):
        lexeme = token[0]
        if lexeme in ("{", "["):
            open_keys.append("" if lexeme == "{" else 0)
            expects_key = lexeme == "{"
        elif lexeme in ("}", "]"):
            open_keys.pop()
            if not open_keys:
                return
        elif lexeme == ",":
            current = open_keys[-1]
            expects_key = isinstance(current, str)
            open_keys[-1] = current if isinstance(current, str) else current + 1
        elif lexeme == ":":
            expects_key = False
        elif expects_key:
            open_keys[-1] = lexeme.strip("\"'")
        else:
            is_quoted = lexeme[0] == '"'
            value_start = token.start() + is_quoted
            value_end = token.end() - (is_quoted and len(lexeme) > 1)
            yield _build_path(open_keys), value_start, value_end


def _build_path(open_keys: Sequence[str | int]) -> str:
    """As `vlm_lab.scoring` names it: a key that repeats its parent's ("menu.nm" in "menu") is the
    parent's child."""
    path, parent = "", ""
    for depth, key_or_index in enumerate(open_keys):
        if isinstance(key_or_index, int):
            path += "[]" if depth == len(open_keys) - 1 else f"[{key_or_index}]"
        else:
            relative_key = key_or_index.removeprefix(f"{parent}.") if parent else key_or_index
            path += f".{relative_key}" if path else relative_key
            parent = relative_key.rpartition(".")[2]
    return path
