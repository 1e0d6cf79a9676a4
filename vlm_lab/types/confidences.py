"""What signals of right and wrong come to for a candidate: how well they tell its values apart, and
which of its documents could be booked unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vlm_lab.messages import Message
from vlm_lab.types.cases import HasCandidate
from vlm_lab.types.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class StraightThrough:
    """The documents that were booked unseen where `target` of them are to be right: `rate` is their
    share of all, `booked` the share of them that was right with its one-sided lower bound, `wrong`
    how many were not. Each was judged by a threshold that was chosen on others; `threshold` is the
    one that all of them choose, None where none is right often enough. `more_documents` further
    ones like these would show the target; None: never, or nothing can be said."""

    target: float
    rate: Estimate = Estimate(None)
    booked: Estimate = Estimate(None)
    wrong: int = 0
    threshold: float | None = None
    more_documents: int | None = None

    @property
    def is_shown(self) -> bool:
        """Whether those that were booked are shown to be right often enough."""
        return self.booked.low is not None and self.booked.low >= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceBasis:
    """A confidence that is made of some signals: `name` says of which, `all` of all that there
    were. `auroc` is how often a right value has a higher one than a wrong value. `curve` has (share
    booked, share of those right), the surest documents first. `weights` are those of the logistic
    regression over all documents, by signal."""

    name: str
    auroc: Estimate = Estimate(None)
    curve: Sequence[tuple[float, float]] = ()
    straight_through: Sequence[StraightThrough] = ()
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence(HasCandidate):
    """How far signals tell right from wrong values of a candidate (`suite`, `model`, `prompt_id`),
    over `values` of its `documents` with a reference; `wrong` of the values are wrong. `measured`
    counts the values that each signal is known of. `beside` names the candidates that its values
    were held against. `note` says why there is no confidence."""

    suite: str
    model: str
    prompt_id: str
    documents: int = 0
    values: int = 0
    wrong: int = 0
    measured: Mapping[str, int] = field(default_factory=dict)
    beside: Sequence[str] = ()
    bases: Sequence[ConfidenceBasis] = ()
    note: str | Message = ""

    def find_basis(self, name: str) -> ConfidenceBasis | None:
        """The confidence that is made of these signals, where there is one."""
        return next((basis for basis in self.bases if basis.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCheck(HasCandidate):
    """Whether a policy beside a suite kept its promise in this run. Of `documents` with a reference
    that it does not stand on `booked` would be booked unseen, `wrong` of them wrongly; `right` is
    the share that is right with one-sided bounds. Of `unlabelled` documents without a reference
    `unlabelled_booked` would be (None: cannot be told). `note` says why it was not held against
    this run."""

    suite: str
    model: str
    prompt_id: str
    target: float
    outcome: Literal["held", "broken", "not_shown", "not_checked"]
    documents: int = 0
    booked: int = 0
    wrong: int = 0
    right: Estimate = Estimate(None)
    unlabelled: int = 0
    unlabelled_booked: int | None = 0
    note: str | Message = ""
