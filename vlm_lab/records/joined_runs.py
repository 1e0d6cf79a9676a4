"""Several runs -> one Report and one stream of records, so that a new candidate is held against
those that were asked before.

Joined are runs over the same suites, read by the same schema and the same rules; any other is
refused. Of the documents those count whose file, reference and scoring are the same in all runs
that asked the suite: each other one is left out and named, and there is then no word about its
suite. A candidate that was asked in several runs has the answers of the newest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, list_first_names
from vlm_lab.records.joined_documents import AskedSuites, find_left_out
from vlm_lab.records.joined_notes import describe_machines, describe_prompts, describe_settings
from vlm_lab.records.joined_report import join_reports
from vlm_lab.records.record_head import RecordHead
from vlm_lab.records.report_json import encode_json, read_report
from vlm_lab.records.run_folder import read_heads, read_records
from vlm_lab.records.run_settings import read_planned_cases
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import CandidateKey, CaseKey, Record, Report

# What the same answer would be scored by, and what the candidates were shown.
SUITE_RULES = {
    "schema_sha256": "schema",
    "fields": "list of fields",
    "empty": "rule for empty values",
    "conventions": "set of conventions",
    "cluster": "cluster",
    "pages": "limit of pages or dpi",
}
MAX_NAMED = 10  # candidates that one note names
NOT_ASKED = ("skipped", "dry_run")


@dataclass(frozen=True, slots=True)
class _Run:
    """A run as it lies on the disk. `heads` are of its records, `cases` of what was planned."""

    folder: Path
    report: Report
    heads: Sequence[RecordHead]
    cases: Sequence[CaseKey]

    @property
    def id(self) -> str:
        return str(self.report.run["id"])

    @property
    def suites(self) -> dict[str, Mapping[str, Any]]:
        """What the report says of each."""
        return {suite["name"]: suite for suite in self.report.suites}


@dataclass(frozen=True, slots=True)
class JoinedRuns:
    """`report` has no figures yet; `cases` are the planned ones, with the folder of the run whose
    answers count. `notes` say what is to be known of the joining, and are in the report, too.
    `newest` is the folder of the newest run."""

    report: Report
    cases: Mapping[CaseKey, Path]
    notes: Sequence[Message]
    newest: Path

    def read_records(self) -> Iterator[Record]:
        """The records of the cases, a candidate at a time."""
        for folder in dict.fromkeys(self.cases.values()):
            order = [key for key, case_folder in self.cases.items() if case_folder == folder]
            yield from read_records(folder, order)


def join_runs(folders: Sequence[Path]) -> JoinedRuns:
    """The runs as one. UserError where they cannot be held against each other."""
    runs = sorted(
        map(_read_run, folders), key=lambda run: (run.report.run.get("started", ""), run.id)
    )
    _check_runs(runs)
    left_out, left_out_notes = find_left_out(
        [AskedSuites(run.id, [*run.suites], run.heads) for run in runs]
    )
    folder_by_candidate, newest_notes = _choose_runs(runs)
    cases = {
        key: run.folder
        for run in runs
        for key in run.cases
        if folder_by_candidate[CandidateKey(*key[:3])] == run.folder
        and (key[0], key[3]) not in left_out
    }
    reports = [run.report for run in runs]
    notes = [
        Message("joined", {"names": ", ".join(run.id for run in runs)}),
        *left_out_notes,
        *_describe_lone_suites(runs),
        *newest_notes,
        *describe_prompts(reports),
        *describe_settings(reports),
        *describe_machines(reports),
    ]
    report = join_reports(reports, {suite for suite, _ in left_out}, cases, notes)
    return JoinedRuns(report, cases, notes, runs[-1].folder)


def _read_run(folder: Path) -> _Run:
    # A run that nobody can go on with has its answers all the same.
    return _Run(folder, read_report(folder), read_heads(folder), read_planned_cases(folder))


def _check_runs(runs: Sequence[_Run]) -> None:
    """UserError in one line where an answer of one run cannot be held against one of another."""
    ids = [run.id for run in runs]
    if len({run.folder.resolve() for run in runs}) < len(runs):
        raise UserError(f"a run is named twice: {', '.join(ids)}")
    for run in runs:
        if run.report.run["dry_run"]:
            raise UserError(f"{run.id} was a dry run: no model was called, so it has no answers")
    if not set.intersection(*({*run.suites} for run in runs)):
        raise UserError(f"{', '.join(ids)}: have no suite in common, so nothing can be joined")
    for first, second in combinations(runs, 2):
        for name in first.suites.keys() & second.suites.keys():
            _check_rules(first, second, name)


def _check_rules(first: _Run, second: _Run, suite: str) -> None:
    different = [
        what
        for key, what in SUITE_RULES.items()
        if encode_json(first.suites[suite].get(key)) != encode_json(second.suites[suite].get(key))
    ]
    limits = [(run.report.run.get("options") or {}).get("max_pages") for run in (first, second)]
    if limits[0] != limits[1] and SUITE_RULES["pages"] not in different:
        different.append(SUITE_RULES["pages"])
    if different:
        raise UserError(
            f"{first.id} and {second.id} cannot be joined: the suite {terminal_safe(suite)} has"
            f" another {different[0]} in the second; ask the candidates again under one"
        )


def _choose_runs(runs: Sequence[_Run]) -> tuple[dict[CandidateKey, Path], list[Message]]:
    """The run whose answers of a candidate count: the newest that asked it, else the newest; and a
    note on the candidates that others asked, too."""
    chosen: dict[CandidateKey, _Run] = {}
    asked_in: dict[CandidateKey, list[_Run]] = {}
    for run in runs:
        for candidate in {head.candidate for head in run.heads if head.status not in NOT_ASKED}:
            asked_in.setdefault(candidate, []).append(run)
        for candidate in {CandidateKey(*key[:3]) for key in run.cases}:
            chosen[candidate] = asked_in.get(candidate, [run])[-1]
    labels_by_run: dict[str, list[str]] = {}
    for candidate, candidate_runs in asked_in.items():
        if len(candidate_runs) > 1:
            labels_by_run.setdefault(candidate_runs[-1].id, []).append(candidate.label)
    notes = [
        Message("joined_newest", {"run": run, "names": list_first_names(sorted(labels), MAX_NAMED)})
        for run, labels in labels_by_run.items()
    ]
    return {candidate: run.folder for candidate, run in chosen.items()}, notes


def _describe_lone_suites(runs: Sequence[_Run]) -> Iterator[Message]:
    """Suites that one run asked alone: their figures are that run's."""
    runs_by_suite: dict[str, list[str]] = {}
    for run in runs:
        for suite in run.suites:
            runs_by_suite.setdefault(suite, []).append(run.id)
    for suite, ids in runs_by_suite.items():
        if len(ids) == 1:
            yield Message("joined_lone_suite", {"suite": suite, "run": ids[0]})
