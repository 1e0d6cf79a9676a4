"""What many records come to: Summary -> Comparison -> Decision -> Report.

Only what is behind the disk needs these: analysis, decision, report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from vlm_lab.messages import Message
from vlm_lab.types.cases import HasCandidate, Model, ReasonTopic, Verdict
from vlm_lab.types.confidences import Confidence, PolicyCheck
from vlm_lab.types.estimates import Estimate


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One field over all answered documents: how often each outcome, and the share of correct."""

    outcomes: Mapping[str, int]
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class AmountError:
    """Sums over the labelled amounts of one field in one currency: how far the wrong ones are off,
    how much was not read at all, and what all of them come to; how many are wrong, by how much in
    the middle and at worst."""

    wrong: Decimal = Decimal(0)
    missing: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    count: int = 0
    median: Decimal | None = None
    worst: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What a model that was asked many things at once got done, over `documents` of this run:
    documents and output tokens a second, from the first request to the last answer; the share of
    that time in which the model worked (of a server: in which it had a request); and how many
    prompts were asked together, on average over the documents."""

    documents: int
    documents_per_second: float
    tokens_per_second: float | None
    busy_share: float
    mean_batch: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What replies cost, from the `timed` cases alone. Seconds a document, output tokens a second
    over all of them, bytes, and the price of 1,000 documents in the currency of `Model.price`.
    `throughput` is of the scenario `offline`, in which no document has seconds of its own.
    `reading_seconds` are the median of those, among a document's, in which `readers` read its pages
    for the prompt, `answering_seconds` of the others; output tokens a second are over the latter.
    """

    timed: int = 0
    measured_at: str | None = None
    median_seconds: float | None = None
    p95_seconds: float | None = None
    tokens_per_second: float | None = None
    visual_tokens: float | None = None
    peak_memory_bytes: int | None = None
    cost_per_1000: float | None = None
    throughput: Throughput | None = None
    reading_seconds: float | None = None
    answering_seconds: float | None = None
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledShare:
    """The share of a suite's documents that are right, of which only some have a label: `estimate`
    counts labels, of which `right` are right and `drawn` were drawn with known probabilities;
    `unlabelled` documents were answered and have none. `method` says whether what other families of
    candidates say of these was used, `power` how far it goes with what is right (PPI++'s lambda,
    from 0 to 1; None where there are none)."""

    method: Literal["classical", "prediction_powered"]
    estimate: Estimate
    right: int
    drawn: int = 0
    unlabelled: int = 0
    power: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(HasCandidate):
    """One model with one prompt over one suite. `statuses` add up to `documents`; `left_out` counts
    those that it is not judged by; `unanswered` names each cell that is not simply `ok`, those
    included, with status and reason; `scores` are over the documents
    that were answered, well or not. `unmatched` counts the documents whose reply has nothing that
    was asked for, by kind (`other_keys`, `other_shape`). `amount_error` is by field and
    currency, "" where that is not known. `labelled_share` is of a suite in which documents have no
    label, or were drawn for one."""

    suite: str
    model: str
    prompt_id: str
    documents: int
    statuses: Mapping[str, int]
    left_out: int = 0
    unanswered: Mapping[str, tuple[str, str | Message]] = field(default_factory=dict)
    cached: int = 0
    scores: Mapping[str, Estimate] = field(default_factory=dict)
    fields: Mapping[str, FieldSummary] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    unmatched: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    speed: Speed = Speed()
    amount_error: Mapping[str, Mapping[str, AmountError]] = field(default_factory=dict)
    labelled_share: LabelledShare | None = None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Values of like confidence: its mean, and their accuracy, whose `n` counts documents."""

    confidence: float
    accuracy: Estimate
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(HasCandidate):
    """How far the own confidence of a candidate (`suite`, `model`, `prompt_id`) tells right from
    wrong. `source` says where it comes from: log-probabilities, checks, both, or "" for nowhere.

    `bins` is the reliability curve over `values` fields, `error` its expected calibration error;
    both need log-probabilities. `curve` has (share booked, share of those right) over `documents`,
    the surest first. `unseen` is the share of documents that could be booked unseen at precision
    `target`: those with a confidence of `threshold` or more, of which `booked` says how many were
    right (`low` is one-sided). `note` says what the figures do not show.
    """

    source: str = ""
    values: int = 0
    documents: int = 0
    bins: Sequence[ReliabilityBin] = ()
    error: Estimate = Estimate(None)
    curve: Sequence[tuple[float, float]] = ()
    target: float = 0.99
    unseen: Estimate = Estimate(None)
    threshold: float | None = None
    booked: Estimate = Estimate(None)
    note: str | Message = ""
    suite: str = ""
    model: str = ""
    prompt_id: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether those that could be booked unseen are shown to be right often enough."""
        return self.booked.low is not None and self.booked.low >= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCost(HasCandidate):
    """What one document costs with a candidate, on average over `documents`, in the currency of
    models.yaml's rates: `reading` by the model (None: not measured), `corrections` by a person, and
    `unseen_errors`, wrong totals that nobody noticed."""

    suite: str
    model: str
    prompt_id: str
    documents: int
    reading: float | None
    corrections: float
    unseen_errors: float

    @property
    def total(self) -> float:
        """All that is known of it."""
        return (self.reading or 0.0) + self.corrections + self.unseen_errors


@dataclass(frozen=True, slots=True)
class LabelError:
    """A value of a reference that may be wrong, and why; `said` is what each model answered,
    `agreed` what two or more families say, None where no two do."""

    suite: str
    document: str
    path: str
    reference: Any
    said: Mapping[str, Any]
    reasons: tuple[Message, ...]
    agreed: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two candidates (model, prompt) on the documents that both answered. `difference` is first
    minus second, paired.

    `p_value` is two-sided; `p_adjusted` is Holm's over the run's comparisons. `detectable` is the
    smallest difference that so many documents would have shown four times in five, `more_documents`
    how many further ones would show the present difference as often, if it and its scatter stay as
    they are. `bounds` are one-sided, and show an equivalence; all pairs of the suite are
    considered. `left_out` names what only one answered.
    """

    suite: str
    first: tuple[str, str]
    second: tuple[str, str]
    score: str
    difference: Estimate
    p_value: float | None = None
    p_adjusted: float | None = None
    bounds: tuple[float, float] | None = None
    detectable: float | None = None
    more_documents: int | None = None
    left_out: tuple[str, ...] = ()

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than chance, the other comparisons considered."""
        return self.p_adjusted is not None and self.p_adjusted < 0.05


@dataclass(frozen=True, slots=True)
class StratumVerdict:
    """A candidate's word for the documents with one value of the tag that `decide: by` names."""

    value: str
    documents: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One value of a setting that was swept: the candidate `model` that has it, its F1, how many of
    its documents have no answer by the harness's fault or the user's choice, and what a document
    costs in the middle; in the scenario `offline` how many were read in a second. `is_worse` says
    whether it is told from the best."""

    value: int | float
    model: str
    score: Estimate
    documents: int
    unasked: int
    visual_tokens: float | None = None
    median_seconds: float | None = None
    documents_per_second: float | None = None
    is_worse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCurve(HasCandidate):
    """What the values of one setting come to for one model of models.yaml. `cheapest` is the value
    to take, None where nothing can be said; `conclusion` says how sure that is."""

    suite: str
    model: str
    prompt_id: str
    setting: str
    points: tuple[SweepPoint, ...]
    conclusion: Message
    cheapest: int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(HasCandidate):
    """A model's word, which is that of its best prompt.

    `reasons` has what speaks for it (`evidence`), what speaks against it (`against`), and how it
    compares with the one that the team uses today (`pipeline`). `more_documents` is how many
    further invoices would decide, where that is what is missing; where `labels_drawn`, so many that
    are drawn for their label as the present ones were. `verified` is the suite's.
    `strata` are the words for each value of the tag that `decide: by` names. A word is
    `exploratory` where more looks were taken than were planned.
    """

    suite: str
    model: str
    prompt_id: str
    verdict: Verdict
    reasons: Mapping[ReasonTopic, tuple[Message, ...]] = field(default_factory=dict)
    more_documents: int | None = None
    verified: bool = False
    strata: tuple[StratumVerdict, ...] = ()
    exploratory: bool = False
    labels_drawn: bool = False

    def reasons_for(self, about: ReasonTopic) -> tuple[Message, ...]:
        """Why it was decided so, in one respect."""
        return self.reasons.get(about, ())


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A field value that a second reply to the same prompt gives otherwise."""

    document: str
    path: str
    first: Any
    again: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability(HasCandidate):
    """A candidate that was asked `documents` again after it had answered them: one at a time, or as
    one batch.

    `repeats` replies came, `identical` of them the same to the letter; of their `values` field
    values `flipped` are others. `cached` counts the first replies that came from the cache,
    `failed` names documents without a second one, `not_measured` says why there are no figures at
    all.
    """

    suite: str
    model: str
    prompt_id: str
    how: Literal["alone", "batch"]
    documents: tuple[str, ...] = ()
    cached: int = 0
    repeats: int = 0
    identical: int = 0
    values: int = 0
    flipped: int = 0
    flips: tuple[ValueChange, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    not_measured: str | Message = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillBias:
    """How the labels of a suite took what was prefilled. `changed` is the share of prefilled values
    that the person changed, of `values`; `blind_wrong` that of values which candidates agreed on as
    well and nobody was shown, of `blind_values`. The `n` of both count documents."""

    suite: str
    changed: Estimate
    values: int
    blind_wrong: Estimate
    blind_values: int


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """How a run compares with the one that was accepted: `baseline` is its file, `run` its id;
    `lines` say what was compared, and what got worse."""

    status: Literal["ok", "regressed", "not_comparable"]
    baseline: str
    run: str
    lines: tuple[Message | str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What report.json says beside its records, as plain data, and what was concluded from them."""

    run: Mapping[str, Any]
    suites: Sequence[Mapping[str, Any]]
    models: Sequence[Model]
    prompts: Sequence[Mapping[str, Any]]
    summaries: Sequence[Summary]
    comparisons: Sequence[Comparison] = ()
    decisions: Sequence[Decision] = ()
    sweeps: Sequence[SweepCurve] = ()
    suspects: Sequence[LabelError] = ()
    without_suspects: Sequence[Summary] = ()
    probes: Sequence[Repeatability] = ()
    calibrations: Sequence[Calibration] = ()
    confidences: Sequence[Confidence] = ()
    policies: Sequence[PolicyCheck] = ()
    expected_costs: Sequence[ExpectedCost] = ()
    prefill_biases: Sequence[PrefillBias] = ()
    gate: GateOutcome | None = None  # where the run had a baseline
    # "device, dtype" -> models that answered
    machines: Mapping[str, Sequence[str]] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    documents: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str | Message] = ()

    @property
    def tuned_suites(self) -> list[str]:
        """The suites of which the run had those documents that prompts are tuned on."""
        holdouts = self.run.get("holdout") or {}
        return [suite for suite, holdout in holdouts.items() if not holdout["opened"]]
