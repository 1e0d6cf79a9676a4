"""What one case is made of: from a suite's folder to the record of one answer.

Suite -> Document -> Page -> Prompt -> Generation -> Prediction -> FieldResult -> Score -> Record.
Values that a case is known by are hashable: a `Model` with an unhashable part would be loaded twice
by pytest, hence `hash=False` on its mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vlm_lab.messages import Message
from vlm_lab.pixel_file import Location, SizedSource, StoredPixels, store_pixels
from vlm_lab.types.reply_reasons import find_reply_reason

if TYPE_CHECKING:
    from PIL.Image import Image

Outcome = Literal["exact", "normalized", "wrong", "missing", "spurious", "unlabelled"]
PredictionStatus = Literal["ok", "unparsed", "truncated", "refused"]
Status = Literal["ok", "unparsed", "truncated", "refused", "error", "skipped", "dry_run"]
Verdict = Literal["chosen", "rejected", "needs_more_data"]
PageMode = Literal["together", "each", "first"]
ReasonTopic = Literal["evidence", "against", "pipeline"]  # what a decision gives reasons for


class CandidateKey(NamedTuple):
    """A model with one of its prompts over one suite: what is judged, compared and decided on."""

    suite: str
    model: str
    prompt_id: str

    @property
    def label(self) -> str:
        """`qwen2-vl-2b (terse)`: what a candidate is called where its suite is known."""
        return f"{self.model} ({self.prompt_id})"


CaseKey = tuple[str, str, str, str]  # suite, model, prompt, document: the same case in another run


class HasCandidate:
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

    `path` is dotted (`totals.gross`); a cell of a list's rows has `[]` after the list
    (`line_items[].amount`). `type` is a name from `fields.comparison.FIELD_TYPES` or
    `module:attribute`; `tolerance` is in the unit of the value.
    """

    path: str
    type: str = "text"
    tolerance: str = "0"


@dataclass(frozen=True, slots=True)
class Conventions:
    """How values are written in a suite: needed wherever a printed value is read."""

    date_order: Literal["dmy", "mdy", "ymd"] = "dmy"
    languages: tuple[str, ...] = ("en",)
    decimal_mark: Literal["", ".", ","] = ""  # "" where the suite does not say


@dataclass(frozen=True, slots=True)
class DocumentConventions(Conventions):
    """The suite's, with what one reference or one reply shows of its own: the decimal mark of its
    amounts, and the one currency that its document is in."""

    currency: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Suite:
    """A folder that says all about one kind of document: suite.yaml, schema.json, prompts.

    `cluster` is the tag that groups documents which are read alike, "" where each stands for
    itself; `holdout` the share of documents that are kept apart for the decision.
    `has_own_documents` is false where others were named for this run.
    """

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
    prompt_files: Mapping[str, Path] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    corrections: Path | None = None
    cluster: str = ""
    holdout: float = 0.0
    has_own_documents: bool = True


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Document:
    """One file, with what is known about it.

    `id` is the slug that file names and case ids use, `name` the true path relative to the
    documents folder. `reference` has the suite's own keys (unwrapped, mapped, technical keys
    removed), or None where there is none. `not_shown` are the paths of its values that stand only
    on pages that are left out, `decided` those of values that a person has decided about.
    `inclusion_probability` is the one with which it was drawn for its label, None where it was not.
    """

    id: str
    name: str
    path: Path
    suite: Suite
    reference: Mapping[str, Any] | None = None
    reference_path: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False
    not_shown: frozenset[str] = frozenset()
    decided: frozenset[str] = frozenset()
    inclusion_probability: float | None = None


@dataclass(frozen=True, eq=False)
class Page:
    """One rendered page: RGB pixels, all that a model ever gets of a document. `pixels` are three
    bytes each, row after row from the top with nothing between them. They are read, and `image` is
    made of them, when somebody looks: on the way to a worker nobody does."""

    index: int
    size: tuple[int, int]
    drawn: bytes | StoredPixels  # the pixels, or where they lie

    @classmethod
    def from_image(cls, index: int, image: Image) -> Page:
        """The page that shows a picture."""
        rgb_image = image if image.mode == "RGB" else image.convert("RGB")
        return cls(index, image.size, rgb_image.tobytes())

    @property
    def pixels(self) -> bytes:
        """Of `size`, from the top left."""
        return self.drawn if isinstance(self.drawn, bytes) else self.drawn.read()

    @property
    def source(self) -> bytes | Location:
        """What `pixel_file.read_pixels` of another process takes while this page is there."""
        return self._shared if isinstance(self._shared, bytes) else self._shared.location

    @property
    def sized_source(self) -> SizedSource:
        """What a worker makes an image of."""
        return self.size, self.source

    @cached_property
    def _shared(self) -> bytes | StoredPixels:
        return store_pixels(self.drawn) if isinstance(self.drawn, bytes) else self.drawn

    def __reduce__(self) -> tuple[type[Page], tuple[int, tuple[int, int], bytes]]:
        """On another machine there is no such file."""
        return Page, (self.index, self.size, self.pixels)

    @cached_property
    def image(self) -> Image:
        """The page for Pillow."""
        from PIL import Image

        return Image.frombytes("RGB", self.size, self.pixels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One candidate of models.yaml. `model_id` is a hub id, a folder, or what its backend takes
    (replay: a path). `chat_template_kwargs` are variables of its chat template. `only` names tags
    and the values of them that the model is meant for: it is not asked about other documents.
    `incumbent` says that this is what the team uses today. `isolate` is for a backend of one's own:
    whether it has a process of its own, which is what it has unless it is told otherwise. `serve`
    is the engine, or the command, that a run starts to serve the model, with `serve_args`. `image`
    is False where the model is sent text alone; `reader` names the model that reads the pages for
    `{{ ocr_text }}` in its prompts, the OCR baseline where it is None.
    `adapter` and `quantization` are what is done to weights that are loaded here."""

    name: str
    model_id: str
    revision: str = "main"
    backend: str = "transformers"
    isolate: bool | None = None
    serve: str | tuple[str, ...] | None = None
    serve_args: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ("default",)
    generation_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    dtype: str = "auto"
    attn_implementation: str = "auto"
    trust_remote_code: bool = False
    use_safetensors: bool = True
    adapter: str | None = None
    quantization: str | None = None
    python: str | None = None
    pages: PageMode = "together"
    image: bool = True
    reader: str | None = None
    dpi: int | None = None
    max_pages: int | None = None
    processor_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    load_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    backend_kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    price: Mapping[str, float] = field(default_factory=dict, hash=False)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    incumbent: bool = False
    status: Verdict = "needs_more_data"
    notes: str = ""

    def __hash__(self) -> int:
        """By the name, which models of a run do not share: pytest hashes one for each case."""
        return hash(self.name)

    @property
    def has_own_backend(self) -> bool:
        """Whether a user's class answers, named as `package.module:Class`."""
        return ":" in self.backend

    @property
    def is_isolated(self) -> bool:
        """Whether that class runs in a process of its own."""
        return self.has_own_backend and self.isolate is not False


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One cell: a model, one of its prompts (the template's text), a document. Pytest hashes each
    one several times: by identity, and `key` says which cells are the same. `reading` is the case
    whose reply is the pages' text in this one's prompt, None where the prompt shows none."""

    model: Model
    prompt_id: str
    template: str
    document: Document
    reading: Case | None = None
    # What makes this the same case in another run: made once, a run asks for it a dozen times.
    key: CaseKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = (self.document.suite.name, self.model.name, self.prompt_id, self.document.id)
        object.__setattr__(self, "key", key)  # the one way in a frozen class

    @property
    def id(self) -> str:
        """As pytest shows it: `qwen2-vl-2b-default-2024-03-inv_001`."""
        return f"{self.model.name}-{self.prompt_id}-{self.document.id}"

    @property
    def candidate(self) -> CandidateKey:
        """Whose case it is."""
        return CandidateKey(self.document.suite.name, self.model.name, self.prompt_id)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a backend is told about this run, beside its model."""

    cache: Path
    device: str = "auto"
    online: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; None where the backend does not say."""

    prompt_tokens: int | None = None
    visual_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What it took to read a document's pages for another model's prompt: the reader's name, its
    seconds (None where they are not known) and tokens, its price in models.yaml, and the key of its
    reply in the cache."""

    reader: str
    seconds: float | None = None
    usage: Usage = Usage()
    price: Mapping[str, float] = field(default_factory=dict)
    cached: bool = False
    measured_at: str | None = None
    reply_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """What `{{ ocr_text }}` stood for in a prompt, and by which readings it was had: the last one's
    reply is the text, those before it were read for that one's own prompt. `notes` tell of what was
    odd about it."""

    text: str
    readings: tuple[Reading, ...] = ()
    notes: tuple[Message, ...] = ()

    @property
    def seconds(self) -> float | None:
        """Of all readings; None where one of them is not known."""
        known = [each.seconds for each in self.readings if each.seconds is not None]
        return sum(known) if len(known) == len(self.readings) else None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prompt:
    """What one case sends: words and pages. `languages` are the document's, for readers that must
    choose a script; `suite` is for `replay`, whose JSON files are read as references are;
    `page_text` is what of the words was read from the pages."""

    id: str
    text: str
    pages: Sequence[Page]
    document_id: str
    document_name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    suite: Suite | None = None
    page_text: PageText | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds in a reply, where known: processor, until the first token, the tokens after it."""

    preprocess: float | None = None
    first_token: float | None = None
    decode: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a reply shared its seconds with, in the scenario `offline`: `size` prompts were asked
    together. `start` and `end` are seconds after `opened_at`, when the model's first request was
    made; `model_seconds` those between them in which the model worked, where that is known."""

    opened_at: str
    start: float
    end: float
    size: int = 1
    model_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A reply, verbatim, and what it cost.

    `page_responses` holds the single replies of a model that is asked page by page. `tokens` are
    (text, natural log-probability) pairs where the backend gives them. `environment` says what the
    reply was made with: device, dtype, attention, each with its reason, and versions. The harness
    fills in the last seven; `reply_key` is what the reply cache has it under, None where it has
    not, and `fields` are what was asked for, by which a reply of another shape is read. `notes`
    tell of its pages and of what else was odd. `batch` is of a reply that was asked beside others,
    and has no seconds of its own. `elapsed_seconds` and `rounds` have those of `page_text` in them.
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
    notes: tuple[Message, ...] = ()
    elapsed_seconds: float | None = None
    rounds: tuple[float, ...] = ()
    cached: bool = False
    measured_at: str | None = None
    reply_key: str | None = None
    fields: tuple[Field, ...] = ()
    batch: Batch | None = None
    page_text: PageText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a reply says, as data. `value` is None where nothing usable was found, see `reason`;
    `reshaped` says whether it was brought into the shape that was asked for; None where the parser
    did not know what was."""

    value: Mapping[str, Any] | None
    status: PredictionStatus = "ok"
    reason: str = ""
    repaired: bool = False
    reshaped: bool | None = None
    confidences: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldResult:
    """One field of one document. `path` of a cell has its reference row (`line_items[2].amount`); a
    spurious row's cells have the row they came from (`line_items[+1].amount`). `similarity` is
    0..1; `kind` names the error; `note` says why it is `unlabelled` though the reference has it.

    `field` is the schema's path (`line_items[].amount`). It and what follows are decided when
    scored and never read off a path, since keys may have brackets, too: whether this is a cell and
    no header field; the rows that the cell stands in, the outermost first; whether one of these is
    a spurious one.
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
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A prediction held against its reference. `scores` has ratios (None: nothing to judge) and the
    counts that they are made of, so that sums over documents give micro averages; `diff` is
    DeepDiff's."""

    fields: tuple[FieldResult, ...] = ()
    scores: Mapping[str, Any] = field(default_factory=dict)
    diff: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the harness has no answer for a cell, in English; `reason` is the same as data where it
    is a sentence of ours and no text of somebody else's code."""

    type: str
    message: str
    reason: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(HasCandidate):
    """One case as it is written: a line of records.jsonl and a file of its own. `scoring_sha256`
    is of all that decides its score beside reply and schema: the reference as it was corrected, and
    the suite's rules."""

    case: str
    suite: str
    document: str
    document_name: str
    page_index: int | None = None
    page_indices: tuple[int, ...] = ()
    pages_total: int | None = None
    notes: tuple[Message, ...] = ()
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
    batch: Batch | None = None
    generation_kwargs: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    mean_logprob: float | None = None
    finish_reason: str | None = None
    image_sizes: tuple[tuple[int, int], ...] = ()
    prediction: Mapping[str, Any] | None = None
    reason: str = ""
    repaired: bool = False
    reshaped: bool = False
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
    scoring_sha256: str | None = None
    verified: bool = False
    checks: Mapping[str, bool | None] = field(default_factory=dict)
    reply_key: str | None = None
    page_text: PageText | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    dry_run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> CaseKey:
        """What makes this the same case in another run."""
        return self.suite, self.model, self.prompt_id, self.document

    @property
    def failure_reason(self) -> Message | str:
        """Why there is no usable answer, as the harness or the reply says it; "" where there is."""
        error = self.error
        said = (error.reason or error.message) if error else ""
        return said or find_reply_reason(self.reason)


# Shares of what is right, over all documents; how each is counted stands in analysis.statistics.
SCORE_NAMES = (
    "field_f1",
    "field_f1_strict",
    "precision",
    "recall",
    "row_f1",
    "cell_f1",
    "documents_right",
)
# What `decide: require` limits from above; any other name is a score or a field, from below.
UPPER_LIMITS = (
    "median_seconds",
    "p95_seconds",
    "peak_memory_gb",
    "cost_per_1000",
    "max_error_rate",
)
DEFAULT_ERROR_RATE = 0.01


@dataclass(frozen=True, slots=True)
class CostRates:
    """models.yaml's `decide: cost`, in one currency: how long a person takes to correct one value,
    what an hour of that costs, and what a wrong total costs that nobody noticed."""

    minutes_per_field: float
    wage_per_hour: float
    missed_total: float


@dataclass(frozen=True, slots=True)
class Rules:
    """models.yaml's `decide`: what a model must reach to be chosen, and what is then preferred.
    `familywise_error_rate` is how often any of the candidates of a suite may be chosen wrongly, in
    all `looks` at growing numbers of documents together; with `anytime` bounds that hold after each
    label, whatever the number of looks. `by` is a tag: the rules hold for each of
    its values. Two candidates are as good as each other where their difference on the figure that
    is preferred first is shown to be smaller than `equivalence_margin`.
    `cost` is what errors cost, where that is known."""

    require: Mapping[str, float] = field(default_factory=lambda: {"field_f1": 0.95})
    prefer: tuple[str, ...] = ("field_f1", "p95_seconds")
    familywise_error_rate: float = 0.05
    looks: int = 1
    anytime: bool = False
    by: str = ""
    equivalence_margin: float | None = None
    cost: CostRates | None = None

    def __post_init__(self) -> None:
        # Cells that failed would else speak for nobody and against nobody.
        limits = {**self.require}
        limits.setdefault("max_error_rate", DEFAULT_ERROR_RATE)
        object.__setattr__(self, "require", limits)
