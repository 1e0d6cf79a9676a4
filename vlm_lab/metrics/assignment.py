"""Which predicted row stands for which reference row: the pairing with the highest sum of
similarities."""

from collections.abc import Sequence


def find_best_pairs(similarities: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """(row, column) pairs, as many as the shorter side has; of several best pairings, the one scipy
    finds."""
    if not similarities or not similarities[0]:
        return []
    if len(similarities) == len(similarities[0]) == 1:
        return [(0, 0)]
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.asarray(similarities, dtype=float), maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
