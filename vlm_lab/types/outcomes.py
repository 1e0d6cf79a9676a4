"""What a field or a case can come to, and which of these count as what: once, for all who count.

An outcome is one of MUC-5's words (`vlm_lab.types.cases.Outcome`). Correct ones are the numerator
of precision and recall; what was expected is recall's denominator, what was predicted precision's.
"""

from typing import Final, get_args

from vlm_lab.types.cases import Outcome, PredictionStatus

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
JUDGED: Final = tuple(outcome for outcome in OUTCOMES if outcome != "unlabelled")  # in any figure
CORRECT: Final[tuple[Outcome, ...]] = ("exact", "normalized")
EXPECTED: Final[tuple[Outcome, ...]] = (*CORRECT, "wrong", "missing")
PREDICTED: Final[tuple[Outcome, ...]] = (*CORRECT, "wrong", "spurious")

# What the model answered, well or not.
ANSWERED: Final[tuple[PredictionStatus, ...]] = get_args(PredictionStatus)
