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
from vlm_lab.records.run_folder import CaseKey, make_case_key
from vlm_lab.report.html.page import TEMPLATE_FOLDER, build_environment, build_style_policy
from vlm_lab.types import ANSWERED, CORRECT, CandidateKey

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
    before = {
        make_case_key(row): _index_answers(row)
        for row in read_report_records(first)
        if row["status"] in ANSWERED
    }
    found: list[FieldChange] = []
    alone = dict.fromkeys(before, first.name)
    for row in read_report_records(second):
        key = make_case_key(row)
        if row["status"] not in ANSWERED:
            continue
        if key not in before:
            alone[key] = second.name
            continue
        del alone[key]
        found.extend(_compare_case(key, before[key], row))
    return found, alone


def write_changes(first: Path, second: Path, language: str = "en") -> Path:
    """A page in the second run's folder; where it lies."""
    found, alone = find_changes(first, second)
    style = (TEMPLATE_FOLDER / "report.css").read_text("utf-8")
    page = (
        build_environment(language)
        .get_template("changes.html")
        .render(
            language=language,
            policy=build_style_policy(style),
            style=Markup(style),  # noqa: S704 - our own file
            first=first.name,
            second=second.name,
            fields=_count_by_field(found),
            documents=_group_by_document(found[:MAX_LISTED_CHANGES]),
            left_out=max(0, len(found) - MAX_LISTED_CHANGES),
            alone=_group_by_candidate(alone),
            gained=sum(change.gained for change in found),
            lost=sum(not change.gained for change in found),
        )
    )
    path = second / f"changes-from-{first.name}.html"
    with atomic_private_file(path) as file:
        file.write(page.encode("utf-8", "replace"))
    return path


def _index_answers(row: Mapping[str, Any]) -> FieldAnswers:
    return {
        (each["field"], each["path"]): (each["outcome"], each["actual"]) for each in row["fields"]
    }


def _compare_case(
    key: CaseKey, before: FieldAnswers, row: Mapping[str, Any]
) -> Iterator[FieldChange]:
    """A value that the other run says nothing of (a spurious row) was right there, as nothing was
    asked for."""
    now = _index_answers(row)
    expected = {(each["field"], each["path"]): each["expected"] for each in row["fields"]}
    for place in dict.fromkeys([*now, *before]):
        old, new = before.get(place, ("exact", None)), now.get(place, ("exact", None))
        if "unlabelled" not in (old[0], new[0]) and (old[0] in CORRECT) != (new[0] in CORRECT):
            yield FieldChange(key, *place, new[0] in CORRECT, expected.get(place), old[1], new[1])


def _count_by_field(found: list[FieldChange]) -> list[tuple[str, str, int, int]]:
    """Candidate, field, gained, lost; where most was lost first."""
    counts: dict[tuple[str, str], Counter[bool]] = {}
    for change in found:
        name = CandidateKey(*change.case[:3]).label
        counts.setdefault((name, change.field), Counter())[change.gained] += 1
    rows = [(name, path, count[True], count[False]) for (name, path), count in counts.items()]
    return sorted(rows, key=lambda row: (-row[3], -row[2], row[0], row[1]))


def _group_by_document(found: list[FieldChange]) -> dict[str, list[FieldChange]]:
    """Among several suites two documents may have one id."""
    several = len({change.case[0] for change in found}) > 1
    documents: dict[str, list[FieldChange]] = {}
    for change in found:
        suite, _, _, document = change.case
        documents.setdefault(f"{suite}/{document}" if several else document, []).append(change)
    return documents


def _group_by_candidate(alone: Mapping[CaseKey, str]) -> list[tuple[str, str, list[str]]]:
    """Run, candidate, and the documents that this run alone has an answer for."""
    found: dict[tuple[str, str], list[str]] = {}
    for (*candidate, document), run in alone.items():
        found.setdefault((run, CandidateKey(*candidate).label), []).append(document)
    return [(run, name, documents) for (run, name), documents in found.items()]
