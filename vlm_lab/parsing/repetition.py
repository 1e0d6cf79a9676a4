"""A reply -> whether it ends in a loop: the same unit again and again until the token limit."""

TAIL_LENGTH = 4000  # characters of the end that are looked at
MIN_REPEATS = 6
MIN_LOOP_LENGTH = 240  # characters that only repeat: rows of dashes and spaces are shorter


def ends_in_loop(text: str) -> bool:
    """Whether the end of a text is one unit, repeated; the last one may be cut off anywhere."""
    matches = _measure_prefix_matches(text[: -TAIL_LENGTH - 1 : -1])
    return any(
        unit + matched >= max(MIN_LOOP_LENGTH, MIN_REPEATS * unit)
        for unit, matched in enumerate(matches)
        if unit
    )


def _measure_prefix_matches(text: str) -> list[int]:
    """The Z function: how many characters from each place on are those of the beginning."""
    matches = [0] * len(text)
    left = right = 0
    for start in range(1, len(text)):
        matched = min(right - start, matches[start - left]) if start < right else 0
        while start + matched < len(text) and text[matched] == text[start + matched]:
            matched += 1
        matches[start] = matched
        if start + matched > right:
            left, right = start, start + matched
    return matches
