"""A run's report without values, for a wiki or a bug report: no value, no reply, no name of a
document, and no text that could quote one.

What is kept is listed here, not what is left out: figures, outcomes, the schema's field names, and
the names of suites, models and prompts. Documents are told by number. The copy is a report.json of
its own, from which every form is written as from any other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from vlm_lab.files import make_private_folder
from vlm_lab.messages import MESSAGES, Message
from vlm_lab.records.report_json import read_report, read_report_records, write_report
from vlm_lab.types import (
    UPPER_LIMITS,
    Calibration,
    Confidence,
    Decision,
    Failure,
    FieldResult,
    LabelError,
    Model,
    PageText,
    PolicyCheck,
    Record,
    Repeatability,
    Report,
    Summary,
)

REDACTED_FOLDER = "no-values"
HIDDEN = "•••"  # a value that is there, and not told
# Figures of a sentence that count, and never are a document's own.
COUNT_FIGURES = frozenset(
    {
        "n", "documents", "needed", "limit", "rule", "low", "high", "target", "page", "dpi",
        "asked", "width", "height", "across", "down", "seen", "verified", "wrong", "flipped",
        "values", "identical", "repeats", "agreeing", "digits", "unlabelled", "right", "booked",
    }
)  # fmt: skip
KEPT_SUITE_KEYS = (
    "name", "schema_sha256", "fields", "empty", "verified", "references", "verified_references",
    "conventions", "pages",
)  # fmt: skip
KEPT_RUN_KEYS = ("id", "started", "dry_run", "partial", "joined")
KEPT_ENVIRONMENT_KEYS = ("python", "device", "cpu", "packages")
DocumentKey = tuple[str, str]  # suite, document
Noted = TypeVar("Noted", Calibration, Confidence, PolicyCheck)


def write_redacted_report(run: Path) -> Path:
    """Writes report.json without values into a folder of the run's; that folder."""
    report = read_report(run)
    redaction = _Redaction(report)
    folder = run / REDACTED_FOLDER
    make_private_folder(folder, run)
    records = map(redaction.redact_record, read_report_records(run))
    write_report(folder / "report.json", redaction.redact_report(report), records)
    return folder


class _Redaction:
    """The numbers of a run's documents, and the names that may be told."""

    def __init__(self, report: Report) -> None:
        self.numbers: dict[DocumentKey, str] = {}
        for document in report.documents:
            key = document["suite"], document["id"]
            self.numbers.setdefault(key, str(len(self.numbers) + 1))
        self.known_names = set(_list_known_names(report))

    def redact_report(self, report: Report) -> Report:
        """All that a report says beside its records."""
        return Report(
            run=_redact_run(report.run),
            environment=_keep_keys(report.environment, KEPT_ENVIRONMENT_KEYS),
            suites=[_keep_keys(suite, KEPT_SUITE_KEYS) for suite in report.suites],
            models=[_redact_model(model) for model in report.models],
            prompts=[{**prompt, "template": HIDDEN} for prompt in report.prompts],
            documents=[self._redact_document(document) for document in report.documents],
            summaries=[self._redact_summary(summary) for summary in report.summaries],
            comparisons=[
                replace(comparison, left_out=self._number(comparison.suite, comparison.left_out))
                for comparison in report.comparisons
            ],
            decisions=[self._redact_decision(decision) for decision in report.decisions],
            sweeps=[
                replace(curve, conclusion=self._redact_message(curve.conclusion))
                for curve in report.sweeps
            ],
            suspects=[self._redact_label_error(error) for error in report.suspects],
            without_suspects=[self._redact_summary(each) for each in report.without_suspects],
            probes=[self._redact_probe(probe) for probe in report.probes],
            calibrations=self._redact_notes(report.calibrations),
            confidences=self._redact_notes(report.confidences),
            policies=self._redact_notes(report.policies),
            expected_costs=report.expected_costs,
            gate=report.gate and replace(report.gate, baseline=HIDDEN, lines=()),
            machines=report.machines,
            notes=[
                self._redact_message(note) for note in report.notes if isinstance(note, Message)
            ],
        )

    def redact_record(self, record: Record) -> Record:
        """Outcomes, figures and states; an error's kind alone."""
        number = self.numbers.get((record.suite, record.document), HIDDEN)
        scores = {
            name: value
            for name, value in record.scores.items()
            if value is None or isinstance(value, int | float)
        }
        return Record(
            case=f"{record.model}-{record.prompt_id}-{number}",
            suite=record.suite,
            document=number,
            document_name=number,
            pages_total=record.pages_total,
            model=record.model,
            model_id=HIDDEN,
            revision=HIDDEN,
            backend=record.backend,
            prompt_id=record.prompt_id,
            elapsed_seconds=record.elapsed_seconds,
            timing=record.timing,
            page_text=_redact_page_text(record.page_text),
            usage=record.usage,
            mean_logprob=record.mean_logprob,
            finish_reason=record.finish_reason,
            fields=tuple(map(_redact_field, record.fields)),
            scores=scores,
            status=record.status,
            error=Failure(record.error.type, record.error.type) if record.error else None,
            cached=record.cached,
            measured_at=record.measured_at,
            peak_memory_bytes=record.peak_memory_bytes,
            verified=record.verified,
            checks=record.checks,
        )

    def _number(self, suite: str, documents: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.numbers.get((suite, document), HIDDEN) for document in documents)

    def _redact_document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        number = self.numbers[document["suite"], document["id"]]
        return {
            "suite": document["suite"],
            "id": number,
            "name": number,
            "path": "",
            "tags": {},
            "reference": document.get("reference"),
        }

    def _redact_summary(self, summary: Summary) -> Summary:
        """Sums in money are left out: the sum of one document is its value."""
        numbers = self._number(summary.suite, summary.unanswered)
        statuses = [status for status, _ in summary.unanswered.values()]
        unanswered = {
            number: (status, "") for number, status in zip(numbers, statuses, strict=True)
        }
        return replace(summary, unanswered=unanswered, examples={}, tags={}, amount_error={})

    def _redact_decision(self, decision: Decision) -> Decision:
        reasons = {
            topic: tuple(self._redact_message(message) for message in messages)
            for topic, messages in decision.reasons.items()
        }
        return replace(decision, reasons=reasons)

    def _redact_label_error(self, error: LabelError) -> LabelError:
        (number,) = self._number(error.suite, [error.document])
        return replace(
            error,
            document=number,
            reference=HIDDEN,
            said=dict.fromkeys(error.said, HIDDEN),
            reasons=tuple(self._redact_message(each) for each in error.reasons),
        )

    def _redact_probe(self, probe: Repeatability) -> Repeatability:
        numbers = self._number(probe.suite, probe.failed)
        return replace(
            probe,
            documents=self._number(probe.suite, probe.documents),
            flips=(),
            failed=dict.fromkeys(numbers, ""),
            not_measured=self._redact_text(probe.not_measured),
        )

    def _redact_notes(self, findings: Iterable[Noted]) -> list[Noted]:
        return [replace(finding, note=self._redact_text(finding.note)) for finding in findings]

    def _redact_text(self, text: str | Message) -> str | Message:
        if isinstance(text, Message):
            return self._redact_message(text)
        return HIDDEN if text else ""

    def _redact_message(self, message: Message) -> Message:
        kept_figures = COUNT_FIGURES | _find_measures(message.kind)
        figures = {
            name: self._redact_figure(value, name in kept_figures)
            for name, value in message.figures.items()
        }
        return Message(message.kind, figures)

    def _redact_figure(self, value: Any, is_kept: bool) -> Any:
        """A count, a name that is known, or a sentence within the sentence; else hidden."""
        if isinstance(value, Mapping) and value.keys() == {"kind", "figures"}:
            value = Message(**value)
        if isinstance(value, Message):
            return self._redact_message(value)
        if isinstance(value, list | tuple):
            return [self._redact_figure(item, False) for item in value]
        if isinstance(value, str):
            return value if value in self.known_names else HIDDEN
        return value if is_kept else HIDDEN


@cache
def _find_measures(kind: str) -> frozenset[str]:
    """The figures that a sentence rounds (`{value:.3f}`): no value of a document is."""
    parts = [part for msgid in MESSAGES[kind] for part in Formatter().parse(msgid)]
    return frozenset(name for _, name, specification, _ in parts if name and specification)


def _list_known_names(report: Report) -> Iterator[str]:
    """Suites, candidates, fields, scores, limits, and what was swept."""
    for curve in report.sweeps:
        yield from (curve.setting, curve.candidate.label)
        for point in curve.points:
            yield from (str(point.value), f"{curve.setting} {point.value}")
    for summary in report.summaries:
        yield from (*summary.candidate, summary.candidate.label)
        yield from (*summary.scores, *summary.fields)
    yield from UPPER_LIMITS


def _redact_page_text(page_text: PageText | None) -> PageText | None:
    """Who read it, and in what time."""
    if page_text is None:
        return None
    readings = tuple(replace(reading, reply_key=None) for reading in page_text.readings)
    return PageText(text=HIDDEN, readings=readings)


def _redact_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """When it was and what of it was shown, not what was typed."""
    options = {"max_pages": run["options"].get("max_pages")}
    return {**_keep_keys(run, KEPT_RUN_KEYS), "command": [], "options": options}


def _keep_keys(facts: Mapping[str, Any], kept_keys: Iterable[str]) -> dict[str, Any]:
    return {key: facts[key] for key in kept_keys if key in facts}


def _redact_model(model: Model) -> Model:
    """Where its weights or its server are, and what it is told, is nobody's business."""
    return replace(
        model,
        model_id=HIDDEN,
        revision=HIDDEN,
        python=None,
        adapter=None if model.adapter is None else HIDDEN,
        generation_kwargs={},
        processor_kwargs={},
        chat_template_kwargs={},
        load_kwargs={},
        backend_kwargs={},
        only={},
        notes="",
    )


def _redact_field(result: FieldResult) -> FieldResult:
    """What is not there stays so: a missing value is told from one that is hidden."""
    expected, actual = (
        None if value is None else HIDDEN for value in (result.expected, result.actual)
    )
    return replace(result, expected=expected, actual=actual)
