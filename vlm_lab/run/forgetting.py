"""A document and a run's folder -> the folder without it: records, cases, pictures, and a report
whose figures are without it, under the rules of today.

Records go last: where this breaks off, the document is still found, and forgotten by the next try.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.files import remove_abandoned_parts
from vlm_lab.records.record_head import RecordHead
from vlm_lab.records.report_json import encode_json, read_report
from vlm_lab.records.run_folder import (
    read_all_heads,
    read_records,
    remove_case_files,
    remove_records,
)
from vlm_lab.records.run_settings import (
    RunSettings,
    read_planned_cases,
    read_settings,
    write_settings,
)
from vlm_lab.report.formats import FILE_NAMES
from vlm_lab.report.images.pages import REPORT_FILES
from vlm_lab.report.redaction import REDACTED_FOLDER
from vlm_lab.run.cluster.documents import remove_planned
from vlm_lab.run.joining import JOINED_PREFIX
from vlm_lab.run.run_analysis import analyze_run, keep_own_notes, write_run_report
from vlm_lab.suite.document_ids import make_slug
from vlm_lab.types import CaseKey, Record, Report, Rules

FORGOTTEN = "forgotten"  # stands where a run's command named the document


@dataclass(frozen=True, slots=True)
class ForgottenDocument:
    """A document of one suite by all ids and names that runs have of it."""

    suite: str
    ids: frozenset[str]
    names: frozenset[str]

    def is_of(self, suite: object, document: object, name: object = None) -> bool:
        """Whether a record or an entry is about it."""
        return suite == self.suite and (document in self.ids or name in self.names)

    def replace_in(self, text: str) -> str:
        """The text without its ids and names."""
        return self._compile_pattern(lambda name: name).sub(FORGOTTEN, text)

    def is_named_in(self, value: Any) -> bool:
        """Whether a note, as report.json has it, names it."""
        pattern = self._compile_pattern(lambda name: json.dumps(name)[1:-1])
        return bool(pattern.search(encode_json(value)))

    def _compile_pattern(self, encode: Callable[[str], str]) -> re.Pattern[str]:
        names = sorted({*self.ids, *self.names}, key=len, reverse=True)
        return re.compile(
            rf"(?<![\w-])({'|'.join(re.escape(encode(each)) for each in names)})(?![\w-])"
        )


def list_run_documents(run: Path) -> Iterator[tuple[str, str, str]]:
    """Suite, id and name ("" where only the id is known) of all documents that a run tells of."""
    for head in read_all_heads(run):
        yield head.suite, head.document, str(head.document_name or "")
    with suppress(UserError):
        for suite, _, _, document in read_settings(run).cases:
            yield suite, document, ""
    with suppress(UserError):
        for described in read_report(run).documents:
            yield described["suite"], described["id"], str(described.get("name") or "")


def forget_in_run(run: Path, document: ForgottenDocument, rules: Rules) -> str:
    """Takes the document out of a run, whose lock the caller holds; what became of the report."""
    settings = _read_settings(run)
    if settings:
        write_settings(run, _forget_in_settings(settings, document))
    remove_case_files(run, document.ids, {document.suite})
    _remove_copies(run)
    _remove_pictures(run, document)
    outcome = _rebuild_report(run, document, rules)
    remove_planned(run, lambda planned: document.is_of(document.suite, planned.id, planned.name))
    remove_records(run, lambda head: _is_head_of(head, document))
    remove_abandoned_parts(run)
    return outcome


def remove_comparisons(run: Path) -> None:
    """Deletes what was written of this run and others together: the document may be of those."""
    for folder in run.glob(f"{JOINED_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for page in run.glob("changes-from-*.html"):
        page.unlink(missing_ok=True)


def _remove_copies(run: Path) -> None:
    """Deletes what is written from a run's report when somebody asks for it."""
    remove_comparisons(run)
    for folder in (run / REDACTED_FOLDER, run / REPORT_FILES / FILE_NAMES["csv"]):
        shutil.rmtree(folder, ignore_errors=True)
    (run / FILE_NAMES["confluence"]).unlink(missing_ok=True)


def _read_settings(run: Path) -> RunSettings | None:
    with suppress(UserError):
        return read_settings(run)
    return None


def _forget_in_settings(settings: RunSettings, document: ForgottenDocument) -> RunSettings:
    return replace(
        settings,
        command=tuple(map(document.replace_in, settings.command)),
        options=_forget_in_options(settings.options, document),
        cases=tuple(key for key in settings.cases if not document.is_of(key[0], key[3])),
    )


def _forget_in_options(
    options: Mapping[str, Any], document: ForgottenDocument
) -> Mapping[str, Any]:
    """The options as typed may name the document; what else they are stays."""
    command = [document.replace_in(str(word)) for word in options.get("command") or ()]
    return {**options, "command": command} if "command" in options else options


def _remove_pictures(run: Path, document: ForgottenDocument) -> None:
    """Deletes its page images, long texts and lines that were read; strips of pages are drawn anew
    with the report."""
    files = run / REPORT_FILES
    stems = {f"{make_slug(document.suite)}--{each}" for each in document.ids}
    pattern = re.compile(rf"({'|'.join(map(re.escape, stems))})(-\d+)?\.(jpg|js|json)")
    for path in files.rglob("*"):
        if pattern.fullmatch(path.name):
            path.unlink(missing_ok=True)
    for strip in (files / "crops").glob("*.png"):
        strip.unlink(missing_ok=True)


def _rebuild_report(run: Path, document: ForgottenDocument, rules: Rules) -> str:
    """Writes report.json, report.md and report.html without the document; where the run's files
    cannot be read, deletes them, and says so."""
    try:
        report = read_report(run)
        cases = [key for key in read_planned_cases(run) if not document.is_of(key[0], key[3])]
        _write_report_without(run, _forget_in_report(report, document), cases, rules)
    except UserError:
        for name in ("report.json", "report.md", "report.html"):
            (run / name).unlink(missing_ok=True)
        return "its report could not be written anew and is gone"
    return "its report's figures are now without it"


def _write_report_without(run: Path, report: Report, cases: list[CaseKey], rules: Rules) -> None:
    def read_kept_records() -> Iterator[Record]:
        return read_records(run, cases)

    analyzed = analyze_run(report, read_kept_records, cases, rules)
    # A report over very many documents names a sample of them.
    named = {(each["suite"], each["id"]) for each in report.documents}
    shown = [key for key in cases if (key[0], key[3]) in named]
    write_run_report(run, analyzed, read_records(run, shown))


def _forget_in_report(report: Report, document: ForgottenDocument) -> Report:
    """What is not counted anew: notes that name it, probes that asked it, and how the run compared
    with a baseline, which cannot be told without it."""
    documents = [each for each in report.documents if not document.is_of(each["suite"], each["id"])]
    probes = [
        probe
        for probe in report.probes
        if probe.suite != document.suite or not document.ids & {*probe.documents, *probe.failed}
    ]
    run = {
        **report.run,
        "command": [document.replace_in(word) for word in report.run.get("command") or ()],
        "options": _forget_in_options(report.run.get("options") or {}, document),
    }
    notes = [note for note in keep_own_notes(report) if not document.is_named_in(note)]
    return replace(
        report, run=run, documents=documents, probes=tuple(probes), notes=notes, gate=None
    )


def _is_head_of(head: RecordHead, document: ForgottenDocument) -> bool:
    return document.is_of(head.suite, head.document, head.document_name)
