"""Every dataclass, in the order in which data flows.

Suite -> Document -> Page -> Prompt -> Generation -> Prediction -> FieldResult -> Score -> Record -> Summary ->
Comparison -> Decision -> Report. Imports nothing of ours, so that every module can import it.

Values that a case is known by are hashable: a `Model` with an unhashable part would be loaded twice by pytest, hence
`hash=False` on its mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

Outcome = Literal["exact", "normalized", "wrong", "missing", "spurious", "unlabelled"]
PredictionStatus = Literal["ok", "unparsed", "truncated", "refused"]
Status = Literal["ok", "unparsed", "truncated", "refused", "error", "skipped", "dry_run"]
Verdict = Literal["chosen", "rejected", "needs_more_data"]
PageMode = Literal["together", "each", "first"]
About = Literal["evidence", "against", "pipeline"]  # what a decision gives reasons for


class CandidateKey(NamedTuple):
    """A model with one of its prompts over one suite: what is judged, compared and decided on."""

    suite: str
    model: str
    prompt_id: str

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> CandidateKey:
        """Whose answer a line of records.jsonl is."""
        return cls(record["suite"], record["model"], record["prompt_id"])

    @property
    def label(self) -> str:
        """`qwen2-vl-2b (terse)`: what a candidate is called where its suite is known."""
        return f"{self.model} ({self.prompt_id})"


class OfCandidate:
    """What is about one candidate says about which."""

    __slots__ = ()
    suite: str
    model: str
    prompt_id: str

    @property
    def candidate(self) -> CandidateKey:
        return CandidateKey(self.suite, self.model, self.prompt_id)


@dataclass(frozen=True, slots=True)
class Field:
    """One leaf of a suite's schema.

    `path` is dotted (`totals.gross`); a cell of a list's rows has `[]` after the list (`line_items[].amount`).
    `type` is a name from `fields.TYPES` or `module:attribute`; `tolerance` is in the unit of the value.
    """

    path: str
    type: str = "text"
    tolerance: str = "0"


@dataclass(frozen=True, slots=True)
class Conventions:
    """How values are written in a suite: needed wherever a printed value is read."""

    date_order: Literal["dmy", "mdy", "ymd"] = "dmy"
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Suite:
    """A folder that says everything about one kind of document (suite.yaml, schema.json, prompts)."""

    name: str
    folder: Path
    documents: Path
    references: Path
    match: str = "{stem}.json"
    unwrap: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    empty: Literal["unlabelled", "absent"] = "unlabelled"
    verified: bool = False
    conventions: Conventions = Conventions()
    tags: Mapping[str, str] = field(default_factory=dict)
    max_pages: int = 4
    dpi: int = 150
    prompts: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    corrections: Path | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Document:
    """One file, with what is known about it.

    `id` is the slug that file names and case ids use, `name` the true path relative to the documents folder.
    `reference` has the suite's own keys (unwrapped, mapped, technical keys removed), or None where there is none.
    """

    id: str
    name: str
    path: Path
    suite: Suite
    reference: Mapping[str, Any] | None = None
    reference_path: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One rendered page: RGB pixels, all that a model ever gets of a document."""

    index: int
    image: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One candidate of models.yaml. `model_id` is a hub id, a folder, or what its backend takes (replay: a path).
    `only` names tags and the values of them that the model is meant for: it is not asked about other documents."""

    name: str
    model_id: str
    revision: str = "main"
    backend: str = "transformers"
    prompts: tuple[str, ...] = ("default",)
    generation_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    dtype: str = "auto"
    attn_implementation: str = "auto"
    trust_remote_code: bool = False
    use_safetensors: bool = True
    python: str | None = None
    pages: PageMode = "together"
    dpi: int | None = None
    processor_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    load_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    backend_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    price: Mapping[str, float] = field(default_factory=dict, hash=False)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    status: Verdict = "needs_more_data"
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One cell: a model, one of its prompts (the template's text), a document."""

    model: Model
    prompt_id: str
    template: str
    document: Document

    @property
    def id(self) -> str:
        """As pytest shows it: `qwen2-vl-2b-default-2024-03-inv_001`."""
        return f"{self.model.name}-{self.prompt_id}-{self.document.id}"

    @property
    def candidate(self) -> CandidateKey:
        """Whose case it is."""
        return CandidateKey(self.document.suite.name, self.model.name, self.prompt_id)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes this the same case in another run."""
        return *self.candidate, self.document.id


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a backend is told about this run, beside its model."""

    cache: Path
    device: str = "auto"
    online: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prompt:
    """What one case sends: words and pages. `languages` are the document's, for readers that must choose a script;
    `suite` is for `replay`, whose JSON files are read as references are."""

    id: str
    text: str
    pages: Sequence[Page]
    document_id: str
    document_name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    suite: Suite | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; None where the backend does not say."""

    prompt_tokens: int | None = None
    visual_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds inside a reply: processor, until the first token, the tokens after it. None where not known."""

    preprocess: float | None = None
    first_token: float | None = None
    decode: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A reply, verbatim, and what it cost.

    `page_responses` holds the single replies of a model that is asked page by page. `tokens` are (text, natural
    log-probability) pairs where the backend gives them. `environment` says what the reply was made with: device,
    dtype, attention, each with its reason, and versions. The harness fills in the last four.
    """

    raw_response: str
    page_responses: tuple[str, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    timing: Timing = Timing()
    mean_logprob: float | None = None
    tokens: tuple[tuple[str, float], ...] = ()
    image_sizes: tuple[tuple[int, int], ...] = ()
    peak_memory_bytes: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    elapsed_seconds: float | None = None
    rounds: tuple[float, ...] = ()
    cached: bool = False
    measured_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a reply says, as data. `value` is None when nothing usable was found; `reason` then says why."""

    value: Mapping[str, Any] | None
    status: PredictionStatus = "ok"
    reason: str = ""
    repaired: bool = False
    confidences: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldResult:
    """One field of one document. `path` of a cell has its reference row (`line_items[2].amount`); a spurious row's
    cells have the row they came from (`line_items[+1].amount`). `similarity` is 0..1; `kind` names the error.

    `field` is the schema's path (`line_items[].amount`). It and what follows are decided when scored and never read off
    a path, since keys may have brackets, too: whether this is a cell and no header field; the rows that the cell stands
    in, the outermost first; whether one of these is a spurious one.
    """

    path: str
    field: str
    in_row: bool = False
    rows: tuple[str, ...] = ()
    in_spurious_row: bool = False
    type: str
    expected: Any
    actual: Any
    outcome: Outcome
    similarity: float | None = None
    confidence: float | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A prediction held against its reference. `scores` has ratios (None: nothing to judge) and the counts that
    they are made of, so that sums over documents give micro averages; `diff` is DeepDiff's."""

    fields: tuple[FieldResult, ...] = ()
    scores: Mapping[str, Any] = field(default_factory=dict)
    diff: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the harness has no answer for a cell."""

    type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One case as it is written: a line of records.jsonl and a file of its own."""

    case: str
    suite: str
    document: str
    document_name: str
    page_index: int | None = None
    page_indices: tuple[int, ...] = ()
    pages_total: int | None = None
    model: str
    model_id: str
    revision: str
    backend: str = ""
    prompt: str | None = None
    prompt_id: str
    raw_response: str | None = None
    page_responses: tuple[str, ...] = ()
    elapsed_seconds: float | None = None
    rounds: tuple[float, ...] = ()
    timing: Timing = Timing()
    generation_kwargs: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    mean_logprob: float | None = None
    finish_reason: str | None = None
    image_sizes: tuple[tuple[int, int], ...] = ()
    prediction: Mapping[str, Any] | None = None
    reason: str = ""
    repaired: bool = False
    fields: tuple[FieldResult, ...] = ()
    diff: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    status: Status
    error: Failure | None = None
    cached: bool = False
    measured_at: str | None = None
    peak_memory_bytes: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    document_sha256: str | None = None
    reference_sha256: str | None = None
    verified: bool = False
    checks: Mapping[str, bool | None] = field(default_factory=dict)
    reply_key: str | None = None
    dry_run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval (None where it cannot be had) and the number of documents behind it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """models.yaml's `decide`: what a model must reach to be chosen, and what is preferred among those that do."""

    require: Mapping[str, float] = field(default_factory=lambda: {"field_f1": 0.95, "max_error_rate": 0.01})
    prefer: tuple[str, ...] = ("field_f1", "p95_seconds")


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One field over all answered documents: how often each outcome, and the share that is right."""

    outcomes: Mapping[str, int]
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class AmountError:
    """Sums over the labelled amounts of one field in one currency: how far the wrong ones are off, how much was not
    read at all, and what all of them come to; how many are wrong, by how much in the middle and at worst."""

    wrong: Decimal = Decimal(0)
    missing: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    count: int = 0
    median: Decimal | None = None
    worst: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What replies cost, from the `timed` cases alone. Seconds a document, output tokens a second over all of them,
    bytes, and the price of 1,000 documents in the currency of `Model.price`."""

    timed: int = 0
    measured_at: str | None = None
    median_seconds: float | None = None
    p95_seconds: float | None = None
    tokens_per_second: float | None = None
    visual_tokens: float | None = None
    peak_memory_bytes: int | None = None
    cost_per_1000: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(OfCandidate):
    """One model with one prompt over one suite. `statuses` add up to `documents`; `unanswered` names each cell that is
    not simply `ok`, with status and reason; `scores` are over the documents that were answered, well or not.
    `amount_error` is by field and currency, "" where that is not known."""

    suite: str
    model: str
    prompt_id: str
    documents: int
    statuses: Mapping[str, int]
    unanswered: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cached: int = 0
    scores: Mapping[str, Estimate] = field(default_factory=dict)
    fields: Mapping[str, FieldSummary] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    speed: Speed = Speed()
    amount_error: Mapping[str, Mapping[str, AmountError]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Values of like confidence: its mean, and the share that was right. `n` of `accuracy` counts documents."""

    confidence: float
    accuracy: Estimate
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(OfCandidate):
    """How far the own confidence of a candidate (`suite`, `model`, `prompt_id`) tells right from wrong. `source` says
    where it comes from: log-probabilities, checks, both, or "" for nowhere.

    `bins` is the reliability curve over `values` fields, `error` its expected calibration error; both need
    log-probabilities. `curve` has (share booked, share of those right) over `documents`, the surest first. `unseen` is
    the share of documents that could be booked unseen at precision `target`: those with a confidence of `threshold` or
    more, of which `booked` says how many were right (`low` is one-sided). `note` says what the figures do not show.
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
    note: str | Reason = ""
    suite: str = ""
    model: str = ""
    prompt_id: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence as data: `kind` names it among `vlm_lab.reasons.SENTENCES`, `figures` are what stands in it."""

    kind: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A value of a reference that may be wrong, and the `reasons` to think so; `said` is what each model answered
    instead."""

    suite: str
    document: str
    path: str
    reference: Any
    said: Mapping[str, Any]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two candidates (model, prompt) on the documents that both answered. `difference` is first minus second, paired.

    `p_value` is two-sided; `p_adjusted` is Holm's over the run's comparisons. `detectable` is the smallest difference
    that so many documents would have shown four times in five, `more_documents` how many further ones would show the
    present difference as often, if it and its scatter stay as they are. `left_out` names what only one answered.
    """

    suite: str
    first: tuple[str, str]
    second: tuple[str, str]
    score: str
    difference: Estimate
    p_value: float | None = None
    p_adjusted: float | None = None
    detectable: float | None = None
    more_documents: int | None = None
    left_out: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the difference is more than chance, the other comparisons considered."""
        return self.p_adjusted is not None and self.p_adjusted < 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(OfCandidate):
    """A model's word, which is that of its best prompt.

    `reasons` has what speaks for it (`evidence`), what speaks against it (`against`), and how it compares with the
    candidate of backend `replay`, the user's present pipeline (`pipeline`). `more_documents` is how many further
    invoices would decide, where that is what is missing. `verified` is the suite's.
    """

    suite: str
    model: str
    prompt_id: str
    verdict: Verdict
    reasons: Mapping[About, tuple[Reason, ...]] = field(default_factory=dict)
    more_documents: int | None = None
    verified: bool = False

    def reasons_for(self, about: About) -> tuple[Reason, ...]:
        """Why it was decided so, in one respect."""
        return self.reasons.get(about, ())


@dataclass(frozen=True, slots=True)
class Flip:
    """A field value that a second reply to the same prompt gives otherwise."""

    document: str
    path: str
    first: Any
    again: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(OfCandidate):
    """A candidate that was asked `documents` again after it had answered them: one at a time, or as one batch.

    `repeats` replies came, `identical` of them the same to the letter; of their `values` field values `flipped` are
    others. `cached` counts the first replies that came from the cache, `failed` names documents without a second one,
    `not_measured` says why there are no figures at all.
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
    flips: tuple[Flip, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    not_measured: str | Reason = ""


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
    suspects: Sequence[Suspect] = ()
    without_suspects: Sequence[Summary] = ()
    probes: Sequence[Probe] = ()
    calibrations: Sequence[Calibration] = ()
    machines: Mapping[str, Sequence[str]] = field(default_factory=dict)  # device, dtype -> models that answered
    environment: Mapping[str, Any] = field(default_factory=dict)
    documents: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str | Reason] = ()
