"""What changed between two runs, field by field and document by document: gained, lost.

Gained: not right in the first run, right in the second; lost: the other way round. Only what both
runs asked is held against each other; what one of them did not ask, or had no answer for, is
counted and named.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vlm_lab.files import atomic_private_file
from vlm_lab.records.report_json import read_report_records
from vlm_lab.report.html.jinja_environment import (
    TEMPLATE_FOLDER,
    build_environment,
    build_style_policy,
)
from vlm_lab.types import ANSWERED, CORRECT, CandidateKey, CaseKey, Record

MAX_LISTED_CHANGES = 2000  # changes that the page lists; the counts have all
FieldAnswers = dict[tuple[str, str], tuple[str, Any]]  # field, path -> outcome, answered


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that one run had right and the other had not."""

    case: CaseKey
    field: str
    path: str
    gained: bool
    expected: Any
    before: Any
    after: Any


def find_changes(first: Path, second: Path) -> tuple[list[FieldChange], dict[CaseKey, str]]:
    """Every change from the first run to the second, and the cases that only one of them answered
    -> its name."""
    first_answers = {
        record.key: _index_answers(record)
        for record in read_report_records(first)
        if record.status in ANSWERED
    }
    field_changes: list[FieldChange] = []
    answered_once = dict.fromkeys(first_answers, first.name)
    for record in read_report_records(second):
        if record.status not in ANSWERED:
            continue
        if record.key not in first_answers:
            answered_once[record.key] = second.name
            continue
        del answered_once[record.key]
        field_changes.extend(_compare_case(first_answers[record.key], record))
    return field_changes, answered_once


def write_changes(
    first: Path, second: Path, language: str = "en", output: Path | None = None
) -> Path:
    """A page, in the second run's folder where no place is named; where it lies."""
    field_changes, answered_once = find_changes(first, second)
    style = (TEMPLATE_FOLDER / "report.css").read_text("utf-8")
    template = build_environment(language).get_template("changes.html")
    page = template.render(
        language=language,
        policy=build_style_policy(style),
        style=Markup(style),  # noqa: S704 - our own file
        first=first.name,
        second=second.name,
        fields=_count_by_field(field_changes),
        documents=_group_by_document(field_changes[:MAX_LISTED_CHANGES]),
        left_out=max(0, len(field_changes) - MAX_LISTED_CHANGES),
        answered_once=_group_by_candidate(answered_once),
        gained=sum(change.gained for change in field_changes),
        lost=sum(not change.gained for change in field_changes),
    )
    path = second / f"changes-from-{first.name}.html"
    if output:
        path = output if output.suffix else output / path.name
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_private_file(path) as file:
        file.write(page.encode("utf-8", "replace"))
    return path


def _index_answers(record: Record) -> FieldAnswers:
    return {
        (result.field, result.path): (result.outcome, result.actual) for result in record.fields
    }


def _compare_case(first_answers: FieldAnswers, record: Record) -> Iterator[FieldChange]:
    """A value that the other run says nothing of (a spurious row) was right there, as nothing was
    asked for."""
    second_answers = _index_answers(record)
    expected = {(result.field, result.path): result.expected for result in record.fields}
    for field_and_path in dict.fromkeys([*second_answers, *first_answers]):
        before, before_value = first_answers.get(field_and_path, ("exact", None))
        after, after_value = second_answers.get(field_and_path, ("exact", None))
        gained = after in CORRECT
        if "unlabelled" in (before, after) or gained == (before in CORRECT):
            continue
        yield FieldChange(
            record.key,
            *field_and_path,
            gained,
            expected.get(field_and_path),
            before_value,
            after_value,
        )


def _count_by_field(field_changes: list[FieldChange]) -> list[tuple[str, str, int, int]]:
    """Candidate, field, gained, lost; where most was lost first."""
    counts: dict[tuple[str, str], Counter[bool]] = {}
    for change in field_changes:
        label = CandidateKey(*change.case[:3]).label
        counts.setdefault((label, change.field), Counter())[change.gained] += 1
    rows = [(label, path, count[True], count[False]) for (label, path), count in counts.items()]
    return sorted(rows, key=lambda row: (-row[3], -row[2], row[0], row[1]))


def _group_by_document(field_changes: list[FieldChange]) -> dict[str, list[FieldChange]]:
    """Among several suites two documents may have one id."""
    has_several_suites = len({change.case[0] for change in field_changes}) > 1
    documents: dict[str, list[FieldChange]] = {}
    for change in field_changes:
        suite, _, _, document = change.case
        name = f"{suite}/{document}" if has_several_suites else document
        documents.setdefault(name, []).append(change)
    return documents


def _group_by_candidate(answered_once: Mapping[CaseKey, str]) -> list[tuple[str, str, list[str]]]:
    """Run, candidate, and the documents that this run alone has an answer for."""
    documents_by_candidate: dict[tuple[str, str], list[str]] = {}
    for (*candidate, document), run in answered_once.items():
        label = CandidateKey(*candidate).label
        documents_by_candidate.setdefault((run, label), []).append(document)
    return [(run, label, documents) for (run, label), documents in documents_by_candidate.items()]
