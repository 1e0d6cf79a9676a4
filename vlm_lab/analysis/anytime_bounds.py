"""Labels one after the other -> bounds of the share that is right, which hold after each of them.

One may look after every label and stop when one likes: the probability that a bound is ever on the
wrong side of the truth is `tail` at most. A bet against "the share is at most t" wins what the
labels are worth under all larger shares, each as likely (the mixture of Robbins 1970); a bettor who
bets against the truth reaches 1 / tail with a probability of `tail` at most (Ville 1939; Ramdas et
al. 2023, "Game-Theoretic Statistics and Safe Anytime-Valid Inference"). It holds for labels that
are drawn by chance, all with one probability, and for one value a document.
"""

import math

MAX_LABELS = 10_000_000


def compute_anytime_bounds(right: int, labels: int, tail: float) -> tuple[float, float]:
    """Lower and upper bound, each missed at any time with a probability of `tail` at most."""
    lower = _compute_lower_bound(right, labels, tail)
    return lower, 1 - _compute_lower_bound(labels - right, labels, tail)


def count_anytime_labels(right: int, labels: int, threshold: float, tail: float) -> int | None:
    """Labels beside the present ones until a bound is on the share's side of a threshold, if what
    comes is like what was seen; None: never."""
    share = right / labels
    if share < threshold:
        return count_anytime_labels(labels - right, labels, 1 - threshold, tail)

    def is_shown(count: int) -> bool:
        return _compute_lower_bound(share * count, count, tail) >= threshold

    most = labels
    while not is_shown(most):
        most *= 2
        if most > MAX_LABELS:
            return None
    fewest = labels
    while fewest < most:
        middle = (fewest + most) // 2
        fewest, most = (fewest, middle) if is_shown(middle) else (middle + 1, most)
    return fewest - labels


def _compute_lower_bound(right: float, labels: float, tail: float) -> float:
    """The smallest share that no bet has won against, by bisection: wins fall as it grows."""
    low, high = 0.0, right / labels if labels else 0.0
    for _ in range(50):
        middle = (low + high) / 2
        if middle > 0 and _compute_log_wealth(middle, right, labels) >= -math.log(tail):
            low = middle
        else:
            high = middle
    return low


def _compute_log_wealth(share: float, right: float, labels: float) -> float:
    """What a bet against "at most this share" has come to."""
    from scipy.special import betaincc, betaln

    wrong = labels - right
    larger = float(betaincc(right + 1, wrong + 1, share))
    if larger <= 0:
        return -math.inf
    log_mixture = float(betaln(right + 1, wrong + 1)) + math.log(larger) - math.log1p(-share)
    return log_mixture - right * math.log(share) - wrong * math.log1p(-share)
