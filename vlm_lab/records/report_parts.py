"""What the free parts of report.json must hold: what a run says of itself, its suites, prompts,
documents and environment.

In comes what was read, out goes the first thing in it that later code could not use: somebody else
may have written the file. Only what is relied on stands here; further keys are let through.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from vlm_lab.files import find_path_fault
from vlm_lab.records.record_lines import check_names
from vlm_lab.sanitize import quote_value, replace_surrogates
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import Report


def _check_path(text: str) -> str:
    fault = find_path_fault(text)
    if fault:
        raise ValueError(f"{fault} (got {quote_value(text)})")
    return text


PathText = Annotated[str, AfterValidator(_check_path)]
Number = StrictInt | float
Probability = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, slots=True)
class _Options:
    """Those of the command line that are looked at again."""

    project: PathText = ""
    output_dir: PathText = ""
    cache: PathText | None = None
    suite: PathText | None = None
    documents: PathText | None = None
    references: PathText | None = None
    schema: PathText | None = None
    models_files: tuple[PathText, ...] = ()
    command: tuple[str, ...] = ()
    max_pages: StrictInt | None = None
    seed: StrictInt | None = None


@dataclass(frozen=True, slots=True)
class _Sweep:
    model: str
    setting: str
    values: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class _Holdout:
    opened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    id: str
    started: str
    dry_run: StrictBool
    command: tuple[str, ...]
    options: _Options
    partial: tuple[str, ...] | None = None
    joined: tuple[str, ...] | None = None
    sweeps: tuple[_Sweep, ...] | None = None
    looks: Mapping[str, StrictInt] | None = None
    holdout: Mapping[str, _Holdout] | None = None


@dataclass(frozen=True, slots=True)
class _Pages:
    max: StrictInt
    dpi: StrictInt


@dataclass(frozen=True, slots=True)
class _Conventions:
    date_order: Literal["dmy", "mdy", "ymd"]
    languages: tuple[str, ...]
    decimal_mark: Literal["", ".", ","] = ""


@dataclass(frozen=True, slots=True)
class _Field:
    path: str


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    schema_sha256: str
    verified: StrictBool
    pages: _Pages
    conventions: _Conventions
    fields: tuple[_Field, ...] = ()
    references: StrictInt = 0
    verified_references: StrictInt = 0
    cluster: str | None = None
    folder: PathText = ""
    corrections: PathText = ""


@dataclass(frozen=True, slots=True)
class _Prompt:
    suite: str
    id: str
    sha256: str
    template: str = ""


@dataclass(frozen=True, slots=True)
class _Document:
    suite: str
    id: str
    name: str
    tags: Mapping[str, str]
    path: PathText = ""
    decided: tuple[str, ...] = ()
    inclusion_probability: Probability | None = None


@dataclass(frozen=True, slots=True)
class _Example:
    """A value that a candidate got wrong."""

    document: str
    path: str
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True)
class _Summary:
    examples: Mapping[str, tuple[_Example, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Environment:
    python: str | None = None
    cpu: str = ""
    device: str = ""
    commit: str | None = None
    packages: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _FreeParts:
    run: _Run
    suites: tuple[_Suite, ...]
    prompts: tuple[_Prompt, ...]
    summaries: tuple[_Summary, ...]
    documents: tuple[_Document, ...] = ()
    environment: _Environment = field(default_factory=_Environment)


def check_free_parts(data: Mapping[str, Any]) -> None:
    """ValueError, a ValidationError with the key, where a part is missing or of another type."""
    parts = {key: data[key] for key in _FreeParts.__dataclass_fields__ if key in data}
    # pydantic knows no half character, and it breaks nothing
    get_adapter(_FreeParts).validate_python(replace_surrogates(parts))


def check_report_names(report: Report) -> None:
    """ValueError where a name could not be a file's, or where something is of a suite that the
    report does not describe."""
    suites = {suite["name"] for suite in report.suites}
    check_names(suites)
    check_names(model.name for model in report.models)
    for number, document in enumerate(report.documents):
        check_names((document["suite"], document["id"]))
        _check_suite(f"documents.{number}.suite", document["suite"], suites)
    for number, summary in enumerate(report.summaries):
        check_names(summary.candidate)
        _check_suite(f"summaries.{number}.suite", summary.suite, suites)


def _check_suite(location: str, suite: str, suites: Collection[str]) -> None:
    if suite not in suites:
        raise ValueError(f"{location}: {quote_value(suite)} is none of its suites")
